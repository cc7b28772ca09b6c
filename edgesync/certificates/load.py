"""Choosing certificates on a live server: the pure functions with its store, clock and log."""

from __future__ import annotations

from dataclasses import replace

from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
)
from edgesync.certificates.select import (
    select_client_internal,
    select_internal,
    select_pop_imap,
    select_starttls,
    select_um,
)
from edgesync.certificates.selection import Purpose, Selection, SelectionContext
from edgesync.certificates.status import Judgement, judge
from edgesync.events import INTERNAL_CERT_EPHEMERAL


def judge_on(host: CertificateHost, certificate: TransportCertificate) -> Judgement:
    """What a server thinks of a certificate in its store, now."""
    return judge(certificate, host.store.state, now=host.now(), crls=host.crls)


def context_of(host: CertificateHost) -> SelectionContext:
    """The selection context of a server, now."""
    return SelectionContext(
        host.name,
        host.fqdn,
        host.now(),
        host.version,
        host.policy,
        lambda certificate: judge_on(host, certificate),
    )


def load_starttls(
    host: CertificateHost,
    connector_fqdn: str | None,
    *,
    connector: str = "",
    certificate_name: str = "",
) -> Selection:
    """Choose for STARTTLS and log what the transport service would."""
    selection = select_starttls(
        host.store.certificates,
        connector_fqdn,
        context_of(host),
        connector=connector,
        certificate_name=certificate_name,
    )
    return _logged(host, selection)


def load_internal(host: CertificateHost, *, at_start: bool = False) -> Selection:
    """Load the internal transport certificate as the directory names it now.

    Where the version falls back to a temporary certificate, ``chosen`` is a new one that is
    neither stored nor published, and 12024 is logged: keep the selection for as long as the
    service runs.
    """
    selection = select_internal(
        host.store.certificates, host.published(), context_of(host), at_start=at_start
    )
    _logged(host, selection)
    if not selection.needs_ephemeral:
        return selection
    ephemeral = issue_ephemeral(host)
    host.report(INTERNAL_CERT_EPHEMERAL, thumbprint=selection.name, ephemeral=ephemeral.thumbprint)
    return replace(selection, chosen=ephemeral)


def load_client_internal(host: CertificateHost, *, to_edge_or_hub: bool) -> Selection:
    """Choose the client certificate of an outbound X-ANONYMOUSTLS session."""
    return _logged(
        host,
        select_client_internal(
            host.store.certificates,
            host.published() if to_edge_or_hub else None,
            context_of(host),
            to_edge_or_hub=to_edge_or_hub,
        ),
    )


def load_pop_imap(host: CertificateHost, certificate_name: str, purpose: Purpose) -> Selection:
    """Choose for POP3 or IMAP4 by X509CertificateName."""
    return _logged(
        host,
        select_pop_imap(host.store.certificates, certificate_name, context_of(host), purpose),
    )


def load_um(host: CertificateHost, *, secured: bool) -> Selection:
    """Choose for Unified Messaging."""
    return _logged(host, select_um(host.store.certificates, context_of(host), secured=secured))


def issue_ephemeral(host: CertificateHost) -> TransportCertificate:
    """A temporary certificate of this server that goes into no store (certificate-facts 3.4)."""
    key = host.next_key()
    certificate = issue_self_signed(
        CertificateSubject.of_server(host.name, host.fqdn),
        key,
        now=host.now(),
        serial=serial_number(host.entropy),
        profile=IssueProfile.of(host.profile),
    )
    return TransportCertificate(certificate, key, network_service=True)


def _logged(host: CertificateHost, selection: Selection) -> Selection:
    for event in selection.events:
        host.emit(event)
    return selection
