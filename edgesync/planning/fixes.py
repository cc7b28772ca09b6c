"""The shortest commands that mend a verdict, found by running them on a fork.

What might help is guessed from the reason; what is printed has been tried: a candidate counts
only when the cell is trusted afterwards (certificate-facts 4.8, 9; edgesync-facts 3.4, 10).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from directory.clock import Clock
from edgesync.certificates.certificate import thumbprint
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network, server_ip
from edgesync.organization.connectors import (
    AuthMechanism,
    PermissionGroups,
    list_receive_connectors,
)
from edgesync.planning import commands
from edgesync.planning.ask import Asker
from edgesync.planning.classify import Finding, classify
from edgesync.planning.commands import Fork, Runner
from edgesync.planning.observation import Observation
from edgesync.planning.pairs import Topology
from edgesync.transport.connector_choice import choose
from edgesync.trust.verdict import Reason

ALTERNATIVES_MAX = 2
"""Further fixes that are tried and shown."""

Recipe = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fixes:
    """What was tried and works, shortest first."""

    fix: Recipe = ()
    alternatives: tuple[Recipe, ...] = ()
    tried: int = 0


def find_fixes(
    lab: Lab, seen: Observation, finding: Finding, *, fork: Fork, runner: Runner, clock: Clock
) -> Fixes:
    """The shortest recipe that makes the cell trusted, and other ways that do too."""
    if finding:
        return Fixes()
    working: list[Recipe] = []
    tried = 0
    if _mends(lab, seen, (), fork, runner, clock):
        return Fixes()  # a fork has no such trouble: it is on the wires, where no command reaches
    for recipe in dict.fromkeys(recipes(lab, seen, finding.reason)):
        tried += 1
        if _mends(lab, seen, recipe, fork, runner, clock):
            working.append(recipe)
            if len(working) > ALTERNATIVES_MAX:
                break
    return Fixes(working[0] if working else (), tuple(working[1:]), tried)


def _mends(
    lab: Lab, seen: Observation, recipe: Recipe, fork: Fork, runner: Runner, clock: Clock
) -> bool:
    twin = fork(lab)
    try:
        for command in recipe:
            if not runner.run(twin, command).went_well:
                return False
        return bool(classify(Asker(twin, clock)(seen.verifier, seen.peer, seen.path)))
    finally:
        twin.close()


def recipes(lab: Lab, seen: Observation, reason: Reason) -> Iterator[Recipe]:
    """What might help, shortest first; all of it is tried before any of it is shown."""
    topology = Topology.of(lab)
    edge = seen.verifier if seen.verifier_is_edge else seen.peer
    site = topology.site_of(edge)
    place = site.rdn.value if site is not None else _site_of(lab, seen)
    hubs = [h.name for h in topology.hubs_of(edge)] or [""]
    syncs = [(commands.sync(edge),), *((commands.sync(edge, hub),) for hub in hubs)]
    again = commands.resubscribe(edge, place)
    yield from _connector(lab, seen, reason)
    if reason is Reason.STALE_REPLICA:
        yield from syncs
    yield from _back(lab, seen, reason)
    for first in _forward(lab, seen, reason):
        yield first
        if seen.peer != edge:
            yield from ((*first, *more) for more in syncs)
        yield (*first, *again)
    yield from syncs
    yield again


def _back(lab: Lab, seen: Observation, reason: Reason) -> Iterator[Recipe]:
    """Go back (or on) to the certificate that is published already, when the store has it."""
    wanted = seen.facts.find(seen.facts.trusted)
    if wanted is None or reason not in {
        Reason.MISMATCH, Reason.STALE_PRESENTER, Reason.NOT_PUBLISHED, Reason.KEY_UNAVAILABLE,
    }:  # fmt: skip
        return
    certificate = lab.store(seen.peer).get(thumbprint(wanted.der))
    soon = lab.clock.now() + lab.description.trust_policy.expires_soon
    if certificate is not None and certificate.not_after > soon:
        yield (commands.make_default(seen.peer, certificate.thumbprint),)


def _forward(lab: Lab, seen: Observation, reason: Reason) -> Iterator[Recipe]:
    """Give the peer a certificate it can present: one it has, else a new one."""
    store = lab.store(seen.peer)
    if reason in {Reason.NOT_PUBLISHED, Reason.KEY_UNAVAILABLE, Reason.NO_CERTIFICATE}:
        usable = [c for c in store.certificates if c.has_private_key and not c.is_pending]
        for certificate in sorted(usable, key=lambda c: c.not_before, reverse=True)[:2]:
            if not certificate.is_expired(lab.clock.now()):
                yield (commands.make_default(seen.peer, certificate.thumbprint),)
    if reason in {
        Reason.NOT_PUBLISHED, Reason.KEY_UNAVAILABLE, Reason.NO_CERTIFICATE,
        Reason.SHARED_CERTIFICATE, Reason.NOT_YET_VALID, Reason.WEAK_CERTIFICATE,
        Reason.TLS_FAILED, Reason.TLS_NOT_OFFERED,
    }:  # fmt: skip
        yield (commands.new_default(seen.peer),)
    if reason in {Reason.SHARED_CERTIFICATE, Reason.TLS_NOT_OFFERED}:
        yield (commands.new_default(seen.verifier),)


def _connector(lab: Lab, seen: Observation, reason: Reason) -> Iterator[Recipe]:
    """Let the Receive connector take Exchange servers again."""
    if reason not in {Reason.CONNECTOR_REFUSES, Reason.TLS_NOT_OFFERED, Reason.UNREACHABLE}:
        return
    every: list[str] = []
    for server, caller in ((seen.peer, seen.verifier), (seen.verifier, seen.peer)):
        mended = list(_mended(lab, server, caller, reason))
        yield from ((command,) for command in mended)
        every += mended
    if len(every) > 1:
        yield tuple(every)


def _mended(lab: Lab, server: str, caller: str, reason: Reason) -> Iterator[str]:
    host = lab.service(Network).host(server)
    if reason is Reason.UNREACHABLE:
        for disabled in list_receive_connectors(host.directory, host.names, server):
            if not disabled.enabled and disabled.port == 25:
                yield commands.set_connector(f"{server}\\{disabled.name}", "--enabled", "true")
        return
    connector = choose(host.receive_connectors(), 25, ip_address(server_ip(lab, caller)))
    if connector is None:
        return
    identity = f"{server}\\{connector.name}"
    wanted = connector.auth_mechanism | AuthMechanism.EXCHANGE_SERVER | AuthMechanism.TLS
    if wanted != connector.auth_mechanism:
        yield commands.set_connector(identity, "--auth-mechanism", *flag_options(wanted))
    groups = connector.permission_groups | PermissionGroups.EXCHANGE_SERVERS
    if groups != connector.permission_groups:
        yield commands.set_connector(identity, "--permission-groups", *flag_options(groups))
    if connector.suppress_x_anonymous_tls:
        yield commands.set_connector(identity, "--suppress-x-anonymous-tls", "false")


def flag_options(flags: AuthMechanism | PermissionGroups) -> list[str]:
    """The flags as Exchange writes them: ``ExchangeServer``."""
    return [(m.name or "").title().replace("_", "") for m in type(flags) if m.value and m in flags]


def _site_of(lab: Lab, seen: Observation) -> str:
    hub = seen.peer if seen.verifier_is_edge else seen.verifier
    return lab.server(hub).site
