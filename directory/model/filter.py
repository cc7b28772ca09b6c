"""Search filters as values (RFC 4511 section 4.5.1.7) and their text form (RFC 4515)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from directory.errors import InvalidFilter
from directory.limits import BER_DEPTH_MAX, FILTER_ELEMENTS_MAX


@dataclass(frozen=True, slots=True)
class And:
    """All must match; no components is absolute true (RFC 4526)."""

    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One must match; no components is absolute false (RFC 4526)."""

    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Must not match; undefined stays undefined."""

    filter: Filter


@dataclass(frozen=True, slots=True)
class Equality:
    """``(name=value)``."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Substrings:
    """``(name=initial*any*final)``."""

    name: str
    initial: bytes | None
    any: tuple[bytes, ...]
    final: bytes | None


@dataclass(frozen=True, slots=True)
class GreaterOrEqual:
    """``(name>=value)``."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class LessOrEqual:
    """``(name<=value)``."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Present:
    """``(name=*)``."""

    name: str


@dataclass(frozen=True, slots=True)
class Approx:
    """``(name~=value)``."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Extensible:
    """``(name:dn:rule:=value)``."""

    name: str | None
    rule: str | None
    value: bytes
    dn_attributes: bool = False


Filter = (
    And | Or | Not | Equality | Substrings | GreaterOrEqual | LessOrEqual
    | Present | Approx | Extensible
)  # fmt: skip


def starting_with(name: str, piece: bytes) -> Substrings:
    """``(name=piece*)``."""
    return Substrings(name, piece, (), None)


def containing(name: str, piece: bytes) -> Substrings:
    """``(name=*piece*)``."""
    return Substrings(name, None, (piece,), None)


def ending_with(name: str, piece: bytes) -> Substrings:
    """``(name=*piece)``."""
    return Substrings(name, None, (), piece)


ItemMaker = Callable[[str, bytes], Filter]
"""An item of a name and one value: Equality, GreaterOrEqual, ``starting_with`` and so on."""

ANY_ENTRY = Present("objectClass")
"""``(objectClass=*)``."""

_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*)(?:;[A-Za-z0-9=-]+)*")
_HEX_PAIR = re.compile(r"[0-9A-Fa-f]{2}")
_RULE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*")


def parse_filter(text: str) -> Filter:
    """Read RFC 4515 text; the outer parentheses may be missing, as in ldapsearch.

    Raises:
        InvalidFilter: with the offset of what does not fit.
    """
    parser = _Parser(text)
    result = parser.filter(0) if text.lstrip().startswith("(") else parser.item_only()
    parser.skip_space()
    if parser.at != len(text):
        raise InvalidFilter(text, parser.at, "text after the filter")
    return result


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.elements = 0

    def fail(self, reason: str, at: int | None = None) -> InvalidFilter:
        return InvalidFilter(self.text, self.at if at is None else at, reason)

    def skip_space(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
            self.at += 1

    def expect(self, char: str) -> None:
        if self.text[self.at : self.at + 1] != char:
            raise self.fail(f"expected {char!r}")
        self.at += 1

    def filter(self, depth: int) -> Filter:
        if depth > BER_DEPTH_MAX:
            raise self.fail(f"nested deeper than {BER_DEPTH_MAX}")
        self.elements += 1
        if self.elements > FILTER_ELEMENTS_MAX:
            raise self.fail(f"more than {FILTER_ELEMENTS_MAX} components")
        self.skip_space()
        self.expect("(")
        self.skip_space()
        kind = self.text[self.at : self.at + 1]
        result: Filter
        if kind in {"&", "|"}:
            self.at += 1
            parts = self.filter_list(depth)
            result = And(parts) if kind == "&" else Or(parts)
        elif kind == "!":
            self.at += 1
            result = Not(self.filter(depth + 1))
            self.skip_space()
        else:
            end = self.text.find(")", self.at)
            if end < 0:
                raise self.fail("')' is missing", len(self.text))
            result = self.item(end)
            self.at = end
        self.expect(")")
        return result

    def filter_list(self, depth: int) -> tuple[Filter, ...]:
        parts: list[Filter] = []
        self.skip_space()
        while self.text[self.at : self.at + 1] == "(":
            parts.append(self.filter(depth + 1))
            self.skip_space()
        return tuple(parts)

    def item_only(self) -> Filter:
        self.skip_space()
        result = self.item(len(self.text))
        self.at = len(self.text)
        return result

    def item(self, end: int) -> Filter:
        match = _ATTRIBUTE.match(self.text, self.at, end)
        name = match[0] if match else ""
        at = match.end() if match else self.at
        for operator, kind in ((">=", GreaterOrEqual), ("<=", LessOrEqual), ("~=", Approx)):
            if name and self.text.startswith(operator, at):
                return kind(name, self.value(at + 2, end))
        if self.text[at : at + 1] == ":":
            return self.extensible(name or None, at, end)
        if not name or self.text[at : at + 1] != "=":
            raise self.fail("expected an attribute and one of = >= <= ~= :=", at)
        return self.equality_or_substrings(name, at + 1, end)

    def extensible(self, name: str | None, at: int, end: int) -> Extensible:
        dn_attributes = False
        rule: str | None = None
        if self.text[at : at + 3].lower() == ":dn" and self.text[at + 3 : at + 4] == ":":
            dn_attributes = True
            at += 3
        if self.text[at : at + 2] != ":=":
            match = _RULE.match(self.text, at + 1, end)
            if match is None:
                raise self.fail("expected a matching rule", at + 1)
            rule, at = match[0], match.end()
        if self.text[at : at + 2] != ":=":
            raise self.fail("expected ':='", at)
        if name is None and rule is None:
            raise self.fail("an extensible match needs an attribute or a rule", at)
        return Extensible(name, rule, self.value(at + 2, end), dn_attributes)

    def equality_or_substrings(self, name: str, at: int, end: int) -> Filter:
        pieces = self.text[at:end].split("*")
        if len(pieces) > 1 and not any(pieces):  # "**" asks for nothing more than "*" does
            return Present(name)
        values: list[bytes] = []
        for piece in pieces:
            values.append(self.value(at, at + len(piece)))
            at += len(piece) + 1
        if len(values) == 1:
            return Equality(name, values[0])
        middle = tuple(value for value in values[1:-1] if value)
        return Substrings(name, values[0] or None, middle, values[-1] or None)

    def value(self, at: int, end: int) -> bytes:
        raw = self.text[at:end]
        if "\\" not in raw:
            if "(" in raw:
                raise self.fail("unescaped '(' in a value", at + raw.index("("))
            return raw.encode("utf-8", "surrogatepass")
        out = bytearray()
        while at < end:
            char = self.text[at]
            if char == "\\":
                pair = self.text[at + 1 : min(at + 3, end)]
                if not _HEX_PAIR.fullmatch(pair):
                    raise self.fail("backslash needs two hex digits", at)
                out += bytes.fromhex(pair)
                at += 3
            elif char == "(":
                raise self.fail("unescaped '(' in a value", at)
            else:
                out += char.encode("utf-8", "surrogatepass")
                at += 1
        return bytes(out)


def escape_value(value: bytes) -> str:
    """A value as it stands in filter text: printable where RFC 4515 allows, hex pairs elsewhere."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"\\{byte:02x}" for byte in value)
    return "".join(
        "".join(f"\\{byte:02x}" for byte in char.encode())
        if char in "*()\\" or ord(char) < 0x20 or ord(char) == 0x7F
        else char
        for char in text
    )


def format_filter(filter: Filter) -> str:  # noqa: A002 - the noun of RFC 4511
    """A filter as RFC 4515 text; ``parse_filter`` reads it back to an equal value."""
    match filter:
        case And(filters):
            return f"(&{''.join(map(format_filter, filters))})"
        case Or(filters):
            return f"(|{''.join(map(format_filter, filters))})"
        case Not(inner):
            return f"(!{format_filter(inner)})"
        case Equality(name, value):
            return f"({name}={escape_value(value)})"
        case GreaterOrEqual(name, value):
            return f"({name}>={escape_value(value)})"
        case LessOrEqual(name, value):
            return f"({name}<={escape_value(value)})"
        case Approx(name, value):
            return f"({name}~={escape_value(value)})"
        case Present(name):
            return f"({name}=*)"
        case Substrings(name, initial, middle, final):
            parts = [
                escape_value(initial or b""),
                *map(escape_value, middle),
                escape_value(final or b""),
            ]
            return f"({name}={'*'.join(parts)})"
        case Extensible(name_, rule, value, dn_attributes):
            dn = ":dn" if dn_attributes else ""
            return f"({name_ or ''}{dn}{':' + rule if rule else ''}:={escape_value(value)})"
