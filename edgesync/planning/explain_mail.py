"""Why mail gets over a path without direct trust: between Hubs, from voice mail, from outside.

The steps are the sender's own conversation; the certificate of the receiver is followed to the
attribute that names it (certificate-facts 3.2, 3.4, 4.9).
"""

from __future__ import annotations

from ipaddress import ip_address

from edgesync.certificates.certificate import thumbprint
from edgesync.certificates.load import context_of
from edgesync.certificates.select import select_starttls
from edgesync.certificates.store_state import StoreState
from edgesync.lab.lab import Lab
from edgesync.lab.network import OUTSIDE_IP, Network, server_ip
from edgesync.organization.connectors import (
    AuthMechanism,
    ReceiveConnector,
    list_receive_connectors,
)
from edgesync.organization.servers import INTERNAL_CERTIFICATE
from edgesync.planning.explain import dates_of
from edgesync.planning.path_chain import Ending, PathChain, flag_words
from edgesync.planning.paths import INTERNET, PathRow
from edgesync.planning.truths import four_truths
from edgesync.transport.connector_choice import choose
from edgesync.transport.exchange_auth import principal
from edgesync.trust.pkix import Expectation, validate
from edgesync.trust.verdict import Reason

RANGES = "msExchSmtpReceiveRemoteIPRanges"
KERBEROS_FAILED = "kerberos_failed"
"""Reason word of our own: TLS stands, and the receiver does not recognise the sender."""


def connector_for(lab: Lab, row: PathRow) -> ReceiveConnector | None:
    """The Receive connector that answers the path's source."""
    host = lab.service(Network).host(row.question.target)
    return choose(host.receive_connectors(), row.port, ip_address(_caller(lab, row)))


def tell_internal(lab: Lab, row: PathRow, chain: PathChain) -> Ending:
    """Hub to Hub and voice mail: the receiver's certificate encrypts, Kerberos identifies."""
    source, target = row.question.source, row.question.target
    connector = _connection(lab, row, chain)
    if connector is None:
        return Ending("unreachable", Reason.UNREACHABLE.value)
    reason = _internal_certificate(lab, row, chain, connector)
    if row.server is None:
        return Ending("untrusted", (reason or Reason.TLS_FAILED).value)
    computer = lab.ad.names.computers.child("CN", target)
    spn = principal(connector.fqdn or lab.server(target).fqdn)
    chain.add(None, f"{source} presents no certificate: between servers of the organisation "
              "Kerberos identifies both, and nobody compares the certificate with AD")  # fmt: skip
    told = [line for line in row.lines if "X-EXPS" in line or line.startswith("< 235")]
    chain.add(
        not row.reason,
        f"{source} logs on to {target} with X-EXPS EXCHANGEAUTH"
        + (f": {row.reason}" if row.reason else ""),
        *told,
        chain.attribute(target, computer, "servicePrincipalName", spn),
    )
    if row.reason:
        return Ending("untrusted", KERBEROS_FAILED)
    chain.add(True, f"{source} may hand over mail to {target}")
    log = f"edgesync transport server {source} --intra-org-connector-protocol-logging-level Verbose"
    return Ending("trusted", "trusted", next=(log,))


def _internal_certificate(
    lab: Lab, row: PathRow, chain: PathChain, connector: ReceiveConnector
) -> Reason | None:
    """From the attribute that names it to what was presented; a reason when that is nothing."""
    target = row.question.target
    truths = four_truths(lab, target)
    named, mark = truths.named, thumbprint(truths.named.der) if truths.named.der else ""
    assert named.dn is not None
    own = next((t for t in truths.installed if t.der == named.der), None)
    reason: Reason | None = None
    evidence = chain.attribute(target, named.dn, INTERNAL_CERTIFICATE, mark)
    if named.der is None:
        reason = Reason.NOT_PUBLISHED
        chain.add(False, f"AD names no internal transport certificate for {target}", evidence)
    elif own is None:
        reason = Reason.NO_CERTIFICATE
        chain.add(False, f"the certificate AD names is not in the store of {target}", evidence,
                  chain.store(target))  # fmt: skip
    elif not own.usable:
        reason = Reason.KEY_UNAVAILABLE
        chain.add(False, f"the private key of {mark} cannot be read on {target}", evidence)
    else:
        chain.add(True, f"AD names {mark}, and {target} has it with its key", evidence,
                  dates_of(own))  # fmt: skip
    offered = any("X-ANONYMOUSTLS" in line for line in row.lines if line.startswith("<"))
    if not offered:
        takes = (AuthMechanism.EXCHANGE_SERVER in connector.auth_mechanism
                 and not connector.suppress_x_anonymous_tls)  # fmt: skip
        if not takes:
            reason = Reason.CONNECTOR_REFUSES
        why = "has nothing to present" if takes else "does not take Exchange servers"
        chain.add(False, f"X-ANONYMOUSTLS is not offered: the connector {why}",
                  *_mechanisms(connector, chain, target), *row.lines)  # fmt: skip
        return reason or Reason.TLS_NOT_OFFERED
    told = [line for line in row.lines if "ANONYMOUSTLS" in line]
    chain.add(True, f"{target} offers X-ANONYMOUSTLS", *told)
    if row.server is None:
        chain.add(False, f"the TLS handshake broke off: {row.reason}")
        return reason or Reason.TLS_FAILED
    same = row.server == named.der
    instead = "" if same else ", a temporary one that is in no directory (event 12024)"
    chain.add(same or None, f"{target} presents {thumbprint(row.server)}{instead}", row.tls)
    return reason


def tell_opportunistic(lab: Lab, row: PathRow, chain: PathChain) -> Ending:
    """STARTTLS for strangers: the connector's FQDN chooses the certificate, nobody checks it."""
    source, target = row.question.source, row.question.target
    connector = _connection(lab, row, chain)
    if connector is None:
        return Ending("unreachable", Reason.UNREACHABLE.value)
    server = lab.host(target)
    selection = select_starttls(
        server.store.certificates, connector.fqdn or None, context_of(server),
        connector=connector.name, certificate_name=connector.tls_certificate_name,
    )  # fmt: skip
    name = "msExchSmtpReceiveAdvertisedDomain"
    chosen_by = chain.attribute(target, connector.dn, name, connector.fqdn)
    chain.selected(target, selection, f"STARTTLS as {selection.name}", chosen_by)
    events = tuple(event.kind for event in selection.events)
    look = (f"edgesync cert select {target} --for starttls --fqdn {selection.name}",)
    if row.server is None:
        offered = any("STARTTLS" in line for line in row.lines if line.startswith("<"))
        what = "the handshake broke off" if offered else "STARTTLS is not offered"
        told = () if offered else _mechanisms(connector, chain, target)
        chain.add(False, f"{what}: {row.reason}", *told, *row.lines)
        word = Reason.TLS_FAILED if offered else Reason.TLS_NOT_OFFERED
        return Ending("untrusted", word.value, events=events, next=look)
    chain.add(True, f"{target} presents {thumbprint(row.server)}", row.tls)
    expect = Expectation((selection.name,))
    verdict = validate(row.chain, StoreState(), now=lab.clock.now(), expect=expect)
    pkix = f"{verdict.status.value}: {verdict.detail}"
    if source == INTERNET:
        chain.add(True, "opportunistic TLS: the sender encrypts to any certificate, and is itself "
                  "anonymous; only a domain-secured partner would check it")  # fmt: skip
    else:
        chain.add(True, "a user logs on after TLS: Basic authentication is offered then only",
                  chain.attribute(target, connector.dn, "labAuthMechanism",
                                  flag_words(connector.auth_mechanism)))  # fmt: skip
    return Ending("trusted", "trusted", pkix, events, look)


def _connection(lab: Lab, row: PathRow, chain: PathChain) -> ReceiveConnector | None:
    """Who answers; None when no Receive connector does."""
    source, target = row.question.source, row.question.target
    connector = connector_for(lab, row)
    if connector is None:
        host = lab.service(Network).host(target)
        known = [
            chain.attribute(target, c.dn, name, shown)
            for c in list_receive_connectors(host.directory, host.names, target)
            if c.port == row.port
            for name, shown in (("msExchSmtpReceiveEnabled", str(c.enabled)),
                                (RANGES, ", ".join(c.remote_ip_ranges)))
        ]  # fmt: skip
        chain.add(False, f"no Receive connector of {target} takes {source} "
                  f"({_caller(lab, row)}) on port {row.port}: {row.reason}", *known)  # fmt: skip
        return None
    banner = [line for line in row.lines if line.startswith("< 220")][:1]
    chain.add(
        bool(row.lines) or None,
        f"{source} opens SMTP to {target}; {connector.name} answers",
        *banner,
        chain.attribute(target, connector.dn, "msExchSmtpReceiveBindings",
                        ", ".join(connector.bindings)),
        chain.attribute(target, connector.dn, RANGES, ", ".join(connector.remote_ip_ranges)),
    )  # fmt: skip
    return connector


def _mechanisms(connector: ReceiveConnector, chain: PathChain, server: str) -> tuple[str, ...]:
    """What the connector takes, as the directory has it."""
    takes = flag_words(connector.auth_mechanism)
    suppressed = str(connector.suppress_x_anonymous_tls)
    return (
        chain.attribute(server, connector.dn, "labAuthMechanism", takes),
        chain.attribute(server, connector.dn, "labSuppressXAnonymousTls", suppressed),
    )


def _caller(lab: Lab, row: PathRow) -> str:
    known = {server.name for server in lab.servers()}
    source = row.question.source
    return server_ip(lab, source) if source in known else OUTSIDE_IP
