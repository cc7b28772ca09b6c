"""BER's handful of primitives (X.690; the subset of RFC 4511 section 5.1).

They stand here, below the store and the wire, because both keep attributes in this form: an
attribute of an AddRequest has the very bytes of the same attribute in a SearchResultEntry.
"""

from __future__ import annotations

from collections.abc import Iterable

from directory.errors import DecodeError

BOOLEAN = 0x01
INTEGER = 0x02
OCTET_STRING = 0x04
NULL = 0x05
ENUMERATED = 0x0A
SEQUENCE = 0x30
SET = 0x31

LENGTH_OCTETS_MAX = 4
"""Longest long form read: four octets already announce 4 GiB. Windows always writes four."""

INTEGER_OCTETS_MAX = 9
"""Longest INTEGER read, octets: a 64-bit number with a sign octet."""

_LENGTHS = (
    *[bytes((n,)) for n in range(128)],
    *[bytes((0x81, n)) for n in range(128, 256)],
    *[bytes((0x82, n >> 8, n & 0xFF)) for n in range(256, 2048)],
)
"""Lengths of nearly all there is: entries, attributes, messages."""
_STRING = tuple(bytes((OCTET_STRING, n)) for n in range(128))
"""What stands before an OCTET STRING of so many octets."""


def length(n: int) -> bytes:
    """The length octets, definite form, as short as possible."""
    if n < 2048:
        return _LENGTHS[n]
    octets = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, content: bytes) -> bytes:
    """One element: tag, length, content."""
    n = len(content)
    if n < 128:
        return bytes((tag, n)) + content
    return bytes((tag,)) + length(n) + content


def octet_string(value: bytes, tag: int = OCTET_STRING) -> bytes:
    """An OCTET STRING."""
    n = len(value)
    if n < 128:
        return bytes((tag, n)) + value
    return bytes((tag,)) + length(n) + value


def text(value: str, tag: int = OCTET_STRING) -> bytes:
    """An LDAPString: UTF-8 in an OCTET STRING."""
    return octet_string(value.encode("utf-8", "surrogatepass"), tag)


def integer(value: int, tag: int = INTEGER) -> bytes:
    """An INTEGER (or ENUMERATED, by its tag), two's complement, as short as possible."""
    if -128 <= value < 128:
        return bytes((tag, 1, value & 0xFF))
    if 0 < value < 0x8000:  # most numbers of messages
        return bytes((tag, 2, value >> 8, value & 0xFF))
    bits = value.bit_length() if value >= 0 else (value + 1).bit_length()
    octets = value.to_bytes(bits // 8 + 1, "big", signed=True)
    return bytes((tag, len(octets))) + octets


def boolean(value: bool, tag: int = BOOLEAN) -> bytes:
    """A BOOLEAN; LDAP writes TRUE as 0xFF."""
    return bytes((tag, 1, 0xFF if value else 0))


def sequence(*parts: bytes, tag: int = SEQUENCE) -> bytes:
    """A SEQUENCE of finished elements."""
    return tlv(tag, b"".join(parts))


def attribute(name: bytes, values: Iterable[bytes]) -> bytes:
    """A PartialAttribute, ``SEQUENCE { type, vals SET OF value }``: the store keeps this form."""
    if isinstance(values, tuple) and len(values) == 1:
        value = values[0]
        m, n = len(name), len(value)
        if m + n < 120:  # every length fits one octet: nearly all attributes there are
            head = bytes((SEQUENCE, m + n + 6, OCTET_STRING, m))
            return head + name + bytes((SET, n + 2, OCTET_STRING, n)) + value
    strings = b"".join([_STRING[len(v)] + v if len(v) < 128 else octet_string(v) for v in values])
    body = octet_string(name) + bytes((SET,)) + length(len(strings)) + strings
    return bytes((SEQUENCE,)) + length(len(body)) + body


def attribute_head(name: bytes, n: int) -> bytes:
    """What stands before the value in a PartialAttribute of one value of ``n`` octets."""
    value = bytes((OCTET_STRING,)) + length(n)
    values = bytes((SET,)) + length(len(value) + n) + value
    kind = octet_string(name)
    return bytes((SEQUENCE,)) + length(len(kind) + len(values) + n) + kind + values


def header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Read one tag and length: (tag, where the content starts, where it ends).

    Raises:
        DecodeError: when the element does not fit before ``end``, or its length is not definite.
    """
    if at + 2 > end:
        raise DecodeError(at, "", "element is cut off")
    tag = data[at]
    if tag & 0x1F == 0x1F:
        raise DecodeError(at, "", "LDAP has no tags above 30")
    n = data[at + 1]
    start = at + 2
    if n >= 0x80:
        count = n & 0x7F
        if count == 0:
            raise DecodeError(at + 1, "", "indefinite length")
        if count > LENGTH_OCTETS_MAX:
            raise DecodeError(at + 1, "", f"length of {count} octets")
        start += count
        if start > end:
            raise DecodeError(at + 1, "", "length is cut off")
        n = int.from_bytes(data[at + 2 : start], "big")
    stop = start + n
    if stop > end:
        raise DecodeError(at + 1, "", f"length {n} exceeds the {end - start} octets that are left")
    return tag, start, stop


class Reader:
    """Reads elements one after another from part of a message; every error says where and what."""

    __slots__ = ("at", "data", "end", "path")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None, path: str = "") -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end
        self.path = path

    @property
    def more(self) -> bool:
        """Whether another element follows."""
        return self.at < self.end

    def fail(self, what: str, reason: str, at: int | None = None) -> DecodeError:
        """The error to raise for an element called ``what``."""
        path = f"{self.path}.{what}" if self.path and what else self.path or what
        return DecodeError(self.at if at is None else at, path, reason)

    def peek(self) -> int:
        """Tag of the next element, or -1 at the end."""
        return self.data[self.at] if self.at < self.end else -1

    def element(self, what: str) -> tuple[int, int, int]:
        """The next element whatever its tag: (tag, start, end); moves past it."""
        try:
            tag, start, stop = header(self.data, self.at, self.end)
        except DecodeError as error:
            raise self.fail(what, error.reason, error.offset) from None
        self.at = stop
        return tag, start, stop

    def expect(self, tag: int, what: str) -> tuple[int, int]:
        """The next element, which must have this tag: (start, end); moves past it."""
        data = self.data
        at = self.at
        if at + 2 <= self.end and data[at] == tag and data[at + 1] < 0x80:
            start = at + 2
            stop = start + data[at + 1]
            if stop <= self.end:
                self.at = stop
                return start, stop
        found, start, stop = self.element(what)
        if found != tag:
            raise self.fail(what, f"expected tag 0x{tag:02x}, found 0x{found:02x}", at)
        return start, stop

    def octets(self, what: str, tag: int = OCTET_STRING) -> bytes:
        """An OCTET STRING."""
        start, stop = self.expect(tag, what)
        return self.data[start:stop]

    def text(self, what: str, tag: int = OCTET_STRING) -> str:
        """An LDAPString."""
        start, stop = self.expect(tag, what)
        try:
            return str(self.data[start:stop], "utf-8")
        except UnicodeDecodeError as error:
            raise self.fail(what, "not UTF-8", start + error.start) from None

    def integer(self, what: str, tag: int = INTEGER) -> int:
        """An INTEGER, or an ENUMERATED by its tag."""
        start, stop = self.expect(tag, what)
        if not 1 <= stop - start <= INTEGER_OCTETS_MAX:
            raise self.fail(what, f"integer of {stop - start} octets", start)
        return int.from_bytes(self.data[start:stop], "big", signed=True)

    def boolean(self, what: str, tag: int = BOOLEAN) -> bool:
        """A BOOLEAN; any octet but zero is true, as BER has it."""
        start, stop = self.expect(tag, what)
        if stop - start != 1:
            raise self.fail(what, "boolean is not one octet", start)
        return self.data[start] != 0

    def enter(self, what: str, tag: int = SEQUENCE) -> Reader:
        """A reader of the inside of the next element."""
        start, stop = self.expect(tag, what)
        return Reader(self.data, start, stop, f"{self.path}.{what}" if self.path else what)

    def finish(self) -> None:
        """Say that nothing may follow.

        Raises:
            DecodeError: when something does.
        """
        if self.at != self.end:
            raise self.fail("", f"{self.end - self.at} octets follow the last element")
