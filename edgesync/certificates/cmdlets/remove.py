"""Remove-ExchangeCertificate: out of the store, and what hangs on it."""

from __future__ import annotations

from dataclasses import replace

from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.cmdlets.outcome import Answer, Outcome, removal_question
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.refusals import CertificateInUse
from edgesync.certificates.store import StoreChange
from edgesync.config import Version
from edgesync.events import CERTIFICATE_REMOVED
from edgesync.organization.servers import publish_certificate


def remove(host: CertificateHost, thumbprint: str, *, answer: Answer = Answer.ASK) -> Outcome:
    """Remove a certificate and its key for good.

    The internal transport certificate: 2007 removes the directory's copy too; later versions
    refuse. A certificate that a Send connector names in TlsCertificateName is refused from 2013
    on (certificate-facts 2.4). The default answer is Yes; ASK and No remove nothing.

    Raises:
        CertificateInUse: see above.
    """
    entry = host.store.find(thumbprint)
    is_published = host.has_transport and host.published() == entry.der
    if is_published and host.version.at_least(Version.EXCHANGE_2010):
        raise CertificateInUse(
            f"{entry.thumbprint} is the internal transport certificate of {host.name}; without it "
            "the Transport service would stop",
            "make a new one with New-ExchangeCertificate and answer Yes, then remove this one",
        )
    _require_no_connector(host, entry)
    if answer is not Answer.YES:
        question = removal_question(entry.thumbprint) if answer is Answer.ASK else None
        return Outcome(entry, StoreChange(), question=question)
    if is_published:
        publish_certificate(host.directory, host.server_dn, None)
    change = host.store.remove(entry.thumbprint)
    host.report(CERTIFICATE_REMOVED, thumbprint=entry.thumbprint, server=host.name)
    warning = "the directory's copy was removed too: X-ANONYMOUSTLS needs a new certificate"
    return Outcome(
        replace(entry, key=None),
        change,
        published=is_published,
        warnings=(warning,) if is_published else (),
    )


def _require_no_connector(host: CertificateHost, entry: TransportCertificate) -> None:
    if not host.version.at_least(Version.EXCHANGE_2013):
        return
    name = entry.tls_certificate_name
    connectors = [c for c, wanted in host.connector_certificates() if wanted == name]
    if connectors:
        raise CertificateInUse(
            f"{entry.thumbprint} is named by Send connector {', '.join(connectors)}",
            "clear TlsCertificateName there first; a renewed certificate has the same name",
        )
