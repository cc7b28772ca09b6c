"""What Exchange setup does about certificates when it installs a server."""

from __future__ import annotations

from edgesync.certificates.certificate import RootCAType, TransportCertificate, allows_server
from edgesync.certificates.cmdlets.enable import put_enabled
from edgesync.certificates.cmdlets.outcome import Answer
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
)
from edgesync.certificates.services import setup_services


def setup_certificate(host: CertificateHost) -> TransportCertificate | None:
    """Give a freshly installed server its certificate; None for a role that gets none.

    Issues ``CN=<NetBIOS>``, stores it, trusts it as a root of this machine, enables it for the
    role's services and publishes it. A usable certificate that is there already is enabled
    instead of a new one (certificate-facts 1).
    """
    services = setup_services(host.roles, host.version)
    if not services:
        return None
    certificate = _usable(host) or _issue(host)
    return put_enabled(host, certificate, services, answer=Answer.YES).certificate


def _usable(host: CertificateHost) -> TransportCertificate | None:
    for candidate in host.store.certificates:
        if (
            candidate.has_private_key
            and not candidate.is_pending
            and candidate.names(host.fqdn)
            and candidate.not_before <= host.now() <= candidate.not_after
            and allows_server(candidate.certificate)
        ):
            return candidate
    return None


def _issue(host: CertificateHost) -> TransportCertificate:
    key = host.next_key()
    certificate = issue_self_signed(
        CertificateSubject.of_server(host.name, host.fqdn),
        key,
        now=host.now(),
        serial=serial_number(host.entropy),
        profile=IssueProfile.of(host.profile),
    )
    stored = TransportCertificate(certificate, key)
    host.store.trust(certificate, RootCAType.REGISTRY)
    return stored
