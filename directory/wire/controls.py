"""Controls in BER: one pair of functions for each control that has a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from directory.errors import DecodeError, LdapError, ResultCode
from directory.limits import CONTROLS_MAX
from directory.model import ber, controls
from directory.model.ber import Reader
from directory.model.controls import Control, UnknownControl
from directory.wire.entries import (
    decode_entry,
    decode_selection,
    encode_entry,
    encode_selection,
    result_code,
)
from directory.wire.filters import decode_filter, decode_item, encode_filter

_FLAGS_MASK = 0xFFFF_FFFF
"""Flag words are 32 bits; some clients send them as a negative number (ldap3#642)."""


def encode_controls(values: Sequence[Control]) -> bytes:
    """The ``[0] Controls`` element of a message."""
    return ber.sequence(*map(encode_control, values), tag=0xA0)


def encode_control(control: Control) -> bytes:
    """One Control."""
    if isinstance(control, UnknownControl):
        oid, value = control.type, control.value
    else:
        oid, value = control.oid, control_value(control)
    return ber.sequence(
        ber.text(oid),
        ber.boolean(True) if control.critical else b"",
        b"" if value is None else ber.octet_string(value),
    )


def control_value(control: Control) -> bytes | None:
    """The controlValue, for callers that bring their own envelope (ldap3's triples)."""
    if isinstance(control, UnknownControl):
        return control.value
    encode = _ENCODERS.get(type(control))
    return None if encode is None else encode(control)


def decode_controls(data: bytes, *, response: bool = False) -> tuple[Control, ...]:
    """Read the inside of a ``Controls`` element.

    Raises:
        DecodeError: when the list itself is not BER.
        LdapError: protocolError when a known control's value is wrong or there are too many.
    """
    reader = Reader(data, path="controls")
    found: list[Control] = []
    while reader.more:
        if len(found) == CONTROLS_MAX:
            raise LdapError(ResultCode.PROTOCOL_ERROR, f"more than {CONTROLS_MAX} controls")
        inner = reader.enter("control")
        oid = inner.text("controlType")
        critical = inner.boolean("criticality") if inner.peek() == ber.BOOLEAN else False
        value = inner.octets("controlValue") if inner.peek() == ber.OCTET_STRING else None
        found.append(decode_control(oid, critical, value, response=response))
    return tuple(found)


def decode_control(
    oid: str, critical: bool, value: bytes | None, *, response: bool = False
) -> Control:
    """One control from its three parts.

    Raises:
        LdapError: protocolError when the value is not what this control has.
    """
    decode = (_RESPONSES if response else _REQUESTS).get(oid)
    if decode is None:
        return UnknownControl(critical=critical, type=oid, value=value)
    try:
        return decode(critical, Reader(value or b"", path=f"control {oid}"))
    except (DecodeError, ValueError) as error:
        raise LdapError(ResultCode.PROTOCOL_ERROR, f"control {oid}: {error}") from error


# a value for each -----------------------------------------------------------------------------


def _optional(value: bytes | None) -> bytes:
    return b"" if value is None else ber.octet_string(value)


def _maybe_octets(reader: Reader, what: str) -> bytes | None:
    return reader.octets(what) if reader.peek() == ber.OCTET_STRING else None


def _maybe_boolean(reader: Reader, what: str) -> bool:
    return reader.boolean(what) if reader.peek() == ber.BOOLEAN else False


def _paged(critical: bool, reader: Reader) -> Control:
    inner = reader.enter("value")
    size = inner.integer("size")
    if size < 0:
        raise inner.fail("size", "negative")
    return controls.PagedResults(critical=critical, size=size, cookie=inner.octets("cookie"))


def _encode_paged(control: controls.PagedResults) -> bytes:
    return ber.sequence(ber.integer(control.size), ber.octet_string(control.cookie))


def _sort(critical: bool, reader: Reader) -> Control:
    inner = reader.enter("keys")
    keys: list[controls.SortKey] = []
    while inner.more:
        key = inner.enter("key")
        name = key.text("attributeType")
        rule = key.text("orderingRule", 0x80) if key.peek() == 0x80 else None
        reverse = key.boolean("reverseOrder", 0x81) if key.peek() == 0x81 else False
        keys.append(controls.SortKey(name, rule, reverse))
    if not keys:
        raise reader.fail("keys", "no sort key")
    return controls.SortRequest(critical=critical, keys=tuple(keys))


def _encode_sort(control: controls.SortRequest) -> bytes:
    return ber.sequence(
        *(
            ber.sequence(
                ber.text(key.name),
                b"" if key.rule is None else ber.text(key.rule, 0x80),
                ber.boolean(True, 0x81) if key.reverse else b"",
            )
            for key in control.keys
        )
    )


def _sort_response(critical: bool, reader: Reader) -> Control:
    inner = reader.enter("value")
    code = result_code(inner.integer("sortResult", ber.ENUMERATED))
    name = inner.text("attributeType", 0x80) if inner.peek() == 0x80 else None
    return controls.SortResponse(critical=critical, code=code, name=name)


def _encode_sort_response(control: controls.SortResponse) -> bytes:
    name = b"" if control.name is None else ber.text(control.name, 0x80)
    return ber.sequence(ber.integer(control.code, ber.ENUMERATED), name)


def _vlv(critical: bool, reader: Reader) -> Control:
    inner = reader.enter("value")
    before, after = inner.integer("beforeCount"), inner.integer("afterCount")
    offset = content_count = 0
    assertion: bytes | None = None
    if inner.peek() == 0xA0:
        target = inner.enter("byOffset", 0xA0)
        offset, content_count = target.integer("offset"), target.integer("contentCount")
    else:
        assertion = inner.octets("greaterThanOrEqual", 0x81)
    if min(before, after, offset, content_count) < 0:
        raise inner.fail("", "negative count")
    return controls.VirtualListView(
        critical=critical, before=before, after=after, offset=offset,
        content_count=content_count, assertion=assertion,
        context_id=_maybe_octets(inner, "contextID"),
    )  # fmt: skip


def _encode_vlv(control: controls.VirtualListView) -> bytes:
    if control.assertion is not None:
        target = ber.octet_string(control.assertion, 0x81)
    else:
        target = ber.sequence(
            ber.integer(control.offset), ber.integer(control.content_count), tag=0xA0
        )
    return ber.sequence(
        ber.integer(control.before), ber.integer(control.after), target,
        _optional(control.context_id),
    )  # fmt: skip


def _vlv_response(critical: bool, reader: Reader) -> Control:
    inner = reader.enter("value")
    return controls.VirtualListViewResponse(
        critical=critical,
        target=inner.integer("targetPosition"),
        content_count=inner.integer("contentCount"),
        code=result_code(inner.integer("virtualListViewResult", ber.ENUMERATED)),
        context_id=_maybe_octets(inner, "contextID"),
    )


def _encode_vlv_response(control: controls.VirtualListViewResponse) -> bytes:
    return ber.sequence(
        ber.integer(control.target), ber.integer(control.content_count),
        ber.integer(control.code, ber.ENUMERATED), _optional(control.context_id),
    )  # fmt: skip


def _matched_values(critical: bool, reader: Reader) -> Control:
    inner = reader.enter("value")
    items = []
    while inner.more:
        items.append(decode_item(inner))
    return controls.MatchedValues(critical=critical, filters=tuple(items))


def _encode_matched_values(control: controls.MatchedValues) -> bytes:
    return ber.sequence(*map(encode_filter, control.filters))


def _subentries(critical: bool, reader: Reader) -> Control:
    return controls.Subentries(critical=critical, visible=reader.boolean("visibility"))


def _assertion(critical: bool, reader: Reader) -> Control:
    return controls.Assertion(critical=critical, filter=decode_filter(reader))


def _pre_read(critical: bool, reader: Reader) -> Control:
    return controls.PreRead(critical=critical, attributes=decode_selection(reader))


def _post_read(critical: bool, reader: Reader) -> Control:
    return controls.PostRead(critical=critical, attributes=decode_selection(reader))


def _pre_read_entry(critical: bool, reader: Reader) -> Control:
    return controls.PreReadEntry(critical=critical, entry=decode_entry(reader))


def _post_read_entry(critical: bool, reader: Reader) -> Control:
    return controls.PostReadEntry(critical=critical, entry=decode_entry(reader))


def _encode_one_integer(value: int) -> bytes:
    return ber.sequence(ber.integer(value))


def _one_integer(reader: Reader, what: str) -> int:
    return reader.enter("value").integer(what)


def _extended_dn(critical: bool, reader: Reader) -> Control:
    option = _one_integer(reader, "option") if reader.more else 0
    return controls.ExtendedDn(critical=critical, option=option)


def _sd_flags(critical: bool, reader: Reader) -> Control:
    flags = _one_integer(reader, "flags") & _FLAGS_MASK if reader.more else 0xF
    return controls.SdFlags(critical=critical, flags=flags)


def _search_options(critical: bool, reader: Reader) -> Control:
    flags = _one_integer(reader, "flags") & _FLAGS_MASK
    return controls.SearchOptions(critical=critical, flags=flags)


def _dir_sync(critical: bool, reader: Reader) -> Control:
    inner = reader.enter("value")
    return controls.DirSync(
        critical=critical,
        flags=inner.integer("flags") & _FLAGS_MASK,
        max_bytes=inner.integer("maxBytes"),
        cookie=inner.octets("cookie"),
    )


def _encode_dir_sync(control: controls.DirSync) -> bytes:
    return ber.sequence(
        ber.integer(control.flags), ber.integer(control.max_bytes), ber.octet_string(control.cookie)
    )


def _sync_request(critical: bool, reader: Reader) -> Control:
    inner = reader.enter("value")
    return controls.SyncRequest(
        critical=critical,
        mode=controls.SyncMode(inner.integer("mode", ber.ENUMERATED)),
        cookie=_maybe_octets(inner, "cookie"),
        reload_hint=_maybe_boolean(inner, "reloadHint"),
    )


def _encode_sync_request(control: controls.SyncRequest) -> bytes:
    return ber.sequence(
        ber.integer(control.mode, ber.ENUMERATED),
        _optional(control.cookie),
        ber.boolean(True) if control.reload_hint else b"",
    )


def _sync_state(critical: bool, reader: Reader) -> Control:
    inner = reader.enter("value")
    return controls.SyncState(
        critical=critical,
        state=controls.SyncEntryState(inner.integer("state", ber.ENUMERATED)),
        entry_uuid=UUID(bytes=inner.octets("entryUUID")),
        cookie=_maybe_octets(inner, "cookie"),
    )


def _encode_sync_state(control: controls.SyncState) -> bytes:
    return ber.sequence(
        ber.integer(control.state, ber.ENUMERATED),
        ber.octet_string(control.entry_uuid.bytes),
        _optional(control.cookie),
    )


def _sync_done(critical: bool, reader: Reader) -> Control:
    inner = reader.enter("value")
    return controls.SyncDone(
        critical=critical,
        cookie=_maybe_octets(inner, "cookie"),
        refresh_deletes=_maybe_boolean(inner, "refreshDeletes"),
    )


def _encode_sync_done(control: controls.SyncDone) -> bytes:
    return ber.sequence(
        _optional(control.cookie), ber.boolean(True) if control.refresh_deletes else b""
    )


def _bare(kind: type[Control]) -> _Decode:
    """For a control without a value: a value that comes nevertheless is ignored."""

    def decode(critical: bool, _: Reader) -> Control:
        return kind(critical=critical)

    return decode


_Decode = Callable[[bool, Reader], Control]

_BOTH: dict[str, _Decode] = {
    controls.PagedResults.oid: _paged,
    controls.DirSync.oid: _dir_sync,
}
_REQUESTS: dict[str, _Decode] = _BOTH | {
    controls.SortRequest.oid: _sort,
    controls.VirtualListView.oid: _vlv,
    controls.MatchedValues.oid: _matched_values,
    controls.Subentries.oid: _subentries,
    controls.Assertion.oid: _assertion,
    controls.PreRead.oid: _pre_read,
    controls.PostRead.oid: _post_read,
    controls.ExtendedDn.oid: _extended_dn,
    controls.SdFlags.oid: _sd_flags,
    controls.SearchOptions.oid: _search_options,
    controls.SyncRequest.oid: _sync_request,
}
_BARE: tuple[type[Control], ...] = (
    controls.ManageDsaIt,
    controls.DontUseCopy,
    controls.ShowDeleted,
    controls.ShowRecycled,
    controls.ShowDeactivatedLink,
    controls.DomainScope,
    controls.TreeDelete,
    controls.PermissiveModify,
    controls.LazyCommit,
    controls.Notification,
)
_REQUESTS |= {kind.oid: _bare(kind) for kind in _BARE}
_RESPONSES: dict[str, _Decode] = _BOTH | {
    controls.SortResponse.oid: _sort_response,
    controls.VirtualListViewResponse.oid: _vlv_response,
    controls.PreReadEntry.oid: _pre_read_entry,
    controls.PostReadEntry.oid: _post_read_entry,
    controls.SyncState.oid: _sync_state,
    controls.SyncDone.oid: _sync_done,
}
_ENCODERS: dict[type[Control], Callable[[Any], bytes]] = {
    controls.PagedResults: _encode_paged,
    controls.DirSync: _encode_dir_sync,
    controls.SortRequest: _encode_sort,
    controls.SortResponse: _encode_sort_response,
    controls.VirtualListView: _encode_vlv,
    controls.VirtualListViewResponse: _encode_vlv_response,
    controls.MatchedValues: _encode_matched_values,
    controls.Subentries: lambda control: ber.boolean(control.visible),
    controls.Assertion: lambda control: encode_filter(control.filter),
    controls.PreRead: lambda control: encode_selection(control.attributes),
    controls.PostRead: lambda control: encode_selection(control.attributes),
    controls.PreReadEntry: lambda control: encode_entry(control.entry),
    controls.PostReadEntry: lambda control: encode_entry(control.entry),
    controls.ExtendedDn: lambda control: _encode_one_integer(control.option),
    controls.SdFlags: lambda control: _encode_one_integer(control.flags),
    controls.SearchOptions: lambda control: _encode_one_integer(control.flags),
    controls.SyncRequest: _encode_sync_request,
    controls.SyncState: _encode_sync_state,
    controls.SyncDone: _encode_sync_done,
}
