"""Why a gateway's call is taken or not: dial plans, the service's mode, certificates, its address.

Sources: certificate-facts 3.8, 7.2.
"""

from __future__ import annotations

from edgesync.certificates.certificate import thumbprint
from edgesync.certificates.load import context_of
from edgesync.certificates.select import select_um
from edgesync.lab.lab import Lab
from edgesync.lab.unified_messaging import UnifiedMessaging
from edgesync.organization.voice import (
    DIAL_PLANS,
    STARTUP_MODE,
    IpGateway,
    PeerKind,
    VoipSecurity,
    read_um_server,
)
from edgesync.planning.path_chain import Ending, PathChain
from edgesync.planning.paths import PathRow
from edgesync.trust.verdict import Reason
from edgesync.unified_messaging.host import UmHost

NO_GATEWAY = "no_gateway"
"""Reason word: there is nobody yet whom the server would know. No command can guess a name."""


def tell_voice(lab: Lab, row: PathRow, chain: PathChain) -> Ending:
    """One gateway object's machine and one Unified Messaging server."""
    server = row.question.target
    host = lab.service(UnifiedMessaging).host(server)
    plans = host.dial_plans()
    answers = f"answers for {', '.join(p.name for p in plans)}" if plans else "is in no dial plan"
    chain.add(bool(plans), f"{server} {answers}", *_dial_plans(lab, host, chain))
    mode = host.mode
    now = host.decide()
    chain.add(
        None, f"the service runs in mode {mode.word}, VoIPSecurity {mode.security.value}", mode.note
    )
    if (now.word, now.security) != (mode.word, mode.security):
        would = f"mode {now.word}, VoIPSecurity {now.security.value}"
        chain.add(False, f"by its settings of now it would run in {would}: it has not been "
                  "restarted", *_dial_plans(lab, host, chain), chain.store(server))  # fmt: skip
    gateway = next((g for g in host.gateways() if g.name == row.question.source), None)
    ending = _secured(lab, row, chain, host) if mode.takes_tls else None
    if ending is not None:
        return ending
    if gateway is None:
        chain.add(None, "there is no IP gateway object: whoever calls is refused")
    else:
        _gateway(lab, row, chain, gateway, host)
    look = (f"edgesync um check {server} --gateway {row.question.source}",) if gateway else (
        "edgesync um gateway GW1 --address gw1.example.com",)  # fmt: skip
    if row.reason:
        word = row.reason.partition(":")[0]
        if gateway is not None and not gateway.has_fqdn and mode.takes_tls:
            look = (f"edgesync um gateway {gateway.name} --address gw1.example.com",)
        return Ending("untrusted", word if word.isidentifier() else Reason.TLS_FAILED.value,
                      next=look)  # fmt: skip
    if row.note:
        return Ending("warning", row.note.partition(":")[0], next=look)
    srtp = mode.takes_tls and mode.security is VoipSecurity.SECURED
    media = "SRTP, with keys in SDP (RFC 4568)" if srtp else "RTP in the clear"
    chain.add(True, f"media of a call are {media}")
    return Ending("trusted" if mode.takes_tls else "anonymous", "trusted", next=look)


def _dial_plans(lab: Lab, host: UmHost, chain: PathChain) -> list[str]:
    """What decides the mode, as AD has it."""
    entry = read_um_server(lab.ad_port(), lab.ad.names, host.name)
    plans = host.dial_plans()
    names = ", ".join(plan.name for plan in plans)
    evidence = [chain.attribute(host.name, entry.dn, DIAL_PLANS, names)]
    evidence += [
        chain.attribute(host.name, p.dn, "msExchUMDialPlanVoipSecurity", p.security.value)
        for p in plans
    ]
    if lab.description.version.value != "exchange-2007":
        mode = entry.startup_mode.value
        evidence.append(chain.attribute(host.name, entry.dn, STARTUP_MODE, mode))
    return evidence


def _secured(lab: Lab, row: PathRow, chain: PathChain, host: UmHost) -> Ending | None:
    """The certificate and the handshake; an ending when there is none."""
    server = lab.host(host.name)
    selection = select_um(server.store.certificates, context_of(server), secured=True)
    chain.selected(host.name, selection, "UM")
    if row.server is None:
        chain.add(False, f"no TLS with {host.name}, port {row.port}: {row.reason}")
        word = Reason.TLS_FAILED if selection.chosen else Reason.NO_CERTIFICATE
        return Ending("unreachable", word.value)
    chain.add(True, f"{host.name} presents {thumbprint(row.server)} on port {row.port} and asks "
              "the caller for a certificate", row.tls)  # fmt: skip
    return None


def _gateway(lab: Lab, row: PathRow, chain: PathChain, gateway: IpGateway, host: UmHost) -> None:
    """The gateway's object, and what its machine makes of the server."""
    server = host.name
    evidence = (
        chain.attribute(server, gateway.dn, "msExchUMIPGatewayAddress", gateway.address),
        chain.attribute(server, gateway.dn, "labPeerKind", gateway.kind.value),
    )
    is_ocs = gateway.kind is PeerKind.OCS
    if not host.mode.takes_tls:
        how = "by its address, or the name it gives itself"
        chain.add(None, f"over TCP {server} recognises {gateway.name} {how}", *evidence)
    else:
        chain.add(gateway.has_fqdn, f"over TLS {server} takes a trusted certificate that names "
                  f"{gateway.address}", *evidence)  # fmt: skip
        if not gateway.has_fqdn:
            chain.add(None, "a certificate names hosts: mutual TLS needs the gateway's FQDN")
            return
    kind = "a communications server, which takes no self-signed certificate and no plain TCP"
    what = kind if is_ocs else "a gateway, to which the server's certificate can be copied"
    refuses = f"; it refuses: {row.reason}" if row.reason else ""
    why = []
    if row.reason:
        why = [chain.store(server)] if host.mode.takes_tls else _dial_plans(lab, host, chain)
    chain.add(not row.reason, f"{gateway.name} is {what}{refuses}", *why)
