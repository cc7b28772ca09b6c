"""Controls in BER (RFC 4511 section 4.1.11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from directory.errors import DecodeError, LdapError, ResultCode
from directory.limits import CONTROLS_MAX
from directory.model import ber, controls
from directory.model.ber import Reader
from directory.model.controls import Control, UnknownControl
from directory.wire import control_values
from directory.wire.entries import encode_entry, encode_selection
from directory.wire.filters import encode_filter


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


def _bare(kind: type[Control]) -> _Decode:
    """For a control without a value: a value that comes nevertheless is ignored."""

    def decode(critical: bool, _: Reader) -> Control:
        return kind(critical=critical)

    return decode


_Decode = Callable[[bool, Reader], Control]

_BOTH: dict[str, _Decode] = {
    controls.PagedResults.oid: control_values.decode_paged,
    controls.DirSync.oid: control_values.decode_dir_sync,
}
_REQUESTS: dict[str, _Decode] = _BOTH | {
    controls.SortRequest.oid: control_values.decode_sort,
    controls.VirtualListView.oid: control_values.decode_vlv,
    controls.MatchedValues.oid: control_values.decode_matched_values,
    controls.Subentries.oid: control_values.decode_subentries,
    controls.Assertion.oid: control_values.decode_assertion,
    controls.PreRead.oid: control_values.decode_pre_read,
    controls.PostRead.oid: control_values.decode_post_read,
    controls.ExtendedDn.oid: control_values.decode_extended_dn,
    controls.SdFlags.oid: control_values.decode_sd_flags,
    controls.SearchOptions.oid: control_values.decode_search_options,
    controls.SyncRequest.oid: control_values.decode_sync_request,
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
    controls.SortResponse.oid: control_values.decode_sort_response,
    controls.VirtualListViewResponse.oid: control_values.decode_vlv_response,
    controls.PreReadEntry.oid: control_values.decode_pre_read_entry,
    controls.PostReadEntry.oid: control_values.decode_post_read_entry,
    controls.SyncState.oid: control_values.decode_sync_state,
    controls.SyncDone.oid: control_values.decode_sync_done,
}
_ENCODERS: dict[type[Control], Callable[[Any], bytes]] = {
    controls.PagedResults: control_values.encode_paged,
    controls.DirSync: control_values.encode_dir_sync,
    controls.SortRequest: control_values.encode_sort,
    controls.SortResponse: control_values.encode_sort_response,
    controls.VirtualListView: control_values.encode_vlv,
    controls.VirtualListViewResponse: control_values.encode_vlv_response,
    controls.MatchedValues: control_values.encode_matched_values,
    controls.Subentries: lambda control: ber.boolean(control.visible),
    controls.Assertion: lambda control: encode_filter(control.filter),
    controls.PreRead: lambda control: encode_selection(control.attributes),
    controls.PostRead: lambda control: encode_selection(control.attributes),
    controls.PreReadEntry: lambda control: encode_entry(control.entry),
    controls.PostReadEntry: lambda control: encode_entry(control.entry),
    controls.ExtendedDn: lambda control: control_values.encode_one_integer(control.option),
    controls.SdFlags: lambda control: control_values.encode_one_integer(control.flags),
    controls.SearchOptions: lambda control: control_values.encode_one_integer(control.flags),
    controls.SyncRequest: control_values.encode_sync_request,
    controls.SyncState: control_values.encode_sync_state,
    controls.SyncDone: control_values.encode_sync_done,
}
