"""Get-ExchangeCertificate: what is in a server's store, judged, in Exchange's forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.load import context_of, judge_on
from edgesync.certificates.select import select_starttls
from edgesync.certificates.status import Judgement
from edgesync.config import Version

_ADMINISTRATORS = ("BUILTIN\\Administrators", "NT AUTHORITY\\SYSTEM")
_NETWORK_SERVICE = "NT AUTHORITY\\NETWORK SERVICE"


@dataclass(frozen=True, slots=True)
class CertificateView:
    """One certificate as the cmdlet shows it."""

    certificate: TransportCertificate
    judgement: Judgement
    version: Version
    is_internal: bool = False
    """Whether the directory names it as the server's internal transport certificate."""

    @property
    def access(self) -> tuple[str, ...]:
        """Accounts that may use the private key (AccessRules)."""
        if not self.certificate.has_private_key:
            return ()
        if self.certificate.network_service:
            return (*_ADMINISTRATORS, _NETWORK_SERVICE)
        return _ADMINISTRATORS

    def row(self) -> tuple[str, str, str]:
        """The default columns: Thumbprint, Services, Subject (certificate-facts 2.2)."""
        item = self.certificate
        return item.thumbprint, item.services.column(self.version), item.subject

    def listing(self) -> tuple[tuple[str, str], ...]:
        """Format-List's properties, alphabetically, as Exchange prints them."""
        item = self.certificate
        rules = ", ".join("System.Security.AccessControl.CryptoKeyAccessRule" for _ in self.access)
        return (
            ("AccessRules", f"{{{rules}}}"),
            ("CertificateDomains", f"{{{', '.join(item.domains)}}}"),
            ("HasPrivateKey", str(item.has_private_key)),
            ("IsSelfSigned", str(item.is_self_signed)),
            ("Issuer", item.issuer),
            ("NotAfter", f"{item.not_after:%Y-%m-%d %H:%M:%S}Z"),
            ("NotBefore", f"{item.not_before:%Y-%m-%d %H:%M:%S}Z"),
            ("PublicKeySize", str(item.key_size)),
            ("RootCAType", self.judgement.root_ca_type.value),
            ("SerialNumber", item.serial_number),
            ("Services", str(item.services)),
            ("Status", self.judgement.status.value),
            ("Subject", item.subject),
            ("Thumbprint", item.thumbprint),
        )

    def document(self) -> dict[str, Any]:
        """The certificate as JSON; no key, ever."""
        item = self.certificate
        return {
            "thumbprint": item.thumbprint,
            "sha256": item.sha256,
            "subject": item.subject,
            "issuer": item.issuer,
            "domains": list(item.domains),
            "serial_number": item.serial_number,
            "not_before": _instant(item.not_before.isoformat()),
            "not_after": _instant(item.not_after.isoformat()),
            "services": list(item.services.words),
            "services_column": item.services.column(self.version),
            "status": self.judgement.status.value,
            "status_detail": self.judgement.detail,
            "root_ca_type": self.judgement.root_ca_type.value,
            "revocation": self.judgement.revocation.value,
            "is_self_signed": item.is_self_signed,
            "is_internal": self.is_internal,
            "is_pending": item.is_pending,
            "has_private_key": item.has_private_key,
            "exportable": item.exportable,
            "key_size": item.key_size,
            "key_provider": item.key_provider.value,
            "access": list(self.access),
            "friendly_name": item.friendly_name,
            "signature_hash": signature_hash(item),
        }


def get(
    host: CertificateHost, *, thumbprint: str | None = None, domain_names: tuple[str, ...] = ()
) -> tuple[CertificateView, ...]:
    """Certificates of a server; by thumbprint, or those that name one of some domains.

    With a domain name the first one is the one a connector with that FQDN would select
    (certificate-facts 2.2).

    Raises:
        NoSuchThing: for a thumbprint that is not there.
    """
    found = host.store.certificates
    if thumbprint is not None:
        found = (host.store.find(thumbprint),)
    if domain_names:
        found = tuple(c for c in found if any(c.names(name) for name in domain_names))
        found = _selected_first(host, found, domain_names[0])
    internal = host.published() if host.has_transport else None
    return tuple(
        CertificateView(c, judge_on(host, c), host.version, is_internal=c.der == internal)
        for c in found
    )


def signature_hash(item: TransportCertificate) -> str:
    """Name of the hash the certificate is signed with; nothing when there is none."""
    digest = item.certificate.signature_hash_algorithm
    return digest.name if digest else ""


def _selected_first(
    host: CertificateHost, found: tuple[TransportCertificate, ...], name: str
) -> tuple[TransportCertificate, ...]:
    chosen = select_starttls(found, name, context_of(host)).chosen
    return tuple(sorted(found, key=lambda c: c is not chosen))


def _instant(text: str) -> str:
    return text.replace("+00:00", "Z")
