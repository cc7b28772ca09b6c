"""Unified Messaging: dial plans, IP gateways, the service's mode, calls and voice messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from edgesync.errors import ExitCode, NoSuchThing, RefusedByRule, Unreachable, UsageError
from edgesync.operations import um_gateway  # noqa: F401 - more verbs of this noun
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing, properties

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context
    from edgesync.unified_messaging.host import UmHost

SECURITY = Literal["Unsecured", "SIPSecured", "Secured"]


def _render_status(document: Document) -> Iterable[str]:
    rows = [
        (s["server"], s["mode"], s["security"], s["dial_plans"], s["thumbprint"][:8], s["note"])
        for s in document["servers"]
    ]
    yield from columns(("Server", "Mode", "VoIPSecurity", "Dial plans", "Shows", "Note"), rows)


@operation(
    "um", "status", render=_render_status, rows="servers", example="edgesync um status",
    cmdlets=(Cmdlet("Get-UMServer", {"Identity": "server"}),),
)  # fmt: skip
def status(
    context: Context,
    server: Annotated[str | None, Help("only this server", completes="server")] = None,
) -> Outcome:
    """Show how each Unified Messaging service runs and which certificate it presents."""
    return _status(context.lab, _servers(context.lab, server))


@operation(
    "um", "restart", render=_render_status, rows="servers", writes=True,
    example="edgesync um restart UM01",
)  # fmt: skip
def restart(
    context: Context,
    server: Annotated[str | None, Help("only this server", completes="server")] = None,
) -> Outcome:
    """Restart the service: its mode is decided when it starts (certificate-facts 7.2)."""
    hosts = _servers(context.lab, server)
    for host in hosts:
        host.restart()
    return _status(context.lab, hosts)


def _status(lab: Lab, hosts: list[UmHost]) -> Outcome:
    rows = []
    for host in hosts:
        mode = host.mode
        certificate = host.certificate()
        rows.append(
            {
                "server": host.name,
                "mode": mode.word,
                "security": mode.security.value,
                "dial_plans": list(mode.dial_plans),
                "thumbprint": certificate.thumbprint if certificate else "",
                "subject": certificate.subject if certificate else "",
                "note": mode.note,
                **lab.addresses.get(host.name, {}),
            }
        )
    return Outcome({"schema": "edgesync.um-status/1", "servers": rows})


def _servers(lab: Lab, server: str | None) -> list[UmHost]:
    from edgesync.lab.unified_messaging import UnifiedMessaging

    voice = lab.service(UnifiedMessaging)
    names = [lab.server(server).name] if server else list(voice.servers())
    for name in names:
        if name not in voice.servers():
            raise NoSuchThing(
                f"{name} is no Unified Messaging server", f"they are {', '.join(voice.servers())}"
            )
    return [voice.host(name) for name in names]


def _render_plans(document: Document) -> Iterable[str]:
    rows = [(p["name"], p["security"], p["digits"], p["servers"]) for p in document["dial_plans"]]
    yield from columns(("Name", "VoIPSecurity", "Digits", "Servers"), rows)


_PLAN = {"Identity": "name", "Name": "name", "VoIPSecurity": "voip_security",
         "NumberOfDigitsInExtension": "digits"}  # fmt: skip


@operation(
    "um", "dialplan", render=_render_plans, rows="dial_plans", writes=True,
    writes_with=("voip_security", "digits", "server", "remove"),
    example="edgesync um dialplan Main --voip-security Secured --server UM01",
    cmdlets=(
        Cmdlet("Get-UMDialPlan", {"Identity": "name"}),
        Cmdlet("New-UMDialPlan", _PLAN),
        Cmdlet("Set-UMDialPlan", _PLAN),
        Cmdlet("Remove-UMDialPlan", {"Identity": "name"}, fixed={"remove": True}),
    ),
)  # fmt: skip
def dialplan(
    context: Context,
    name: Annotated[str | None, Help("dial plan; made when it is not there")] = None,
    *,
    voip_security: Annotated[SECURITY | None, Help("what is encrypted")] = None,
    digits: Annotated[int | None, Help("digits of an extension")] = None,
    server: Annotated[
        tuple[str, ...], Help("UM servers that shall answer for it", completes="server")
    ] = (),
    remove: Annotated[bool, Help("delete it")] = False,
    restart: Annotated[bool, Help("restart the services concerned, as the change needs")] = True,
) -> Outcome:
    """Show, make or change dial plans and the servers in them.

    A running service keeps its mode until it is restarted, which this does unless told not to.
    """
    from edgesync.organization.voice import list_dial_plans

    lab = context.lab
    notes: tuple[str, ...] = ()
    if name is not None and (voip_security or digits or server or remove):
        notes = _change(lab, name, voip_security, digits, server, remove=remove, restart=restart)
    port, names = lab.ad_port(), lab.ad.names
    plans = list_dial_plans(port, names)
    if name is not None and not remove:
        plans = tuple(p for p in plans if p.name.casefold() == name.casefold())
        if not plans:
            raise NoSuchThing(f"no dial plan {name!r}", "give --voip-security to make it")
    hosts = _servers(lab, None)
    rows = [
        {
            "name": plan.name,
            "security": plan.security.value,
            "digits": plan.digits,
            "servers": [h.name for h in hosts if plan in h.dial_plans()],
        }
        for plan in plans
    ]
    return Outcome({"schema": "edgesync.um-dialplans/1", "dial_plans": rows}, notes=notes)


def _change(
    lab: Lab,
    name: str,
    security: str | None,
    digits: int | None,
    servers: tuple[str, ...],
    *,
    remove: bool,
    restart: bool,
) -> tuple[str, ...]:
    from edgesync.organization import voice

    port, names = lab.ad_port(), lab.ad.names
    found = next(
        (p for p in voice.list_dial_plans(port, names) if p.name.casefold() == name.casefold()),
        None,
    )
    if remove and found is None:
        raise NoSuchThing(f"no dial plan {name!r}", "edgesync um dialplan lists them")
    plan = found or voice.DialPlan(voice.dial_plan_container(names).child("CN", name), name)
    concerned = [h for h in _servers(lab, None) if plan in h.dial_plans()]
    if remove:
        if concerned:
            shown = ", ".join(h.name for h in concerned)
            raise RefusedByRule(f"{name} is used by {shown}", "take the servers out of it first")
        voice.remove(port, plan)
        return ()
    if security is not None:
        plan = replace(plan, security=voice.VoipSecurity(security))
    if digits is not None:
        if not 1 <= digits <= 20:
            raise UsageError(f"an extension has 1 to 20 digits, not {digits}", "for example 4")
        plan = replace(plan, digits=digits)
    voice.write_dial_plan(port, names, plan)
    for given in servers:
        (host,) = _servers(lab, given)
        before = voice.read_um_server(port, names, host.name)
        plans = dict.fromkeys((*before.dial_plans, plan.dn))
        voice.write_um_server(port, before.dn, dial_plans=plans, startup_mode=before.startup_mode)
        if host not in concerned:
            concerned.append(host)
    if not restart:
        return tuple(f"restart {h.name}: edgesync um restart {h.name}" for h in concerned)
    for host in concerned:
        host.restart()
    return tuple(f"Unified Messaging on {h.name} was restarted" for h in concerned)


@operation(
    "um", "server", render=properties, writes=True,
    example="edgesync um server UM01 --startup-mode Dual",
    cmdlets=(
        Cmdlet("Set-UMServer", {"Identity": "server", "DialPlans": "dial_plan"}),
        Cmdlet("Set-UMService",
               {"Identity": "server", "DialPlans": "dial_plan", "UMStartupMode": "startup_mode"}),
    ),
)  # fmt: skip
def server(
    context: Context,
    server: Annotated[str, Help("UM server", completes="server")],
    *,
    dial_plan: Annotated[tuple[str, ...], Help("its dial plans, whole; - for none")] = (),
    startup_mode: Annotated[
        Literal["TCP", "TLS", "Dual"] | None, Help("UMStartupMode, from 2010 on")
    ] = None,
) -> Outcome:
    """Set the dial plans a server answers for, and from 2010 on its start-up mode."""
    from edgesync.config import Version
    from edgesync.organization import voice

    lab = context.lab
    (host,) = _servers(lab, server)
    if startup_mode is not None and not lab.description.version.at_least(Version.EXCHANGE_2010):
        raise RefusedByRule(
            "Exchange 2007 has no UMStartupMode", "its dial plan's VoIPSecurity decides"
        )
    port, names = lab.ad_port(), lab.ad.names
    before = voice.read_um_server(port, names, host.name)
    known = {p.name.casefold(): p.dn for p in voice.list_dial_plans(port, names)}
    plans = before.dial_plans
    if dial_plan:
        wanted = [w for w in dial_plan if w not in ("-", "")]
        missing = [w for w in wanted if w.casefold() not in known]
        if missing:
            raise NoSuchThing(f"no dial plan {missing[0]!r}", "edgesync um dialplan lists them")
        plans = tuple(known[w.casefold()] for w in wanted)
    mode = voice.StartupMode(startup_mode) if startup_mode else before.startup_mode
    voice.write_um_server(port, before.dn, dial_plans=plans, startup_mode=mode)
    running = host.restart()
    document = {
        "schema": "edgesync.um-server/1",
        "server": host.name,
        "dial_plans": [dn.rdn.value for dn in plans],
        "startup_mode": mode.value,
        "mode": running.word,
        "security": running.security.value,
        "note": running.note,
    }
    return Outcome(document, notes=(f"Unified Messaging on {host.name} was restarted",))


def _render_check(document: Document) -> Iterable[str]:
    way = f"{document['peer']} -> {document['server']} ({document['transport']})"
    yield f"{way}: {document['verdict']} ({document['reason']})"
    yield f"  {document['detail']}"
    rows = [
        ("OPTIONS", document["options_status"] or ""),
        ("INVITE", document["invite_status"] or ""),
        ("Media", document["media"]),
        ("Server shows", document["presented"]),
    ]
    yield from listing(rows)


@operation(
    "um", "check", render=_render_check, writes=True,
    example="edgesync um check UM01 --gateway GW1",
)  # fmt: skip
def check(
    context: Context,
    server: Annotated[str, Help("UM server", completes="server")],
    *,
    gateway: Annotated[str, Help("IP gateway that calls")],
    transport: Annotated[Literal["tcp", "tls"] | None, Help("default: the service's mode")] = None,
    present: Annotated[
        str | None,
        Help("its certificate with key, PEM; default: one of the enterprise CA", metavar="FILE"),
    ] = None,
    no_certificate: Annotated[bool, Help("it presents none")] = False,
    knows_server: Annotated[bool, Help("the server's certificate was copied to it")] = True,
) -> Outcome:
    """Let a gateway or communications server call: OPTIONS, then INVITE until media are agreed.

    Exit code 3 when one of the two refuses the other, 5 when the service does not listen.
    """
    from edgesync.lab.unified_messaging import Guise, UnifiedMessaging
    from edgesync.operations.client import identity_from
    from edgesync.operations.um_gateway import gateway_named
    from edgesync.transport.link import LinkFailed

    lab = context.lab
    (host,) = _servers(lab, server)
    voice = lab.service(UnifiedMessaging)
    caller = gateway_named(lab, gateway)
    identity = None
    if not no_certificate and (transport or "tls") == "tls" and host.mode.takes_tls:
        identity = identity_from(present) if present else voice.issue_to(caller)
    try:
        report = voice.call(host.name, caller, Guise(identity, knows_server, transport or ""))
    except LinkFailed as failure:
        raise Unreachable(
            f"{host.name}: {failure}", f"see edgesync um status {host.name}"
        ) from failure
    return Outcome(report.document(), ExitCode.OK if report.is_accepted else ExitCode.NO)


@operation(
    "um", "voicemail", render=properties, writes=True,
    example="edgesync um voicemail UM01 --to alan.abbott@contoso.test",
)  # fmt: skip
def voicemail(
    context: Context,
    server: Annotated[str, Help("UM server that took the call", completes="server")],
    *,
    to: Annotated[tuple[str, ...], Help("mailboxes")],
    caller: Annotated[str, Help("who called, as an address")] = "+15550100@um.invalid",
    seconds: Annotated[int, Help("length of the silent recording")] = 1,
) -> Outcome:
    """Leave a voice message: submitted to a Hub over SMTP with TLS, seen in the protocol logs."""
    from edgesync.lab.network import Network
    from edgesync.lab.unified_messaging import VOICE_SECONDS_MAX, UnifiedMessaging
    from edgesync.transport.command import is_address

    if not 1 <= seconds <= VOICE_SECONDS_MAX:
        raise UsageError(f"a voice message of {seconds} s", f"1 to {VOICE_SECONDS_MAX} seconds")
    if not to:
        raise UsageError("a voice message for nobody", "for example --to user@contoso.test")
    for address in (caller, *to):
        if not is_address(address):
            raise UsageError(f"{address!r} is no mail address", "for example user@contoso.test")
    lab = context.lab
    (host,) = _servers(lab, server)
    mail = lab.service(Network).mail()
    submission = lab.service(UnifiedMessaging).leave_message(host.name, caller, to, seconds)
    done = mail.run()
    waiting = [view for view in mail.services[host.name].queues() if view.message_count]
    document = {
        "schema": "edgesync.um-voicemail/1",
        "server": host.name,
        "message_id": submission.message_id,
        "recipients": list(to),
        "relayed": done.relayed,
        "delivered": done.delivered,
        "returned": done.returned,
        "waiting": len(waiting),
        "error": waiting[0].last_error if waiting else "",
    }
    return Outcome(document, ExitCode.NO if waiting or done.returned else ExitCode.OK)
