"""Search filters in BER (RFC 4511 section 4.5.1.7)."""

from __future__ import annotations

from directory.errors import DecodeError, LdapError, ResultCode
from directory.limits import BER_DEPTH_MAX, FILTER_ELEMENTS_MAX
from directory.model import ber
from directory.model.ber import Reader, header
from directory.model.filter import (
    And,
    Approx,
    Equality,
    Extensible,
    Filter,
    GreaterOrEqual,
    LessOrEqual,
    Not,
    Or,
    Present,
    Substrings,
)

AND = 0xA0
OR = 0xA1
NOT = 0xA2
EQUALITY = 0xA3
SUBSTRINGS = 0xA4
GREATER_OR_EQUAL = 0xA5
LESS_OR_EQUAL = 0xA6
PRESENT = 0x87
APPROX = 0xA8
EXTENSIBLE = 0xA9

_ASSERTIONS: dict[int, type[Equality | GreaterOrEqual | LessOrEqual | Approx]] = {
    EQUALITY: Equality,
    GREATER_OR_EQUAL: GreaterOrEqual,
    LESS_OR_EQUAL: LessOrEqual,
    APPROX: Approx,
}
_ASSERTION_TAGS = {kind: tag for tag, kind in _ASSERTIONS.items()}


def decode_filter(reader: Reader) -> Filter:
    """Read the next element as a filter.

    Raises:
        DecodeError: when it is not one, or nests deeper than BER_DEPTH_MAX.
        LdapError: protocolError for a choice the RFC does not know, adminLimitExceeded for more
            than FILTER_ELEMENTS_MAX components.
    """
    decoder = _Decoder(reader.data)
    result, reader.at = decoder.filter(reader.at, reader.end, 0)
    return result


class _Decoder:
    """Offsets instead of readers: filters are in every search, and small."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.elements = 0

    def filter(self, at: int, end: int, depth: int) -> tuple[Filter, int]:
        """The filter at an offset, and the offset after it."""
        self.elements += 1
        if self.elements > FILTER_ELEMENTS_MAX:
            raise LdapError(
                ResultCode.ADMIN_LIMIT_EXCEEDED, f"filter of more than {FILTER_ELEMENTS_MAX} parts"
            )
        if depth > BER_DEPTH_MAX:
            raise DecodeError(at, "filter", f"nested deeper than {BER_DEPTH_MAX}")
        data = self.data
        tag, start, stop = _header(data, at, end)
        if tag == PRESENT:
            return Present(_text(data, start, stop)), stop
        kind = _ASSERTIONS.get(tag)
        if kind is not None:
            name, value = self.assertion(start, stop)
            return kind(name, value), stop
        if tag == SUBSTRINGS:
            return _substrings(Reader(data, start, stop, "filter.substrings")), stop
        if tag == EXTENSIBLE:
            return _extensible(Reader(data, start, stop, "filter.extensible")), stop
        if tag == NOT:
            return Not(self.filter(start, stop, depth + 1)[0]), stop
        if tag in {AND, OR}:
            parts: list[Filter] = []
            while start < stop:
                part, start = self.filter(start, stop, depth + 1)
                parts.append(part)
            return And(tuple(parts)) if tag == AND else Or(tuple(parts)), stop
        raise LdapError(ResultCode.PROTOCOL_ERROR, f"unknown filter choice 0x{tag:02x}")

    def assertion(self, at: int, end: int) -> tuple[str, bytes]:
        """An AttributeValueAssertion: description and value."""
        data = self.data
        tag, start, stop = _header(data, at, end)
        value_tag, value_start, value_stop = _header(data, stop, end)
        if tag != ber.OCTET_STRING or value_tag != ber.OCTET_STRING:
            raise DecodeError(at, "filter.assertion", "not a description and a value")
        return _text(data, start, stop), data[value_start:value_stop]


def _header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Like ``ber.header``, inlined for short lengths; says that it was in a filter."""
    if at + 2 <= end:
        n = data[at + 1]
        stop = at + 2 + n
        if n < 0x80 and stop <= end:
            return data[at], at + 2, stop
    try:
        return header(data, at, end)
    except DecodeError as error:
        raise DecodeError(error.offset, "filter", error.reason) from None


def _text(data: bytes, start: int, stop: int) -> str:
    """An attribute description."""
    try:
        return str(data[start:stop], "utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(start + error.start, "filter.type", "not UTF-8") from None


def _substrings(reader: Reader) -> Substrings:
    name = reader.text("type")
    pieces = reader.enter("pieces")
    initial: bytes | None = None
    middle: list[bytes] = []
    final: bytes | None = None
    first = True
    while pieces.more:
        tag, start, stop = pieces.element("piece")
        value = reader.data[start:stop]
        if final is not None or (tag == 0x80 and not first):
            raise LdapError(ResultCode.PROTOCOL_ERROR, "pieces of a substring out of order")
        if tag == 0x80:
            initial = value
        elif tag == 0x81:
            middle.append(value)
        elif tag == 0x82:
            final = value
        else:
            raise LdapError(ResultCode.PROTOCOL_ERROR, f"unknown substring choice 0x{tag:02x}")
        first = False
    if first:
        raise LdapError(ResultCode.PROTOCOL_ERROR, "substring filter without a piece")
    return Substrings(name, initial, tuple(middle), final)


def _extensible(reader: Reader) -> Extensible:
    rule = reader.text("matchingRule", 0x81) if reader.peek() == 0x81 else None
    name = reader.text("type", 0x82) if reader.peek() == 0x82 else None
    value = reader.octets("matchValue", 0x83)
    dn_attributes = reader.boolean("dnAttributes", 0x84) if reader.peek() == 0x84 else False
    if rule is None and name is None:
        raise LdapError(ResultCode.PROTOCOL_ERROR, "extensible match without attribute and rule")
    return Extensible(name, rule, value, dn_attributes)


def decode_item(reader: Reader) -> Filter:
    """Read the next element as a SimpleFilterItem (RFC 3876): no And, Or, Not."""
    if reader.peek() in {AND, OR, NOT}:
        raise DecodeError(reader.at, reader.path, "only simple items may stand here")
    return decode_filter(reader)


def encode_filter(value: Filter) -> bytes:
    """A filter as one element."""
    match value:
        case Present(name):
            return ber.text(name, PRESENT)
        case And(filters):
            return ber.sequence(*map(encode_filter, filters), tag=AND)
        case Or(filters):
            return ber.sequence(*map(encode_filter, filters), tag=OR)
        case Not(inner):
            return ber.tlv(NOT, encode_filter(inner))
        case Substrings(name, initial, middle, final):
            pieces = [ber.octet_string(piece, 0x81) for piece in middle]
            if initial is not None:
                pieces.insert(0, ber.octet_string(initial, 0x80))
            if final is not None:
                pieces.append(ber.octet_string(final, 0x82))
            return ber.sequence(ber.text(name), ber.sequence(*pieces), tag=SUBSTRINGS)
        case Extensible(name_, rule, assertion, dn_attributes):
            parts = [] if rule is None else [ber.text(rule, 0x81)]
            if name_ is not None:
                parts.append(ber.text(name_, 0x82))
            parts.append(ber.octet_string(assertion, 0x83))
            if dn_attributes:
                parts.append(ber.boolean(True, 0x84))
            return ber.sequence(*parts, tag=EXTENSIBLE)
    tag = _ASSERTION_TAGS[type(value)]
    return ber.sequence(ber.text(value.name), ber.octet_string(value.value), tag=tag)
