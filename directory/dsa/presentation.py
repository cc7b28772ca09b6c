"""How an entry of an answer is shown: plainly, or as some control wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from directory.dsa.sid import sid_text
from directory.errors import ParseError
from directory.model import ber
from directory.model import filter as f
from directory.model.controls import ExtendedDn, MatchedValues
from directory.model.dn import DN
from directory.model.encoded import (
    EncodedEntry,
    attribute_blobs,
    decode_attribute,
    search_result_entry,
)
from directory.model.messages import Reply, SearchResultEntry
from directory.store.entry import StoredEntry
from directory.store.evaluate import compile_values

if TYPE_CHECKING:
    from directory.dsa.context import Context
    from directory.dsa.paging import Show
    from directory.dsa.selection import Selection
    from directory.dsa.session import Session

RANGE_VALUES_MAX = 1500
"""Most values of one attribute in one answer of an AD over the wire: its MaxValRange."""


def present(
    context: Context,
    session: Session,
    selection: Selection,
    matched_values: MatchedValues | None,
    extended_dn: ExtendedDn | None,
) -> Show:
    """The function that makes an answer of an entry."""
    ranges = selection.ranges
    over_the_wire = session.deliver is not None and not context.configuration.is_generic
    if matched_values is None and extended_dn is None and not ranges and not over_the_wire:
        return _plain(selection)
    cut = _Cutter(context, selection, matched_values, extended_dn, default=over_the_wire)
    return cut.show


def _plain(selection: Selection) -> Show:
    def show(entry: StoredEntry) -> Reply:
        operation = selection.operation(entry)
        return Reply(SearchResultEntry(EncodedEntry(operation), operation))

    return show


class _Cutter:
    """Rewrites the attributes of answers."""

    def __init__(
        self,
        context: Context,
        selection: Selection,
        matched_values: MatchedValues | None,
        extended_dn: ExtendedDn | None,
        *,
        default: bool,
    ) -> None:
        self._context = context
        self._selection = selection
        self._extended = extended_dn
        self._default = default
        self._filters: tuple[f.Filter, ...] | None = None
        if matched_values is not None:
            self._filters = matched_values.filters

    def show(self, entry: StoredEntry) -> Reply:
        operation = self._selection.operation(entry)
        if (
            self._extended is None
            and self._filters is None
            and not self._selection.ranges
            and len(operation) < RANGE_VALUES_MAX * 3  # three octets are the shortest value
        ):
            return Reply(SearchResultEntry(EncodedEntry(operation), operation))
        body = b"".join(map(self._attribute, attribute_blobs(self._selection.body(entry))))
        name = entry.name if self._extended is None else self._extend(entry.name)
        operation = search_result_entry(name, body)
        return Reply(SearchResultEntry(EncodedEntry(operation), operation))

    def _attribute(self, blob: bytes) -> bytes:
        kind, values = decode_attribute(blob)
        attribute = self._context.schema.attribute(kind.decode())
        if attribute is None or not values:
            return blob
        if self._filters is not None:
            kept = compile_values(self._context.store, attribute, self._filters)
            values = tuple(value for value in values if kept(value))
            if not values:
                return b""
        wanted = self._selection.ranges.get(attribute.name)
        if wanted is None and self._default and len(values) > RANGE_VALUES_MAX:
            wanted = (0, None)
        if wanted is not None:
            kind, values = _range(kind, values, wanted)
        if self._extended is not None and attribute.is_dn:
            values = tuple(map(self._extend, values))
        return ber.attribute(kind, values)

    def _extend(self, name: bytes) -> bytes:
        """``<GUID=...>;<SID=...>;dn`` (MS-ADTS 3.1.1.3.4.1.5)."""
        try:
            entry = self._context.store.find(DN.parse(name.decode()))
        except ParseError:
            return name
        if entry is None:
            return name
        readable = self._extended is not None and self._extended.option == 1
        guid = str(UUID(bytes_le=entry.guid)) if readable else entry.guid.hex()
        parts = [f"<GUID={guid}>"]
        sid = entry.first("objectsid")
        if sid is not None:
            parts.append(f"<SID={sid_text(sid) if readable else sid.hex()}>")
        return ";".join((*parts, name.decode())).encode()


def _range(
    kind: bytes, values: tuple[bytes, ...], wanted: tuple[int, int | None]
) -> tuple[bytes, tuple[bytes, ...]]:
    """A range of values, named as the client continues from it (MS-ADTS 3.1.1.3.1.3.3)."""
    low, high = wanted
    last = min(len(values), low + RANGE_VALUES_MAX)
    if high is not None:
        last = min(last, high + 1)
    end = "*" if last >= len(values) else str(last - 1)
    return kind + f";range={low}-{end}".encode(), values[low:last]
