"""Entries and attribute lists in BER: the part of the codec that carries the bulk."""

from __future__ import annotations

from collections.abc import Iterable

from directory.errors import DecodeError, InvalidDN, LdapError, ResultCode
from directory.limits import ATTRIBUTES_MAX, REMEMBERED_OCTETS_MAX, VALUES_MAX
from directory.model import ber
from directory.model.ber import Reader, header
from directory.model.dn import DN
from directory.model.encoded import EncodedEntry
from directory.model.entry import Entry
from directory.wire import tags


def decode_dn(text: str) -> DN:
    """A name that came over the wire.

    Raises:
        LdapError: invalidDNSyntax.
    """
    try:
        return DN.parse(text)
    except InvalidDN as error:
        raise LdapError(ResultCode.INVALID_DN_SYNTAX, str(error)) from error


def result_code(number: int) -> ResultCode:
    """A result code; one that is not in our table reads as ``other``."""
    try:
        return ResultCode(number)
    except ValueError:
        return ResultCode.OTHER


def encode_selection(attributes: Iterable[str]) -> bytes:
    """An AttributeSelection."""
    return ber.sequence(*map(ber.text, attributes))


KNOWN_SELECTIONS: dict[bytes, tuple[str, ...]] = {}
"""AttributeSelections by their bytes, each checked when it was first read."""

SELECTIONS_MAX = 4096
"""Most distinct attribute selections remembered; clients have a handful, strangers may not."""


def decode_selection(reader: Reader) -> tuple[str, ...]:
    """An AttributeSelection; where nothing follows it, as in every search, from memory."""
    rest = reader.data[reader.at : reader.end]
    names = KNOWN_SELECTIONS.get(rest)
    if names is not None:
        reader.at = reader.end
        return names
    names = _read_selection(reader)
    if not reader.more and len(rest) <= REMEMBERED_OCTETS_MAX:
        if len(KNOWN_SELECTIONS) >= SELECTIONS_MAX:
            KNOWN_SELECTIONS.clear()
        KNOWN_SELECTIONS[rest] = names
    return names


def _read_selection(reader: Reader) -> tuple[str, ...]:
    inner = reader.enter("attributes")
    names: list[str] = []
    while inner.more:
        names.append(inner.text("attribute"))
    if len(names) > ATTRIBUTES_MAX:
        raise LdapError(ResultCode.ADMIN_LIMIT_EXCEEDED, f"more than {ATTRIBUTES_MAX} attributes")
    return tuple(names)


def encode_entry(entry: Entry, tag: int = tags.SEARCH_RESULT_ENTRY) -> bytes:
    """A SearchResultEntry, or an AddRequest by its tag, built from the values: the plain path."""
    attributes = b"".join(
        [ber.attribute(name.encode(), values) for name, values in entry.attributes.items()]
    )
    return ber.tlv(tag, ber.text(str(entry.dn)) + ber.tlv(ber.SEQUENCE, attributes))


def decode_entry(reader: Reader) -> Entry:
    """A SearchResultEntry inside a control; some servers write SEQUENCE for its tag."""
    tag = tags.SEARCH_RESULT_ENTRY if reader.peek() == tags.SEARCH_RESULT_ENTRY else ber.SEQUENCE
    return decode_entry_body(reader.enter("entry", tag))


def decode_entry_body(inner: Reader) -> Entry:
    """Name and attributes; what an AddRequest and a SearchResultEntry have in common."""
    dn = decode_dn(inner.text("objectName"))
    start, stop = inner.expect(ber.SEQUENCE, "attributes")
    attributes = decode_attributes(inner.data, start, stop)
    return Entry(dn, attributes)


def decode_operation_entry(reader: Reader) -> Entry:
    """The entry of a whole AddRequest or SearchResultEntry, whose inside ``reader`` reads.

    One in the usual encoding stays encoded: a store keeps those bytes, a replica passes them on.
    """
    at = reader.at
    dn = decode_dn(reader.text("objectName"))
    start, stop = reader.expect(ber.SEQUENCE, "attributes")
    if stop == reader.end and is_usual(reader.data, start, stop):
        entry = EncodedEntry(reader.data)
        entry.dn = dn
        return entry
    reader.at = at
    return decode_entry_body(reader)


def is_usual(data: bytes, at: int, end: int) -> bool:
    """Whether a list of attributes is well formed, in the shortest encoding, of known names.

    False says nothing but that it has to be read with care; ``decode_attributes`` does.
    """
    return take_apart(data, at, end) is not None


def take_apart(data: bytes, at: int, end: int) -> tuple[tuple[bytes, ...], list[bytes]] | None:
    """The names and the wire forms of a list of attributes that ``is_usual``; None for any other.

    Lists of the same names give the same tuple of them. Unrolled because it looks at every value
    that enters the directory, and at those its replicas are made of.
    """
    names: list[bytes] = []
    blobs: list[bytes] = []
    try:
        while at < end:
            if data[at] != ber.SEQUENCE:
                return None
            n = data[at + 1]
            start = at
            if n < 0x80:
                at += 2
                stop = at + n
            else:
                at, stop = shortest(data, at)
            name_end = at + 2 + data[at + 1]
            if stop > end or data[at] != ber.OCTET_STRING or data[at + 1] >= 0x80:
                return None
            name = data[at + 2 : name_end]
            if name not in _NAMES or data[name_end] != ber.SET:
                return None
            n = data[name_end + 1]
            if n < 0x80:
                at = name_end + 2
                values_end = at + n
            else:
                at, values_end = shortest(data, name_end)
            if values_end != stop:
                return None
            while at < stop:
                if data[at] != ber.OCTET_STRING:
                    return None
                n = data[at + 1]
                if n < 0x80:
                    at += 2 + n
                else:
                    at = shortest(data, at)[1]
            if at != stop:
                return None
            names.append(name)
            blobs.append(data[start:stop])
    except (IndexError, ValueError):
        return None
    if at != end:
        return None
    found = tuple(names)
    known = _NAME_LISTS.get(found)
    if known is None:
        known = found
        if len(_NAME_LISTS) < NAME_LISTS_MAX:
            _NAME_LISTS[found] = found
    return known, blobs


NAME_LISTS_MAX = 1024
"""Lists of attribute names remembered; entries that are alike have one."""

_NAME_LISTS: dict[tuple[bytes, ...], tuple[bytes, ...]] = {}


def shortest(data: bytes, at: int) -> tuple[int, int]:
    """Start and end of the element at ``at``; ValueError when its length could be shorter."""
    n = data[at + 1]
    if n < 0x80:
        return at + 2, at + 2 + n
    if n == 0x81 and data[at + 2] >= 0x80:
        return at + 3, at + 3 + data[at + 2]
    if n == 0x82 and data[at + 2]:
        return at + 4, at + 4 + (data[at + 2] << 8 | data[at + 3])
    raise ValueError


def decode_attributes(data: bytes, at: int, end: int) -> dict[str, tuple[bytes, ...]]:
    """A list of attributes. One that is named twice has the values of both.

    Inlined for the short lengths that nearly all names and values have: this loop reads every
    value that enters the directory and every value our replication client receives.

    Raises:
        DecodeError: when it is not such a list.
        LdapError: adminLimitExceeded above ATTRIBUTES_MAX or VALUES_MAX.
    """
    found: dict[str, list[bytes]] = {}
    while at < end:
        tag, at, stop = header(data, at, end)
        if tag != ber.SEQUENCE:
            raise DecodeError(at, "attributes", f"expected tag 0x30, found 0x{tag:02x}")
        name, values_at = attribute_name_at(data, at, stop)
        tag, at, values_end = header(data, values_at, stop)
        if tag != ber.SET:
            raise DecodeError(at, f"attributes.{name}", f"expected tag 0x31, found 0x{tag:02x}")
        values = found.setdefault(name, [])
        while at < values_end:
            if at + 2 <= values_end and data[at] == 4 and data[at + 1] < 0x80:
                start = at + 2
                at = start + data[at + 1]
                if at > values_end:
                    raise DecodeError(start - 1, f"attributes.{name}", "value is cut off")
            else:
                tag, start, after = header(data, at, values_end)
                if tag != ber.OCTET_STRING:
                    raise DecodeError(at, f"attributes.{name}", f"value has tag 0x{tag:02x}")
                at = after
            values.append(data[start:at])
        at = stop
        if len(values) > VALUES_MAX:
            raise LdapError(
                ResultCode.ADMIN_LIMIT_EXCEEDED, f"{name} has more than {VALUES_MAX} values"
            )
        if len(found) > ATTRIBUTES_MAX:
            raise LdapError(
                ResultCode.ADMIN_LIMIT_EXCEEDED, f"more than {ATTRIBUTES_MAX} attributes"
            )
    return {name: tuple(values) for name, values in found.items()}


def attribute_name_at(data: bytes, at: int, end: int) -> tuple[str, int]:
    """The attribute description at ``at`` and the offset after it."""
    tag, start, stop = header(data, at, end)
    if tag != ber.OCTET_STRING:
        raise DecodeError(at, "attributes.type", f"expected tag 0x04, found 0x{tag:02x}")
    raw = data[start:stop]
    name = _NAMES.get(raw)
    if name is None:
        try:
            name = str(raw, "utf-8")
        except UnicodeDecodeError:
            raise DecodeError(start, "attributes.type", "not UTF-8") from None
        if len(_NAMES) < _NAMES_MAX and len(raw) <= REMEMBERED_OCTETS_MAX:
            _NAMES[raw] = name
    return name, stop


_NAMES_MAX = 8192
"""Most spellings of attribute names remembered, so that a stranger cannot fill memory with them."""

_NAMES: dict[bytes, str] = {}
"""Attribute names by their bytes: one string object for each, whatever the number of entries."""
