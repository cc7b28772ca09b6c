"""Enable-ExchangeCertificate: what a certificate is for, and which one the directory names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from directory.errors import LdapError
from edgesync.certificates.certificate import (
    TransportCertificate,
    allows_server,
    parse_certificate,
    thumbprint,
)
from edgesync.certificates.cmdlets.outcome import Answer, Outcome, Question, overwrite_question
from edgesync.certificates.eligibility import RSA_BITS_MIN
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.refusals import CertificateUnsuitable, WeakKey
from edgesync.certificates.services import Services, known_services
from edgesync.config import Version
from edgesync.errors import CertificateUnreadable, KeyUnavailable, PortUnavailable, RefusedByRule
from edgesync.events import CERTIFICATE_PUBLISHED, CERTIFICATE_STORED
from edgesync.organization.servers import publish_certificate
from edgesync.organization.virtual_directories import require_ssl


@dataclass(frozen=True, slots=True)
class _Publication:
    """Whether the directory follows, and what has to be asked first."""

    wanted: bool
    question: Question | None = None
    warning: str = ""


def enable(
    host: CertificateHost,
    thumbprint_: str,
    services: Services,
    *,
    answer: Answer = Answer.ASK,
    network_service_allowed: bool = False,
) -> Outcome:
    """Enable a certificate for more services; none it has is ever taken away.

    SMTP lets the transport service read the key and may make the certificate the internal
    transport certificate: when another one is published, the answer decides, and No leaves the
    directory alone. IIS moves here from the certificate that had it. Everything or nothing:
    when the directory refuses, the store is as it was (certificate-facts 2.3).

    Raises:
        KeyUnavailable, WeakKey, CertificateUnsuitable: the certificate cannot serve.
        RefusedByRule: UM while UMStartupMode is TCP (2010 and later), a pending request.
    """
    return put_enabled(
        host,
        host.store.find(thumbprint_),
        services,
        answer=answer,
        network_service_allowed=network_service_allowed,
    )


def put_enabled(
    host: CertificateHost,
    certificate: TransportCertificate,
    services: Services,
    *,
    answer: Answer,
    network_service_allowed: bool = False,
) -> Outcome:
    """Store a certificate, new or known, enabled for more services; see :func:`enable`."""
    _require_usable(host, certificate, services)
    enabled = replace(
        certificate,
        services=certificate.services | services,
        network_service=certificate.network_service
        or network_service_allowed
        or bool(services & Services.SMTP),
    )
    publication = _plan_publication(host, enabled, services, answer)
    before = host.store.state
    change = host.store.put(enabled, *_without_iis(host, enabled, services))
    try:
        if publication.wanted:
            publish_certificate(host.directory, host.server_dn, enabled.der)
        if services & Services.IIS:
            require_ssl(host.directory, host.server_dn)
    except (LdapError, PortUnavailable):
        host.store.restore(before)
        raise
    if enabled.thumbprint not in before.personal:
        host.report(CERTIFICATE_STORED, thumbprint=enabled.thumbprint, server=host.name)
    if publication.wanted:
        _report_published(host, enabled)
    warnings = (publication.warning, *_name_warnings(host, enabled, services))
    return Outcome(
        enabled,
        change,
        published=publication.wanted,
        question=publication.question,
        warnings=tuple(w for w in warnings if w),
    )


def question_before_enable(
    host: CertificateHost, thumbprint_: str, services: Services
) -> Question | None:
    """What :func:`enable` would ask for this certificate, or None."""
    certificate = host.store.find(thumbprint_)
    _require_usable(host, certificate, services)
    return _plan_publication(host, certificate, services, Answer.ASK).question


def publish_internal(host: CertificateHost, certificate: TransportCertificate) -> None:
    """Make a certificate the server's internal transport certificate, in the directory.

    One Modify of ``msExchServerInternalTLSCert`` (certificate-facts 1.1).
    """
    publish_certificate(host.directory, host.server_dn, certificate.der)
    _report_published(host, certificate)


def _report_published(host: CertificateHost, certificate: TransportCertificate) -> None:
    host.report(CERTIFICATE_PUBLISHED, thumbprint=certificate.thumbprint, dn=str(host.server_dn))


def _require_usable(
    host: CertificateHost, certificate: TransportCertificate, services: Services
) -> None:
    mark = certificate.thumbprint
    unknown = services & ~_all_services(host.version)
    if unknown:
        raise RefusedByRule(
            f"{host.profile.title} has no service {unknown}", "leave it out of -Services"
        )
    if certificate.is_pending:
        raise RefusedByRule(
            f"{mark} is a pending request", "import the authority's answer first: cert import"
        )
    if services and not certificate.has_private_key:
        raise KeyUnavailable(
            f"certificate {mark} has no private key on {host.name}",
            "import it with its key (PFX), or on the server that made the request",
        )
    public = certificate.certificate.public_key()
    if services and not isinstance(public, rsa.RSAPublicKey):
        raise CertificateUnsuitable(
            f"certificate {mark} has no RSA key", "Exchange's services need an RSA key"
        )
    if services and certificate.key_size < RSA_BITS_MIN:
        raise WeakKey(
            f"certificate {mark} has a key of {certificate.key_size} bits",
            f"use one with at least {RSA_BITS_MIN} bits",
        )
    if services and not allows_server(certificate.certificate):
        raise CertificateUnsuitable(
            f"certificate {mark} is not for server authentication",
            "use one whose extended key usage has serverAuth, or none at all",
        )
    _require_um_mode(host, services)


def _require_um_mode(host: CertificateHost, services: Services) -> None:
    gated = services & (Services.UM | Services.UM_CALL_ROUTER)
    if not gated or not host.version.at_least(Version.EXCHANGE_2010):
        return
    mode = host.um_startup_mode()
    if mode.upper() == "TCP":
        raise RefusedByRule(
            f"{gated} cannot be enabled while UMStartupMode of {host.name} is TCP",
            "set UMStartupMode to TLS or Dual first",
        )


def _all_services(version: Version) -> Services:
    total = Services.NONE
    for flag in known_services(version):
        total |= flag
    return total


def _without_iis(
    host: CertificateHost, certificate: TransportCertificate, services: Services
) -> list[TransportCertificate]:
    """The certificates the web site leaves: it holds one only (certificate-facts 2.3)."""
    if not services & Services.IIS:
        return []
    return [
        other.with_services(other.services & ~Services.IIS)
        for other in host.store.certificates
        if other.services & Services.IIS and other.thumbprint != certificate.thumbprint
    ]


def _plan_publication(
    host: CertificateHost,
    certificate: TransportCertificate,
    services: Services,
    answer: Answer,
) -> _Publication:
    if not services & Services.SMTP or not host.has_transport:
        return _Publication(wanted=False)
    # The 2007 help makes the name a condition; later versions ask about any certificate.
    if host.version is Version.EXCHANGE_2007 and not host.covers(certificate):
        return _Publication(
            wanted=False,
            warning=f"{certificate.thumbprint} does not name {host.fqdn}: it is used for STARTTLS, "
            "and the internal transport certificate stays as it is",
        )
    published = host.published()
    if published == certificate.der:
        return _Publication(wanted=False)
    if published is None or answer is Answer.YES:
        return _Publication(wanted=True)
    if answer is Answer.NO:
        return _Publication(wanted=False)
    replacement = (certificate.thumbprint, certificate.not_after)
    question = overwrite_question(host.version, described(published), replacement)
    return _Publication(wanted=False, question=question)


def described(der: bytes) -> tuple[str, datetime | None]:
    """Thumbprint and expiry of a published value; no expiry when it is no certificate."""
    try:
        return thumbprint(der), parse_certificate(der).not_valid_after_utc
    except CertificateUnreadable:
        return thumbprint(der), None


def _name_warnings(
    host: CertificateHost, certificate: TransportCertificate, services: Services
) -> list[str]:
    wildcards = [name for name in certificate.domains if name.startswith("*.")]
    warnings = []
    for service, cmdlet in ((Services.POP, "Set-PopSettings"), (Services.IMAP, "Set-ImapSettings")):
        if services & service and wildcards:
            warnings.append(
                f"certificate {certificate.thumbprint} with the wildcard name {wildcards[0]} does "
                f"not name {host.fqdn}: run {cmdlet} with -X509CertificateName set to the FQDN "
                f"of the service"
            )
    if services & Services.IIS:
        warnings.append("SSL is now required on the default web site")
        if host.version.at_least(Version.EXCHANGE_2013):
            warnings.append("restart IIS: cookies are encrypted with the old certificate's key")
    return warnings
