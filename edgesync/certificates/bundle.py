"""What may come in a file: a PFX, a PKCS#7 answer, a single certificate; DER, PEM or Base64."""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from edgesync.certificates.certificate import MALFORMED, KeyProvider, parse_certificate, readable
from edgesync.certificates.keys import PrivateKey
from edgesync.certificates.pfx_cost import ITERATIONS_MAX, iterations_of
from edgesync.certificates.refusals import KeyMismatch, WeakKey, WrongPassword
from edgesync.errors import CertificateUnreadable, KeyUnavailable

FILE_SIZE_MAX = 4 * 1024 * 1024
"""Largest file read, bytes: a PFX with a long chain has 20 KiB."""

PFX_ITERATIONS = 2000
"""Rounds of key derivation in an exported PFX: what Windows writes."""

_BEGIN = re.compile(rb"-----BEGIN [^-\r\n]{1,64}-----")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_PFX_VERSION = bytes.fromhex("020103")
_CSP_NAME = bytes.fromhex("06092b060104018237" + "1101")
"""Microsoft's CSP name attribute, 1.3.6.1.4.1.311.17.1; it stands outside the encryption."""
_BMP_STRING = 0x1E
_CNG_PROVIDERS = ("key storage provider", "platform crypto provider")


@dataclass(frozen=True)
class Bundle:
    """The content of a file: the certificate meant, its key, and the issuers beside it."""

    leaf: x509.Certificate
    key: PrivateKey | None = field(default=None, repr=False)
    friendly_name: str | None = None
    others: tuple[x509.Certificate, ...] = ()
    key_provider: KeyProvider = KeyProvider.CAPI


def read_bundle(data: bytes, password: str | None = None) -> Bundle:
    """Read whatever Import-ExchangeCertificate takes (certificate-facts 2.4).

    Raises:
        WrongPassword, KeyMismatch, WeakKey: for a PFX; CertificateUnreadable for anything that is
        no certificate file.
    """
    if len(data) > FILE_SIZE_MAX:
        raise CertificateUnreadable(
            f"the file has {len(data)} bytes", f"a certificate file has at most {FILE_SIZE_MAX}"
        )
    der = _der(data)
    head = der[:32]
    if _SIGNED_DATA in head:
        return _from_pkcs7(der)
    if head[:1] == b"\x30" and _PFX_VERSION in head[2:9]:
        return _from_pfx(der, password)
    return Bundle(parse_certificate(der, "the file"))


def write_pfx(
    certificate: x509.Certificate,
    key: PrivateKey,
    *,
    password: str,
    friendly_name: str,
    issuers: tuple[x509.Certificate, ...] = (),
    legacy: bool = False,
) -> bytes:
    """A PFX: AES-256 and SHA-256, or 3DES and SHA-1 for Windows before 2016 (``legacy``)."""
    builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(PFX_ITERATIONS)
    if legacy:
        builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(
            hashes.SHA1()  # noqa: S303 - what Windows before 2016 reads
        )
    else:
        builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(
            hashes.SHA256()
        )
    return pkcs12.serialize_key_and_certificates(
        friendly_name.encode(), key, certificate, list(issuers), builder.build(password.encode())
    )


def leaf_of(certificates: tuple[x509.Certificate, ...]) -> x509.Certificate:
    """The certificate of a set that has issued none of the others."""
    issuers = {c.issuer for c in certificates if c.issuer != c.subject}
    leaves = [c for c in certificates if c.subject not in issuers]
    return leaves[0] if leaves else certificates[0]


def _der(data: bytes) -> bytes:
    """The binary content of PEM or bare Base64; binary stays."""
    if not data:
        raise CertificateUnreadable("the file is empty", "give a PFX, PKCS#7 or certificate file")
    found = _BEGIN.search(data)
    end = data.find(b"-----END", found.end()) if found else -1
    if end < 0 and data[:1] == b"\x30":
        return data
    text = data[found.end() : end] if found and end >= 0 else data
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        raise CertificateUnreadable(
            "the file is neither DER nor PEM nor Base64", "give a PFX, PKCS#7 or certificate file"
        ) from error


def _from_pkcs7(der: bytes) -> Bundle:
    try:
        with warnings.catch_warnings():
            # openssl and Windows keep the order given, where DER wants a sorted SET.
            warnings.simplefilter("ignore", UserWarning)
            certificates = tuple(pkcs7.load_der_pkcs7_certificates(der))
    except MALFORMED as error:
        raise CertificateUnreadable(
            "the PKCS#7 file cannot be read", "export the authority's answer again (.p7b)"
        ) from error
    if not certificates:
        raise CertificateUnreadable(
            "the PKCS#7 file holds no certificate", "export the authority's answer again (.p7b)"
        )
    for certificate in certificates:
        readable(certificate, "the PKCS#7 file")
    leaf = leaf_of(certificates)
    return Bundle(leaf, others=tuple(c for c in certificates if c != leaf))


def _from_pfx(der: bytes, password: str | None) -> Bundle:
    secret = password.encode() if password else None
    if iterations_of(der) > ITERATIONS_MAX:
        raise CertificateUnreadable(
            f"the PFX asks for over {ITERATIONS_MAX:,} rounds of key derivation, or hides how many",
            "export it again; Windows asks for 2,000",
        )
    try:
        with warnings.catch_warnings():
            # a file with lengths left open, or bytes behind its end, is read all the same
            warnings.simplefilter("ignore", UserWarning)
            content = pkcs12.load_pkcs12(der, secret)
    except MALFORMED as error:
        raise _pfx_error(error) from error
    others = tuple(other.certificate for other in content.additional_certs)
    if content.key is None:
        raise KeyUnavailable("the PFX holds no private key", "export it again with the private key")
    if content.cert is None:
        # The library pairs by key: certificates, a key, and no pair means they do not fit.
        if others:
            raise KeyMismatch(
                "the private key in the PFX does not belong to its certificate",
                "export certificate and key together again",
            )
        raise CertificateUnreadable(
            "the PFX holds no certificate", "export it again with its certificate"
        )
    key = content.key
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise KeyUnavailable("the PFX holds a key of another kind", "Exchange needs an RSA key")
    for certificate in (content.cert.certificate, *others):
        readable(certificate, "the PFX")
    name = content.cert.friendly_name
    return Bundle(
        content.cert.certificate,
        key,
        name.decode("utf-8", "replace") if name else None,
        others,
        _provider_of(der),
    )


def _pfx_error(error: Exception) -> CertificateUnreadable | WeakKey:
    text = str(error)
    if "password" in text.casefold():
        return WrongPassword(
            "the password does not open the PFX, or the file is damaged",
            "give the password it was exported with",
        )
    if "too small" in text or "1024" in text:
        return WeakKey("the key in the PFX is too short", "use an RSA key of 2048 bits")
    return CertificateUnreadable(f"the PFX cannot be read: {text}", "export it again")


def _provider_of(der: bytes) -> KeyProvider:
    """CNG when the PFX names one of Microsoft's key storage providers, else CAPI.

    The attribute is a SET of one BMPString; its text is found behind the attribute's OID.
    """
    at = der.find(_CSP_NAME)
    if at < 0:
        return KeyProvider.CAPI
    value = der[at + len(_CSP_NAME) : at + len(_CSP_NAME) + 2 + 2 + 256]
    if len(value) < 4 or value[0] != 0x31 or value[2] != _BMP_STRING:
        return KeyProvider.CAPI
    name = value[4 : 4 + value[3]].decode("utf-16-be", "replace").casefold()
    return KeyProvider.CNG if any(word in name for word in _CNG_PROVIDERS) else KeyProvider.CAPI
