"""What a protocol log says about certificates and TLS, in Windows' words.

Source: certificate-facts 5.4.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edgesync.certificates.certificate import thumbprint
from edgesync.trust.reading import issuer_of, names_of, subject_of
from edgesync.trust.tls import HandshakeDone, TlsVersion

Rows = tuple[tuple[str, str], ...]

_BULK = {
    "AES256": ("CALG_AES_256", 256),
    "AES_256": ("CALG_AES_256", 256),
    "AES128": ("CALG_AES_128", 128),
    "AES_128": ("CALG_AES_128", 128),
    "CHACHA20": ("CALG_CHACHA20", 256),
}
_PROTOCOL = {TlsVersion.TLS_1_2: "SP_PROT_TLS1_2", TlsVersion.TLS_1_3: "SP_PROT_TLS1_3"}


def certificate_rows(verb: str, certificate: x509.Certificate, *, newest: bool) -> Rows:
    """Data and context of the ``*`` rows about one certificate."""
    subject = subject_of(certificate)
    issuer = issuer_of(certificate)
    serial = f"{certificate.serial_number:X}"
    if len(serial) % 2:
        serial = "0" + serial
    print_ = thumbprint(certificate.public_bytes(Encoding.DER))
    names = ";".join(names_of(certificate))
    if newest:
        dates = [
            at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            for at in (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        ]
        titles = "Subject Issuer name Serial number Thumbprint Not before Not after Subject"
        return (
            (
                " ".join((subject, issuer, serial, print_, *dates, names)),
                f"{verb} certificate {titles} alternate names",
            ),
        )
    if verb == "Received":
        return (("", "Received certificate"), (print_, "Certificate thumbprint"))
    rows = [
        ("", f"{verb} certificate"),
        (subject, "Certificate subject"),
        (issuer, "Certificate issuer name"),
        (serial, "Certificate serial number"),
        (print_, "Certificate thumbprint"),
    ]
    if names:
        rows.append((names, "Certificate alternate names"))
    return tuple(rows)


def negotiated(done: HandshakeDone, *, is_server: bool) -> str:
    """The row that says what TLS settled on."""
    bulk, bits = next(
        (known for word, known in _BULK.items() if word in done.cipher), (done.cipher, done.bits)
    )
    digest = next((n for n in ("384", "256") if f"SHA{n}" in done.cipher), "1")
    exchange = "CALG_ECDHE" if done.version is TlsVersion.TLS_1_3 or "ECDHE" in done.cipher else (
        "CALG_DH_EPHEM" if "DHE" in done.cipher else "CALG_RSA_KEYX"
    )  # fmt: skip
    side = "SERVER" if is_server else "CLIENT"
    return (
        f"TLS protocol {_PROTOCOL[done.version]}_{side} negotiation succeeded using bulk encryption"
        f" algorithm {bulk} with strength {bits} bits, MAC hash algorithm CALG_SHA_{digest} with"
        f" strength {digest if digest != '1' else '160'} bits and key exchange algorithm {exchange}"
    )
