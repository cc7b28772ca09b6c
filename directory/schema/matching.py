"""Matching rules (RFC 4517 section 4, and AD's): what makes two values the same, or ordered.

A rule is a function to a key. Values match when their keys are equal, and are ordered as their
keys are; an assertion that has no key (``ValueError``) is Undefined, not false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from directory.errors import ParseError
from directory.model.dn import DN
from directory.schema.preparation import (
    folded_piece,
    prepare,
    prepare_all_folded,
    prepare_folded,
    prepare_numeric,
    prepare_piece,
    prepare_telephone,
)

Key = bytes | int
BIT_AND = "1.2.840.113556.1.4.803"
BIT_OR = "1.2.840.113556.1.4.804"
IN_CHAIN = "1.2.840.113556.1.4.1941"

_DIRECTORY_STRING = "1.3.6.1.4.1.1466.115.121.1.15"
_IA5_STRING = "1.3.6.1.4.1.1466.115.121.1.26"
_DN = "1.3.6.1.4.1.1466.115.121.1.12"
_INTEGER = "1.3.6.1.4.1.1466.115.121.1.27"
_OCTETS = "1.3.6.1.4.1.1466.115.121.1.40"
_NUMERIC = "1.3.6.1.4.1.1466.115.121.1.36"
_OID = "1.3.6.1.4.1.1466.115.121.1.38"
_TIME = "1.3.6.1.4.1.1466.115.121.1.24"
_SUBSTRING = "1.3.6.1.4.1.1466.115.121.1.58"
_UUID = "1.3.6.1.1.16.1"


@dataclass(frozen=True, slots=True)
class MatchingRule:
    """One rule: ``key`` for whole values, ``piece`` for parts where it matches substrings."""

    oid: str
    name: str
    syntax: str
    key: Callable[[bytes], Key]
    piece: Callable[[bytes], bytes] | None = None

    @property
    def text(self) -> str:
        """Its RFC 4512 description."""
        return f"( {self.oid} NAME '{self.name}' SYNTAX {self.syntax} )"

    def keys(self, values: Sequence[bytes]) -> Sequence[Key]:
        """``key`` of many values.

        Raises:
            ValueError: one of them has none.
        """
        if self.key is prepare_folded:
            return prepare_all_folded(values)
        return list(map(self.key, values))


def _exact(value: bytes) -> bytes:
    return prepare(value, fold=False)


def _exact_piece(value: bytes) -> bytes:
    return prepare_piece(value, fold=False)


def _octets(value: bytes) -> bytes:
    return value


_INTEGER_TEXT = re.compile(rb"-?(?:0|[1-9][0-9]*)\Z")


def _integer(value: bytes) -> int:
    if not _INTEGER_TEXT.match(value):
        raise ValueError("not an integer")
    return int(value)


def _boolean(value: bytes) -> bytes:
    upper = value.upper()
    if upper not in {b"TRUE", b"FALSE"}:
        raise ValueError("not a boolean")
    return upper


def dn_key(value: bytes) -> bytes:
    """The key of a value that is a DN."""
    try:
        return DN.parse(value.decode("utf-8")).normal.encode()
    except ParseError as error:
        raise ValueError(str(error)) from None


def _dn_with_data(value: bytes) -> bytes:
    """AD's ``B:<count>:<hex>:<dn>`` and ``S:<count>:<text>:<dn>`` (MS-ADTS 3.1.1.3.1.1.3)."""
    parts = value.split(b":", 3)
    if len(parts) != 4 or parts[0] not in {b"B", b"S"}:
        raise ValueError("not a DN with binary or string")
    return b":".join((parts[0], parts[1], parts[2].lower(), dn_key(parts[3])))


def _unique_member(value: bytes) -> bytes:
    name, mark, uid = value.rpartition(b"#")
    if mark and re.match(rb"'[01]*'B\Z", uid):
        return dn_key(name) + mark + uid
    return dn_key(value)


def _oid(value: bytes) -> bytes:
    return value.strip().lower()


_TIME_TEXT = re.compile(r"(\d{10})(\d\d)?(\d\d)?(?:[.,](\d+))?(Z|[+-]\d\d(?:\d\d)?)\Z")


def parse_time(value: bytes) -> datetime:
    """An instant from RFC 4517's Generalized Time, minutes and seconds optional.

    Raises:
        ValueError: for anything else.
    """
    match = _TIME_TEXT.match(value.decode("ascii"))
    if match is None:
        raise ValueError("not a generalized time")
    hours, minutes, seconds, fraction, zone = match.groups()
    if seconds == "60":
        seconds = "59"  # a leap second is the second before it
    digits = hours + (minutes or "00") + (seconds or "00")
    at = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    unit = 1 if seconds else 60 if minutes else 3600
    at += timedelta(seconds=unit * float("0." + (fraction or "0")))
    if zone == "Z":
        return at
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5] or 0))
    return at.replace(tzinfo=timezone(-offset if zone[0] == "-" else offset)).astimezone(UTC)


def _time(value: bytes) -> bytes:
    if len(value) == 17 and value.endswith(b".0Z") and value[:14].isdigit():
        return value[:14] + b".000000"
    return parse_time(value).strftime("%Y%m%d%H%M%S.%f").encode()


def _bits(value: bytes) -> bytes:
    if not re.match(rb"'[01]*'B\Z", value):
        raise ValueError("not a bit string")
    return value


def _list(value: bytes) -> bytes:
    return b"$".join([prepare_folded(line) for line in value.split(b"$")])


def _uuid(value: bytes) -> bytes:
    return UUID(value.decode("ascii")).bytes


def _first_component(value: bytes) -> bytes:
    body = value.strip().removeprefix(b"(").split(None, 1)
    return body[0].lower() if body else b""


def _rules() -> list[MatchingRule]:
    x = "2.5.13."
    return [
        MatchingRule(x + "0", "objectIdentifierMatch", _OID, _oid),
        MatchingRule(x + "1", "distinguishedNameMatch", _DN, dn_key),
        MatchingRule(x + "2", "caseIgnoreMatch", _DIRECTORY_STRING, prepare_folded),
        MatchingRule(x + "3", "caseIgnoreOrderingMatch", _DIRECTORY_STRING, prepare_folded),
        MatchingRule(x + "4", "caseIgnoreSubstringsMatch", _SUBSTRING, prepare_folded,
                     folded_piece),
        MatchingRule(x + "5", "caseExactMatch", _DIRECTORY_STRING, _exact),
        MatchingRule(x + "6", "caseExactOrderingMatch", _DIRECTORY_STRING, _exact),
        MatchingRule(x + "7", "caseExactSubstringsMatch", _SUBSTRING, _exact, _exact_piece),
        MatchingRule(x + "8", "numericStringMatch", _NUMERIC, prepare_numeric),
        MatchingRule(x + "9", "numericStringOrderingMatch", _NUMERIC, prepare_numeric),
        MatchingRule(x + "10", "numericStringSubstringsMatch", _SUBSTRING, prepare_numeric,
                     prepare_numeric),
        MatchingRule(x + "11", "caseIgnoreListMatch", "1.3.6.1.4.1.1466.115.121.1.41", _list),
        MatchingRule(x + "12", "caseIgnoreListSubstringsMatch", _SUBSTRING, _list, folded_piece),
        MatchingRule(x + "13", "booleanMatch", "1.3.6.1.4.1.1466.115.121.1.7", _boolean),
        MatchingRule(x + "14", "integerMatch", _INTEGER, _integer),
        MatchingRule(x + "15", "integerOrderingMatch", _INTEGER, _integer),
        MatchingRule(x + "16", "bitStringMatch", "1.3.6.1.4.1.1466.115.121.1.6", _bits),
        MatchingRule(x + "17", "octetStringMatch", _OCTETS, _octets),
        MatchingRule(x + "18", "octetStringOrderingMatch", _OCTETS, _octets),
        MatchingRule(x + "19", "octetStringSubstringsMatch", _OCTETS, _octets, _octets),
        MatchingRule(x + "20", "telephoneNumberMatch", "1.3.6.1.4.1.1466.115.121.1.50",
                     prepare_telephone),
        MatchingRule(x + "21", "telephoneNumberSubstringsMatch", _SUBSTRING, prepare_telephone,
                     prepare_telephone),
        MatchingRule(x + "23", "uniqueMemberMatch", "1.3.6.1.4.1.1466.115.121.1.34",
                     _unique_member),
        MatchingRule(x + "27", "generalizedTimeMatch", _TIME, _time),
        MatchingRule(x + "28", "generalizedTimeOrderingMatch", _TIME, _time),
        MatchingRule(x + "29", "integerFirstComponentMatch", _INTEGER, _first_component),
        MatchingRule(x + "30", "objectIdentifierFirstComponentMatch", _OID, _first_component),
        MatchingRule(x + "31", "directoryStringFirstComponentMatch", _DIRECTORY_STRING,
                     _first_component),
        MatchingRule(x + "32", "wordMatch", _DIRECTORY_STRING, prepare_folded),
        MatchingRule(x + "33", "keywordMatch", _DIRECTORY_STRING, prepare_folded),
        MatchingRule(x + "34", "certificateExactMatch", _OCTETS, _octets),
        MatchingRule("1.3.6.1.4.1.1466.109.114.1", "caseExactIA5Match", _IA5_STRING, _exact),
        MatchingRule("1.3.6.1.4.1.1466.109.114.2", "caseIgnoreIA5Match", _IA5_STRING,
                     prepare_folded),
        MatchingRule("1.3.6.1.4.1.1466.109.114.3", "caseIgnoreIA5SubstringsMatch", _SUBSTRING,
                     prepare_folded, folded_piece),
        MatchingRule("1.3.6.1.4.1.4203.1.2.1", "caseExactIA5SubstringsMatch", _SUBSTRING,
                     _exact, _exact_piece),
        MatchingRule("1.3.6.1.1.16.2", "uuidMatch", _UUID, _uuid),
        MatchingRule("1.3.6.1.1.16.3", "uuidOrderingMatch", _UUID, _uuid),
        MatchingRule("1.3.6.1.4.1.4203.666.11.2.2", "CSNMatch", _OCTETS, _octets),
        MatchingRule("1.3.6.1.4.1.4203.666.11.2.3", "CSNOrderingMatch", _OCTETS, _octets),
        MatchingRule(BIT_AND, "integerBitAndMatch", _INTEGER, _integer),
        MatchingRule(BIT_OR, "integerBitOrMatch", _INTEGER, _integer),
        MatchingRule(IN_CHAIN, "distinguishedNameInChainMatch", _DN, dn_key),
        # not in any RFC: how values of AD's DN-with-binary syntaxes compare
        MatchingRule("1.3.6.1.4.1.32473.2.1", "dnWithDataMatch", _OCTETS, _dn_with_data),
    ]  # fmt: skip


RULES: dict[str, MatchingRule] = {}
"""Every rule under its OID and its lower-case name."""
for _rule in _rules():
    RULES[_rule.oid] = RULES[_rule.name.lower()] = _rule
