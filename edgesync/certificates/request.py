"""PKCS#10 requests as New-ExchangeCertificate -GenerateRequest writes them."""

from __future__ import annotations

import base64
import textwrap

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from edgesync.certificates.certificate import MALFORMED
from edgesync.certificates.issue import CertificateSubject, server_extensions
from edgesync.certificates.names import show_name
from edgesync.errors import CertificateUnreadable

_BEGIN = "-----BEGIN NEW CERTIFICATE REQUEST-----"
_END = "-----END NEW CERTIFICATE REQUEST-----"


def make_request(subject: CertificateSubject, key: rsa.RSAPrivateKey) -> bytes:
    """A request for a server certificate, DER (RFC 2986); the authority decides usage and dates."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject.name)
    for extension, critical in server_extensions(subject.domains):
        if extension.oid != ExtensionOID.EXTENDED_KEY_USAGE:
            builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def request_text(der: bytes) -> str:
    """A request as the cmdlet prints it: Base64 between Windows' header lines."""
    body = textwrap.fill(base64.b64encode(der).decode("ascii"), 64)
    return f"{_BEGIN}\n{body}\n{_END}\n"


def parse_request(data: bytes) -> x509.CertificateSigningRequest:
    """Read a request, DER or text under either header.

    Raises:
        CertificateUnreadable: when it is none, or its own signature is wrong.
    """
    try:
        if b"-----BEGIN" in data:
            text = data.replace(b"NEW CERTIFICATE REQUEST", b"CERTIFICATE REQUEST")
            request = x509.load_pem_x509_csr(text)
        else:
            request = x509.load_der_x509_csr(data)
    except MALFORMED as error:
        raise CertificateUnreadable(
            "not a PKCS#10 certificate request", "make one with edgesync cert new --request"
        ) from error
    try:
        is_genuine = request.is_signature_valid
        _parts = show_name(request.subject), request.extensions, request.public_key()
    except MALFORMED as error:
        raise CertificateUnreadable(
            f"the request is malformed: {error}", "make the request again"
        ) from error
    if not is_genuine:
        raise CertificateUnreadable(
            "the request's signature is wrong", "make the request again; this one was changed"
        )
    return request
