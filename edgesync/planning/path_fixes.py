"""What mends a path without direct trust: recipes, each tried on a fork before it is shown."""

from __future__ import annotations

from collections.abc import Iterator

from directory.clock import Clock
from edgesync.certificates.services import Services
from edgesync.client_access.client_rules import ClientKind
from edgesync.config import Version
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from edgesync.lab.unified_messaging import UnifiedMessaging
from edgesync.organization.connectors import AuthMechanism, list_receive_connectors
from edgesync.organization.voice import StartupMode, VoipSecurity
from edgesync.planning import commands
from edgesync.planning.all_paths import PathTester
from edgesync.planning.client_view import MAIL_PROTOCOLS
from edgesync.planning.commands import Fork, Runner
from edgesync.planning.explain_mail import connector_for
from edgesync.planning.explain_voice import NO_GATEWAY
from edgesync.planning.fixes import ALTERNATIVES_MAX, Fixes, Recipe, flag_options
from edgesync.planning.paths import PathRow

CERTIFICATES_TRIED_MAX = 3
"""Certificates of a store that are tried, newest first."""

NAMES_MAX = 20
"""Most names put into a new certificate."""

_SERVICES = {"client-https": "IIS", "cas-proxy": "IIS", "client-pops": "POP",
             "client-imaps": "IMAP", "gateway-um": "UM"}  # fmt: skip


def find_path_fixes(lab: Lab, row: PathRow, *, fork: Fork, runner: Runner, clock: Clock) -> Fixes:
    """The shortest recipe after which nothing is wrong with the path, and others that do too."""
    working: list[Recipe] = []
    tried = 0
    for recipe in dict.fromkeys(_recipes(lab, row)):
        tried += 1
        if _mends(lab, row, recipe, fork, runner, clock):
            working.append(recipe)
            if len(working) > ALTERNATIVES_MAX:
                break
    return Fixes(working[0] if working else (), tuple(working[1:]), tried)


def _mends(
    lab: Lab, row: PathRow, recipe: Recipe, fork: Fork, runner: Runner, clock: Clock
) -> bool:
    twin = fork(lab)
    try:
        if not all(runner.run(twin, command).went_well for command in recipe):
            return False
        after = PathTester(twin, clock).ask(row.question)
        if after.reason or row.reason:  # what failed has to work; a warning may have been there
            return not after.reason
        return not after.note or after.note.startswith(NO_GATEWAY)
    finally:
        twin.close()


def _recipes(lab: Lab, row: PathRow) -> Iterator[Recipe]:
    path, target = row.question.path, row.question.target
    if path in ("hub-hub", "um-hub"):
        yield from _connector(lab, row, AuthMechanism.EXCHANGE_SERVER | AuthMechanism.TLS)
        yield from _default(lab, target)
    elif path in ("internet-edge", "client-hub"):
        yield from _connector(lab, row, AuthMechanism.TLS)
        yield from _starttls(lab, row)
    elif path == "gateway-um":
        yield from _voice(lab, row)
    else:
        yield from _clients(lab, row)


def _connector(lab: Lab, row: PathRow, wanted: AuthMechanism) -> Iterator[Recipe]:
    """A Receive connector that answers, and offers what the path needs."""
    target = row.question.target
    connector = connector_for(lab, row)
    if connector is None:
        for disabled in list_receive_connectors(lab.port_of(target), lab.names_of(target), target):
            if not disabled.enabled and disabled.port == row.port:
                yield (commands.set_connector(f"{target}\\{disabled.name}", "--enabled", "true"),)
        return
    identity = f"{target}\\{connector.name}"
    flags = connector.auth_mechanism | wanted
    if flags != connector.auth_mechanism:
        yield (commands.set_connector(identity, "--auth-mechanism", *flag_options(flags)),)
    if connector.suppress_x_anonymous_tls:
        yield (commands.set_connector(identity, "--suppress-x-anonymous-tls", "false"),)


def _default(lab: Lab, server: str) -> Iterator[Recipe]:
    """An internal transport certificate that can be presented."""
    for mark in _usable(lab, server):
        yield (commands.make_default(server, mark),)
    yield (commands.new_default(server),)


def _starttls(lab: Lab, row: PathRow) -> Iterator[Recipe]:
    target = row.question.target
    for mark in _usable(lab, target):
        yield (commands.enable(target, mark, "SMTP"),)
    connector = connector_for(lab, row)
    if connector is None:
        return
    fqdn = lab.server(target).fqdn
    if connector.fqdn and connector.fqdn.casefold() != fqdn.casefold():
        yield (commands.set_connector(f"{target}\\{connector.name}", "--fqdn", fqdn),)
    name = connector.fqdn or fqdn
    # No: the internal transport certificate, and with it direct trust, stays as it is
    yield (commands.new_named(target, (name,), "SMTP", default=False),)


def _clients(lab: Lab, row: PathRow) -> Iterator[Recipe]:
    """One certificate with every name, of an authority the clients trust."""
    path, target = row.question.path, row.question.target
    service, access = _SERVICES[path], lab.service(ClientAccess)
    if path == "cas-proxy":
        yield (commands.allow_internal_untrusted(row.question.source),)
    if row.server is None:
        for mark in _usable(lab, target):
            yield (commands.enable(target, mark, service),)
    fqdn = lab.server(target).fqdn
    if (protocol := MAIL_PROTOCOLS.get(path)) is not None:
        yield (commands.protocol_name(target, protocol, fqdn),)
        wanted: tuple[str, ...] = (access.mail_access(target).selection(protocol).name,)
    else:
        kinds = (ClientKind.AUTODISCOVER, ClientKind.OUTLOOK_ANYWHERE)
        used = [name for kind in kinds for name in access.names_used(target, kind)]
        wanted = tuple({name.casefold(): name for name in (*used, fqdn)}.values())[:NAMES_MAX]
    yield commands.issued(target, wanted, "public", service)
    yield (commands.new_named(target, wanted, service, default=False),)


def _voice(lab: Lab, row: PathRow) -> Iterator[Recipe]:
    target = row.question.target
    host = lab.service(UnifiedMessaging).host(target)
    restart = commands.um_restart(target)
    yield (restart,)
    if not host.dial_plans():
        yield (commands.dial_plan("Main", VoipSecurity.UNSECURED.value, target),)
        yield (commands.dial_plan("Main", VoipSecurity.SIP_SECURED.value, target),)
    for plan in host.dial_plans():
        if plan.security is VoipSecurity.UNSECURED:
            secured = commands.dial_plan(plan.name, VoipSecurity.SIP_SECURED.value)
            yield (secured,)
            yield (*commands.issued(target, (host.fqdn,), "enterprise", "UM"), secured)
    # from 2010 on no certificate can be enabled for UM while its mode is TCP
    first: Recipe = ()
    if not host.mode.takes_tls and lab.description.version.at_least(Version.EXCHANGE_2010):
        first = (commands.startup_mode(target, StartupMode.DUAL.value),)
    for mark in _usable(lab, target):
        yield (*first, commands.enable(target, mark, "UM"), restart)
    yield (*first, *commands.issued(target, (host.fqdn,), "enterprise", "UM"), restart)


def _usable(lab: Lab, server: str) -> list[str]:
    """Certificates of a store with their keys, in their validity, newest first."""
    now = lab.clock.now()
    found = [
        c for c in lab.store(server).certificates
        if c.has_private_key and not c.is_pending and c.not_before <= now <= c.not_after
    ]  # fmt: skip
    found.sort(key=lambda c: (Services.SMTP in c.services, c.not_before), reverse=True)
    return [c.thumbprint for c in found[:CERTIFICATES_TRIED_MAX]]
