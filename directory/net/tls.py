"""TLS contexts for LDAPS and StartTLS (standard library; TLS 1.2 and later)."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from directory.dsa.session import Session
from directory.errors import ResultCode
from directory.model.messages import LdapResult

_log = logging.getLogger(__name__)


def server_context(
    certificate: Path, key: Path, *, client_authorities: str | None = None
) -> ssl.SSLContext:
    """A context that serves this certificate.

    With ``client_authorities`` (PEM text) clients are asked for a certificate and those who
    present one signed by them may bind with SASL EXTERNAL; without, nobody is asked.

    Raises:
        OSError: when a file cannot be read.
        ssl.SSLError: when key and certificate do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_authorities is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=client_authorities)
    return context


def note_tls(session: Session, transport: asyncio.Transport) -> None:
    """Note in a session that its connection is protected, and what TLS says of it."""
    session.is_secure = True
    tls = transport.get_extra_info("ssl_object")
    if isinstance(tls, ssl.SSLObject | ssl.SSLSocket):
        session.peer_certificate = tls.getpeercert(binary_form=True)
        session.tls_channel_binding = tls.get_channel_binding("tls-unique")


def start_tls_refusal(
    session: Session, context: ssl.SSLContext | None, *, is_idle: bool
) -> LdapResult | None:
    """Why a client may not begin TLS now (RFC 4511 section 4.14.1); None when it may."""
    if session.is_secure:
        return LdapResult(ResultCode.OPERATIONS_ERROR, diagnostic="TLS is already there")
    if not is_idle:
        return LdapResult(ResultCode.OPERATIONS_ERROR, diagnostic="requests are unfinished")
    if context is None:
        return LdapResult(ResultCode.UNAVAILABLE, diagnostic="no certificate is configured")
    return None


async def upgraded(
    plain: asyncio.Transport,
    protocol: asyncio.Protocol,
    context: ssl.SSLContext,
    timeout_s: float,
) -> asyncio.Transport | None:
    """What a connection goes on with after StartTLS; None, and it is closed, where that failed."""
    try:
        return await asyncio.get_running_loop().start_tls(
            plain, protocol, context, server_side=True, ssl_handshake_timeout=timeout_s
        )  # None where the client went away meanwhile
    except OSError as error:  # ssl.SSLError is one
        _log.info("StartTLS: %s", error)
        plain.abort()
        return None


SELF_SIGNED_DAYS = 90
"""Life of a certificate made for a server that was given none: a test run, not an installation."""


def self_signed(folder: Path, now: datetime, host: str = "localhost") -> tuple[Path, Path]:
    """Make a certificate for this machine and its key, as PEM files in ``folder``.

    For a server that is asked to speak TLS and has no certificate. Clients must be told to trust
    it: nobody else signed it.
    """
    # cryptography takes a tenth of a second to import; a server with a certificate does without
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    names = [
        x509.DNSName(host),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    key_path.touch(mode=0o600)
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate_path, key_path
