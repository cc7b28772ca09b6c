"""Names in certificates: host names, wildcards, and distinguished names as Windows writes them."""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from edgesync.errors import UsageError

DOMAIN_NAME_MAX = 255
"""Longest SAN entry New-ExchangeCertificate takes, characters (certificate-facts 2.1)."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\Z")
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*\Z")

# Windows' short names; the ones Windows and RFC 4514 spell differently are read in both forms.
_WINDOWS_NAMES = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "S",
    NameOID.COUNTRY_NAME: "C",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.STREET_ADDRESS: "STREET",
    NameOID.EMAIL_ADDRESS: "E",
    NameOID.SERIAL_NUMBER: "SERIALNUMBER",
}
_OIDS = {word: oid for oid, word in _WINDOWS_NAMES.items()} | {
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "EMAIL": NameOID.EMAIL_ADDRESS,
}
_COMPONENT = re.compile(
    r"""\s*([A-Za-z]+|[0-9][0-9.]*)\s*=\s*("(?:[^"]|"")*"|(?:\\.|[^,;+"\\])*)"""
)


def is_domain_name(text: str) -> bool:
    """Whether a text may stand in a certificate as a host name: letters, digits, hyphens, dots."""
    return len(text) <= DOMAIN_NAME_MAX and _DOMAIN.match(text) is not None


def names_match(pattern: str, name: str) -> bool:
    """Whether a name in a certificate covers a host name.

    Without regard to case; ``*.contoso.com`` covers exactly one label more (certificate-facts
    3.2).
    """
    pattern, name = pattern.casefold().rstrip("."), name.casefold().rstrip(".")
    if pattern == name:
        return True
    if not pattern.startswith("*."):
        return False
    first, dot, rest = name.partition(".")
    return bool(first and dot) and first != "*" and rest == pattern[2:]


def parse_subject(text: str) -> x509.Name:
    """Read a subject as ``-SubjectName`` takes it: ``C=US, O=Contoso, CN=mail.contoso.com``.

    The last component of the text is the first of the encoding, as RFC 4514 and Windows have it,
    so :func:`show_name` gives the text back.

    Raises:
        UsageError: for text that is not a distinguished name.
    """
    rdns: list[x509.RelativeDistinguishedName] = []
    position = 0
    while position < len(text):
        found = _COMPONENT.match(text, position)
        if found is None:
            raise UsageError(
                f"subject name is wrong at character {position + 1}: {text[position:]!r}",
                "write it like: C=US, O=Contoso, CN=mail.contoso.com",
            )
        rdns.append(x509.RelativeDistinguishedName([_attribute(found[1], found[2])]))
        position = found.end()
        if position < len(text) and text[position] not in ",;":
            raise UsageError(
                f"subject name has {text[position]!r} at character {position + 1}",
                'quote values that hold commas or quotes: O="Contoso, Ltd."',
            )
        position += 1
    if not rdns:
        raise UsageError("subject name is empty", "write it like: CN=mail.contoso.com")
    return x509.Name(reversed(rdns))


def common_name(text: str) -> x509.Name:
    """A subject that is nothing but ``CN=<text>``, encoded as setup does (PrintableString)."""
    return x509.Name([_typed(NameOID.COMMON_NAME, text)])


def show_name(name: x509.Name) -> str:
    """A distinguished name as Windows shows it: ``CN=HUB01, O=Contoso``."""
    return ", ".join(
        " + ".join(f"{_short(part.oid)}={_quoted(_text(part))}" for part in rdn)
        for rdn in reversed(name.rdns)
    )


def name_of(name: x509.Name) -> str:
    """The common name of a subject, or nothing."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _text(found[-1]) if found else ""


def _attribute(key: str, value: str) -> x509.NameAttribute[str]:
    oid = _OIDS.get(key.upper())
    if oid is None:
        if not key[0].isdigit():
            raise UsageError(
                f"{key!r} is not a component of a subject name", f"use {', '.join(_OIDS)}"
            )
        oid = x509.ObjectIdentifier(key)
    if value.startswith('"'):
        value = value[1:-1].replace('""', '"')
    else:
        value = re.sub(r"\\(.)", r"\1", value.strip())
    try:
        return _typed(oid, value)
    except ValueError as error:
        raise UsageError(f"{key}={value!r}: {error}", "correct the subject name") from error


def _typed(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    if oid in {NameOID.EMAIL_ADDRESS, NameOID.DOMAIN_COMPONENT}:
        return x509.NameAttribute(oid, value)
    # Windows writes PrintableString where the characters allow it (certificate-facts 1).
    kind = _ASN1Type.PrintableString if _PRINTABLE.match(value) else _ASN1Type.UTF8String
    return x509.NameAttribute(oid, value, kind)


def _short(oid: x509.ObjectIdentifier) -> str:
    return _WINDOWS_NAMES.get(oid, f"OID.{oid.dotted_string}")


def _text(part: x509.NameAttribute[str] | x509.NameAttribute[str | bytes]) -> str:
    return part.value if isinstance(part.value, str) else part.value.hex()


def _quoted(value: str) -> str:
    if value and not re.search(r'[,+="\n<>#;\\]|^\s|\s$', value):
        return value
    return '"' + value.replace('"', '""') + '"'
