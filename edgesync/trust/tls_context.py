"""OpenSSL contexts: what one end of a TLS connection presents, asks for and passes over.

Building one loads a key, so they are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from edgesync.errors import KeyUnavailable
from edgesync.trust import openssl

_CIPHERS = b"DEFAULT:@SECLEVEL=0"
"""Level 0, so that the SHA-1 certificates Exchange really issued can be shown and read."""

CONTEXTS_MAX = 64
"""Contexts kept: one per certificate and side in use; a lab has a few dozen servers."""

COMPLAINTS_MAX = 16
"""Verification errors recorded: a chain has few, and the peer decides how many."""


class TlsVersion(StrEnum):
    """Versions the session speaks."""

    TLS_1_2 = "TLSv1.2"
    TLS_1_3 = "TLSv1.3"


_NUMBERS = {TlsVersion.TLS_1_2: 0x0303, TlsVersion.TLS_1_3: 0x0304}
"""As they are on the wire, and in OpenSSL (RFC 8446 section 4.2.1)."""


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """What a machine can present: a certificate, its private key, and the chain above it."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.public_bytes(Encoding.DER)


def _record_and_accept(
    connection: openssl.SSL.Connection,
    _certificate: openssl.crypto.X509,
    code: int,
    _depth: int,
    _ok: int,
) -> bool:
    complaints = connection.get_app_data()
    if code and len(complaints) < COMPLAINTS_MAX:
        complaints.append(code)
    return True


class Contexts:
    """Contexts by what they present."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], openssl.SSL.Context] = OrderedDict()
        self._seen: OrderedDict[
            tuple[object, ...], tuple[TlsIdentity | None, openssl.SSL.Context]
        ] = OrderedDict()
        """The same by the very objects, which are kept so that their ids stay their own."""
        self._lock = Lock()

    def get(
        self,
        identity: TlsIdentity | None,
        *,
        server: bool,
        versions: tuple[TlsVersion, ...],
        request: bool,
    ) -> openssl.SSL.Context:
        """The context of an end.

        Raises:
            KeyUnavailable: the key does not belong to the certificate.
        """
        objects = (id(identity.certificate), id(identity.key)) if identity else ()
        seen_as = (objects, server, versions, request)
        with self._lock:
            seen = self._seen.get(seen_as)
            if seen is not None:
                return seen[1]
            # a fingerprint costs as much as the rest of a session's start
            own = identity.certificate.fingerprint(hashes.SHA256()) if identity else None
            # the key's identity is part of the name: a certificate re-imported with another key
            # differs
            name = (own, objects[1:], server, versions, request)
            context = self._kept.get(name)
            if context is None:
                context = self._kept[name] = _context(identity, server, versions, request)
            self._kept.move_to_end(name)
            self._seen[seen_as] = identity, context
            for kept in (self._kept, self._seen):
                while len(kept) > CONTEXTS_MAX:
                    kept.popitem(last=False)
            return context


def _context(
    identity: TlsIdentity | None, server: bool, versions: tuple[TlsVersion, ...], request: bool
) -> openssl.SSL.Context:
    context = openssl.SSL.Context(
        openssl.SSL.TLS_SERVER_METHOD if server else openssl.SSL.TLS_CLIENT_METHOD
    )
    context.set_cipher_list(_CIPHERS)
    context.set_min_proto_version(min(_NUMBERS[v] for v in versions))
    context.set_max_proto_version(max(_NUMBERS[v] for v in versions))
    context.set_session_cache_mode(openssl.SSL.SESS_CACHE_OFF)
    context.set_options(openssl.SSL.OP_NO_TICKET | openssl.SSL.OP_NO_RENEGOTIATION)
    if server and not request:
        context.set_verify(openssl.SSL.VERIFY_NONE)
    else:
        context.set_verify(openssl.SSL.VERIFY_PEER, _record_and_accept)
    if identity is not None:
        _present(context, identity)
    context.set_app_data(identity)  # keeps the key alive, so that its id stays its own
    return context


def _present(context: openssl.SSL.Context, identity: TlsIdentity) -> None:
    try:
        context.use_certificate(identity.certificate)
        context.use_privatekey(identity.key)
        context.check_privatekey()
        for certificate in identity.chain:
            context.add_extra_chain_cert(certificate)
    except (openssl.SSL.Error, TypeError) as error:
        raise KeyUnavailable(
            "the private key does not belong to the certificate "
            + identity.certificate.subject.rfc4514_string(),
            "choose a certificate whose key is here: edgesync cert list",
        ) from error


CONTEXTS = Contexts()
"""Those of this process."""
