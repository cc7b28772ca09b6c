"""Syntaxes (RFC 4517 section 3.3, and AD's): which bytes may stand as a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from directory.schema.matching import dn_key, parse_time

DN_SYNTAXES = frozenset((
    "1.3.6.1.4.1.1466.115.121.1.12", "1.3.6.1.4.1.1466.115.121.1.34",
))  # fmt: skip
"""Syntaxes whose values are names of other entries."""

Check = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class SyntaxRule:
    """One syntax: ``check`` raises ValueError for bytes that do not fit; ``binary`` is not text."""

    oid: str
    description: str
    check: Check
    binary: bool = False

    @property
    def text(self) -> str:
        """Its RFC 4512 description."""
        mark = " X-NOT-HUMAN-READABLE 'TRUE'" if self.binary else ""
        return f"( {self.oid} DESC '{self.description}'{mark} )"

    @property
    def takes_anything(self) -> bool:
        """Whether there is nothing to check."""
        return self.check is _anything

    @property
    def takes_ascii(self) -> bool:
        """Whether all ASCII is a value, but for no octets at all."""
        return self.check is _text or self.check is _ia5


def _anything(value: bytes) -> None:
    """Every octet string is one."""


def _matches(pattern: bytes, what: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: bytes) -> None:
        if not compiled.fullmatch(value):
            raise ValueError(what)

    return check


def _text(value: bytes) -> None:
    if not value.isascii():
        value.decode("utf-8")
    elif not value:
        raise ValueError("empty string")


def _ia5(value: bytes) -> None:
    if not value.isascii():
        raise ValueError("not ASCII")


def _integer64(value: bytes) -> None:
    if not re.fullmatch(rb"-?[0-9]{1,19}", value) or not -(2**63) <= int(value) < 2**63:
        raise ValueError("not a 64-bit integer")


_PRINTABLE = rb"[A-Za-z0-9'()+,\-./:? =]+"
_OID = rb"(?:[A-Za-z][A-Za-z0-9-]*|[0-2](?:\.(?:0|[1-9][0-9]*))+|\d+(?:\.\d+)*)"


def _syntaxes() -> list[SyntaxRule]:
    x = "1.3.6.1.4.1.1466.115.121.1."
    ad = "1.2.840.113556.1.4."
    integer = _matches(rb"-?(?:0|[1-9][0-9]*)", "not an integer")
    return [
        SyntaxRule(x + "3", "Attribute Type Description", _text),
        SyntaxRule(x + "4", "Audio", _anything, binary=True),
        SyntaxRule(x + "5", "Binary", _anything, binary=True),
        SyntaxRule(x + "6", "Bit String", _matches(rb"'[01]*'B", "not a bit string")),
        SyntaxRule(x + "7", "Boolean", _matches(rb"(?i:TRUE|FALSE)", "not TRUE or FALSE")),
        SyntaxRule(x + "8", "Certificate", _anything, binary=True),
        SyntaxRule(x + "9", "Certificate List", _anything, binary=True),
        SyntaxRule(x + "10", "Certificate Pair", _anything, binary=True),
        SyntaxRule(x + "11", "Country String", _matches(rb"[A-Za-z0-9'()+,\-./:? ]{2}",
                   "not two printable characters")),
        SyntaxRule(x + "12", "DN", dn_key),
        SyntaxRule(x + "14", "Delivery Method", _text),
        SyntaxRule(x + "15", "Directory String", _text),
        SyntaxRule(x + "16", "DIT Content Rule Description", _text),
        SyntaxRule(x + "21", "Enhanced Guide", _text),
        SyntaxRule(x + "22", "Facsimile Telephone Number", _text),
        SyntaxRule(x + "24", "Generalized Time", parse_time),
        SyntaxRule(x + "26", "IA5 String", _ia5),
        SyntaxRule(x + "27", "INTEGER", integer),
        SyntaxRule(x + "28", "JPEG", _anything, binary=True),
        SyntaxRule(x + "30", "Matching Rule Description", _text),
        SyntaxRule(x + "31", "Matching Rule Use Description", _text),
        SyntaxRule(x + "34", "Name And Optional UID", _text),
        SyntaxRule(x + "36", "Numeric String", _matches(rb"[0-9 ]+", "not digits")),
        SyntaxRule(x + "37", "Object Class Description", _text),
        SyntaxRule(x + "38", "OID", _matches(_OID, "not an object identifier")),
        SyntaxRule(x + "39", "Other Mailbox", _ia5),
        SyntaxRule(x + "40", "Octet String", _anything, binary=True),
        SyntaxRule(x + "41", "Postal Address", _text),
        SyntaxRule(x + "43", "Presentation Address", _text),
        SyntaxRule(x + "44", "Printable String", _matches(_PRINTABLE, "not printable")),
        SyntaxRule(x + "49", "Supported Algorithm", _anything, binary=True),
        SyntaxRule(x + "50", "Telephone Number", _text),
        SyntaxRule(x + "51", "Teletex Terminal Identifier", _text),
        SyntaxRule(x + "52", "Telex Number", _text),
        SyntaxRule(x + "53", "UTC Time", _matches(rb"[0-9]{10}(?:[0-9]{2})?(?:Z|[+-][0-9]{4})",
                   "not a UTC time")),
        SyntaxRule(x + "54", "LDAP Syntax Description", _text),
        SyntaxRule(x + "58", "Substring Assertion", _text),
        SyntaxRule("1.3.6.1.1.1.0.0", "RFC2307 NIS Netgroup Triple", _ia5),
        SyntaxRule("1.3.6.1.1.1.0.1", "RFC2307 Boot Parameter", _ia5),
        SyntaxRule("1.3.6.1.1.16.1", "UUID", _matches(
            rb"(?i:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})", "not a UUID")),
        SyntaxRule("1.3.6.1.1.15.1", "Certificate Exact Assertion", _anything),
        SyntaxRule("1.3.6.1.4.1.4203.666.11.2.1", "Change Sequence Number", _ia5),
        SyntaxRule(ad + "903", "DN With Binary", _text),
        SyntaxRule(ad + "904", "DN With String", _text),
        SyntaxRule(ad + "905", "Case Ignore String (Teletex)", _text),
        SyntaxRule(ad + "906", "Large Integer", _integer64),
        SyntaxRule(ad + "907", "NT Security Descriptor", _anything, binary=True),
        SyntaxRule(ad + "1362", "Case Exact String", _text),
        SyntaxRule(ad + "1221", "OR Name", _text),
    ]  # fmt: skip


SYNTAXES: dict[str, SyntaxRule] = {rule.oid: rule for rule in _syntaxes()}
"""Every syntax under its OID."""
