"""An entry that is still in its wire form: decoded only where somebody looks.

A SearchResultEntry and an AddRequest differ in their tag alone: name, then attributes. So one
class carries both, and an entry passes from an add through the store to an answer, or from a
source directory to a target, without its values being taken apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from directory.model import ber
from directory.model.dn import DN
from directory.model.entry import Entry

SEARCH_RESULT_ENTRY_TAG = 0x64
ADD_REQUEST_TAG = 0x68


class EncodedEntry(Entry):
    """A protocolOp (SearchResultEntry or AddRequest, already checked) that reads as an Entry."""

    __slots__ = ("operation",)

    def __init__(self, operation: bytes) -> None:  # the base's slots are filled on first use
        self.operation = operation
        self._folded = None

    def __getattr__(self, name: str) -> Any:
        if name not in {"dn", "_attributes"}:
            raise AttributeError(name)
        text, body = split_operation(self.operation)
        if name == "dn":
            self.dn = DN.parse(text.decode())
            return self.dn
        attributes: dict[str, tuple[bytes, ...]] = {}
        again: dict[str, list[bytes]] = {}
        for blob in attribute_blobs(body):
            kind, values = decode_attribute(blob)
            spelled = kind.decode()
            if spelled in attributes:  # named twice: it has the values of both
                again.setdefault(spelled, list(attributes[spelled])).extend(values)
            else:
                attributes[spelled] = values
        for spelled, joined in again.items():
            attributes[spelled] = tuple(joined)
        self._attributes = attributes
        return attributes

    def first(self, name: str) -> bytes | None:
        """The first value, or None. Who asks for one attribute does not pay for the others."""
        if self._folded is not None or ";" in name or not name.isascii():
            return super().first(name)
        wanted = name.lower().encode()
        size = len(wanted)
        for blob in self.wire_forms():
            at = 4 if blob[1] < 0x80 else 4 + (blob[1] & 0x7F)
            if blob[at - 1] == size and blob[at : at + size].lower() == wanted:
                values = attribute_values(blob)
                if values:
                    return values[0]
        return None

    @property
    def name(self) -> bytes:
        """Its name as it is spelled."""
        return split_operation(self.operation)[0]

    def wire_forms(self) -> Iterable[bytes]:
        """Its attributes, each in wire form."""
        return attribute_blobs(split_operation(self.operation)[1])


class PartedAnswer(EncodedEntry):
    """An entry of an answer that is not put together: for those who read thousands alike.

    ``names``, in any case, stand beside ``blobs``; entries that are alike share one tuple of them.
    """

    __slots__ = ("_name", "blobs", "names")

    def __init__(self, name: bytes, names: tuple[bytes, ...], blobs: Sequence[bytes]) -> None:
        self._name = name
        self.names = names
        self.blobs = blobs
        self._folded = None

    @property
    def name(self) -> bytes:
        """Its name as it is spelled."""
        return self._name

    @property
    def operation(self) -> bytes:  # type: ignore[override]  # nobody sets it
        """The SearchResultEntry."""
        return search_result_entry(self._name, b"".join(self.blobs))

    def wire_forms(self) -> Iterable[bytes]:
        """Its attributes, each in wire form."""
        return self.blobs


class EntryForm(NamedTuple):
    """What entries that are alike have in common: all but their RDN's value and their values."""

    above: bytes
    """The superior's name."""
    kind: bytes
    """The RDN's type."""
    classes: bytes
    """The objectClass attribute in wire form."""
    names: tuple[bytes, ...]
    """The attributes, objectClass among them, as they are spelled."""


class PartedEntry(EncodedEntry):
    """An entry to be added that is not put together yet: for those who add thousands alike.

    The RDN's value needs no escapes. ``blobs`` stand beside the form's names.
    """

    __slots__ = ("blobs", "form", "value")

    def __init__(self, form: EntryForm, value: bytes, blobs: list[bytes]) -> None:
        self.form = form
        self.value = value
        self.blobs = blobs
        self._folded = None

    def __getattr__(self, name: str) -> Any:
        if name == "dn":
            self.dn = DN.parse(f"{self.rdn.decode()},{self.form.above.decode()}")
            return self.dn
        if name == "_attributes" and len(set(self.form.names)) == len(self.form.names):
            spelled = map(bytes.decode, self.form.names)
            self._attributes = dict(zip(spelled, map(attribute_values, self.blobs), strict=True))
            return self._attributes
        return super().__getattr__(name)

    def wire_forms(self) -> Iterable[bytes]:
        """Its attributes, each in wire form."""
        return self.blobs

    @property
    def rdn(self) -> bytes:
        """The most specific RDN, as text."""
        return self.form.kind + b"=" + self.value

    @property
    def operation(self) -> bytes:  # type: ignore[override]  # nobody sets it
        """The AddRequest."""
        name = self.rdn + b"," + self.form.above
        body = ber.octet_string(name) + ber.tlv(ber.SEQUENCE, b"".join(self.blobs))
        return ber.tlv(ADD_REQUEST_TAG, body)


class EntryTable(NamedTuple):
    """Entries to be added, all of one form, column by column."""

    form: EntryForm
    values: list[bytes]
    """Of the RDNs: none needs escapes."""
    columns: Sequence[Sequence[bytes]]
    """The attributes in wire form, beside the form's names."""

    def part(self, start: int, stop: int) -> EntryTable:
        """Some of the entries."""
        columns = [column[start:stop] for column in self.columns]
        return EntryTable(self.form, self.values[start:stop], columns)

    def entries(self) -> Iterator[PartedEntry]:
        """The entries, one by one."""
        for value, *blobs in zip(self.values, *self.columns, strict=True):
            yield PartedEntry(self.form, value, blobs)


def split_operation(operation: bytes) -> tuple[bytes, bytes]:
    """Name and concatenated attributes of a SearchResultEntry or AddRequest."""
    start, stop, first = _parts(operation)
    return operation[start:stop], operation[first:]


def attributes_at(operation: bytes) -> tuple[int, int]:
    """Where the attributes of a SearchResultEntry or AddRequest start and end."""
    return _parts(operation)[2], len(operation)


def _parts(operation: bytes) -> tuple[int, int, int]:
    """Where the name starts, where it ends, where the attributes start; they end with it all."""
    n = operation[1]
    at = 2 if n < 0x80 else 2 + (n & 0x7F)
    n = operation[at + 1]
    if n < 0x80:
        start, stop = at + 2, at + 2 + n
    else:
        _, start, stop = ber.header(operation, at, len(operation))
    n = operation[stop + 1]
    return start, stop, stop + 2 if n < 0x80 else stop + 2 + (n & 0x7F)


def attribute_blobs(body: bytes) -> Iterator[bytes]:
    """The attributes of a concatenation, each in its wire form."""
    at = 0
    end = len(body)
    while at < end:
        n = body[at + 1]
        stop = at + 2 + n if n < 0x80 else ber.header(body, at, end)[2]
        yield body[at:stop]
        at = stop


def decode_attribute(blob: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Name and values of one attribute in wire form."""
    end = len(blob)
    if blob[1] < 0x80 and blob[3] < 0x80:  # nearly all of them
        stop = 4 + blob[3]
        return blob[4:stop], _values(blob, stop, end)
    at = 2 if blob[1] < 0x80 else 2 + (blob[1] & 0x7F)
    if blob[at + 1] < 0x80:
        stop = at + 2 + blob[at + 1]
        return blob[at + 2 : stop], _values(blob, stop, end)
    _, start, stop = ber.header(blob, at, end)
    return blob[start:stop], _values(blob, stop, end)


def attribute_values(blob: bytes) -> tuple[bytes, ...]:
    """The values alone."""
    end = len(blob)
    at = 2 if blob[1] < 0x80 else 2 + (blob[1] & 0x7F)
    at += 2 + blob[at + 1]  # names of 128 characters and more are written by nobody; checked on add
    return _values(blob, at, end)


def _values(blob: bytes, at: int, end: int) -> tuple[bytes, ...]:
    n = blob[at + 1]
    at += 2 if n < 0x80 else 2 + (n & 0x7F)
    n = blob[at + 1] if at < end else 0
    if n < 0x80 and at + 2 + n == end:
        return (blob[at + 2 : end],)
    values: list[bytes] = []
    while at < end:
        n = blob[at + 1]
        if n < 0x80:
            start = at + 2
            at = start + n
        else:
            _, start, at = ber.header(blob, at, end)
        values.append(blob[start:at])
    return tuple(values)


def search_result_entry(name: bytes, attributes: bytes) -> bytes:
    """The protocolOp that answers with this entry."""
    body = ber.octet_string(name) + ber.tlv(ber.SEQUENCE, attributes)
    return ber.tlv(SEARCH_RESULT_ENTRY_TAG, body)
