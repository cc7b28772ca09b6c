"""A certification authority, and a partner's mail server with a certificate of it."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from directory.entropy import SeededEntropy
from edgesync.certificates.authority import Authority, make_authority
from edgesync.certificates.certificate import RootCAType, TransportCertificate
from edgesync.certificates.issue import CertificateSubject
from edgesync.certificates.keys import BundledKeys
from edgesync.certificates.request import make_request
from edgesync.certificates.services import Services
from tests.support.mail_bench import START, Machine

KEYS = BundledKeys(1234)
CRL_URL = "http://ca.public.test/list.crl"


def authority(*, crl: bool = True, seed: int = 1) -> Authority:
    """A public root."""
    return make_authority(
        "CN=Public CA", KEYS.next_key("ca"), now=START, entropy=SeededEntropy(seed, "ca"),
        kind=RootCAType.THIRD_PARTY, crl_url=CRL_URL if crl else "",
    )  # fmt: skip


def certificate(
    ca: Authority, *names: str, now: datetime = START, days: int = 365
) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """A server certificate of the authority for these names."""
    key = KEYS.next_key(names[0])
    subject = CertificateSubject(x509.Name.from_rfc4514_string(f"CN={names[0]}"), names)
    request = x509.load_der_x509_csr(make_request(subject, key))
    entropy = SeededEntropy(len(names[0]), names[0])
    return ca.sign(request, now=now, entropy=entropy, days=days), key


def install(machine: Machine, ca: Authority, *names: str, days: int = 365) -> TransportCertificate:
    """Give a machine a certificate of the authority, enabled for SMTP, and trust in its root."""
    issued, key = certificate(ca, *names, days=days)
    entry = TransportCertificate(issued, key, services=Services.SMTP, network_service=True)
    machine.certificates.store.put(entry)
    trust(machine, ca)
    return entry


def trust(machine: Machine, ca: Authority) -> None:
    """Put the authority's root into a machine's trusted roots."""
    machine.certificates.store.trust(ca.root, RootCAType.THIRD_PARTY)


def publish_crl(machine: Machine, ca: Authority | None) -> None:
    """Let a machine reach the authority's revocation list; None: it cannot be reached."""

    def fetch(_url: str) -> bytes | None:
        return None if ca is None else ca.crl(now=machine.host.now())

    machine.certificates.crls = fetch


__all__ = [
    "KEYS", "Authority", "SeededEntropy", "authority", "certificate", "install", "publish_crl",
    "trust",
]  # fmt: skip
