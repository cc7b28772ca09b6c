"""Control values in BER: a pair of functions for each control that has one."""

from __future__ import annotations

from uuid import UUID

from directory.model import ber, controls
from directory.model.ber import Reader
from directory.model.controls import Control
from directory.wire.entries import decode_entry, decode_selection, result_code
from directory.wire.filters import decode_filter, decode_item, encode_filter

_FLAGS_MASK = 0xFFFF_FFFF
"""Flag words are 32 bits; some clients send them as a negative number (ldap3#642)."""


def _optional(value: bytes | None) -> bytes:
    return b"" if value is None else ber.octet_string(value)


def _maybe_octets(reader: Reader, what: str) -> bytes | None:
    return reader.octets(what) if reader.peek() == ber.OCTET_STRING else None


def _maybe_boolean(reader: Reader, what: str) -> bool:
    return reader.boolean(what) if reader.peek() == ber.BOOLEAN else False


def decode_paged(critical: bool, reader: Reader) -> Control:
    """RFC 2696: ``SEQUENCE { size INTEGER, cookie OCTET STRING }``."""
    inner = reader.enter("value")
    size = inner.integer("size")
    if size < 0:
        raise inner.fail("size", "negative")
    return controls.PagedResults(critical=critical, size=size, cookie=inner.octets("cookie"))


def encode_paged(control: controls.PagedResults) -> bytes:
    """RFC 2696: ``SEQUENCE { size INTEGER, cookie OCTET STRING }``."""
    return ber.sequence(ber.integer(control.size), ber.octet_string(control.cookie))


def decode_sort(critical: bool, reader: Reader) -> Control:
    """RFC 2891: ``SEQUENCE OF SEQUENCE { attributeType, orderingRule [0], reverseOrder [1] }``."""
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


def encode_sort(control: controls.SortRequest) -> bytes:
    """RFC 2891: ``SEQUENCE OF SEQUENCE { attributeType, orderingRule [0], reverseOrder [1] }``."""
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


def decode_sort_response(critical: bool, reader: Reader) -> Control:
    """RFC 2891: ``SEQUENCE { sortResult ENUMERATED, attributeType [0] }``."""
    inner = reader.enter("value")
    code = result_code(inner.integer("sortResult", ber.ENUMERATED))
    name = inner.text("attributeType", 0x80) if inner.peek() == 0x80 else None
    return controls.SortResponse(critical=critical, code=code, name=name)


def encode_sort_response(control: controls.SortResponse) -> bytes:
    """RFC 2891: ``SEQUENCE { sortResult ENUMERATED, attributeType [0] }``."""
    name = b"" if control.name is None else ber.text(control.name, 0x80)
    return ber.sequence(ber.integer(control.code, ber.ENUMERATED), name)


def decode_vlv(critical: bool, reader: Reader) -> Control:
    """VLV draft: ``SEQUENCE { beforeCount, afterCount, byOffset [0] | value [1], contextID }``."""
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


def encode_vlv(control: controls.VirtualListView) -> bytes:
    """VLV draft: ``SEQUENCE { beforeCount, afterCount, byOffset [0] | value [1], contextID }``."""
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


def decode_vlv_response(critical: bool, reader: Reader) -> Control:
    """VLV draft: ``SEQUENCE { targetPosition, contentCount, result ENUMERATED, contextID }``."""
    inner = reader.enter("value")
    return controls.VirtualListViewResponse(
        critical=critical,
        target=inner.integer("targetPosition"),
        content_count=inner.integer("contentCount"),
        code=result_code(inner.integer("virtualListViewResult", ber.ENUMERATED)),
        context_id=_maybe_octets(inner, "contextID"),
    )


def encode_vlv_response(control: controls.VirtualListViewResponse) -> bytes:
    """VLV draft: ``SEQUENCE { targetPosition, contentCount, result ENUMERATED, contextID }``."""
    return ber.sequence(
        ber.integer(control.target), ber.integer(control.content_count),
        ber.integer(control.code, ber.ENUMERATED), _optional(control.context_id),
    )  # fmt: skip


def decode_matched_values(critical: bool, reader: Reader) -> Control:
    """RFC 3876: ``SEQUENCE OF SimpleFilterItem``."""
    inner = reader.enter("value")
    items = []
    while inner.more:
        items.append(decode_item(inner))
    return controls.MatchedValues(critical=critical, filters=tuple(items))


def encode_matched_values(control: controls.MatchedValues) -> bytes:
    """RFC 3876: ``SEQUENCE OF SimpleFilterItem``."""
    return ber.sequence(*map(encode_filter, control.filters))


def decode_subentries(critical: bool, reader: Reader) -> Control:
    """RFC 3672: ``BOOLEAN``."""
    return controls.Subentries(critical=critical, visible=reader.boolean("visibility"))


def decode_assertion(critical: bool, reader: Reader) -> Control:
    """RFC 4528: ``Filter``."""
    return controls.Assertion(critical=critical, filter=decode_filter(reader))


def decode_pre_read(critical: bool, reader: Reader) -> Control:
    """RFC 4527: ``AttributeSelection``."""
    return controls.PreRead(critical=critical, attributes=decode_selection(reader))


def decode_post_read(critical: bool, reader: Reader) -> Control:
    """RFC 4527: ``AttributeSelection``."""
    return controls.PostRead(critical=critical, attributes=decode_selection(reader))


def decode_pre_read_entry(critical: bool, reader: Reader) -> Control:
    """RFC 4527: ``SearchResultEntry``."""
    return controls.PreReadEntry(critical=critical, entry=decode_entry(reader))


def decode_post_read_entry(critical: bool, reader: Reader) -> Control:
    """RFC 4527: ``SearchResultEntry``."""
    return controls.PostReadEntry(critical=critical, entry=decode_entry(reader))


def encode_one_integer(value: int) -> bytes:
    """MS-ADTS: ``SEQUENCE { INTEGER }``, as several controls have it."""
    return ber.sequence(ber.integer(value))


def _one_integer(reader: Reader, what: str) -> int:
    return reader.enter("value").integer(what)


def decode_extended_dn(critical: bool, reader: Reader) -> Control:
    """MS-ADTS: ``SEQUENCE { option INTEGER }``, or nothing."""
    option = _one_integer(reader, "option") if reader.more else 0
    return controls.ExtendedDn(critical=critical, option=option)


def decode_sd_flags(critical: bool, reader: Reader) -> Control:
    """MS-ADTS: ``SEQUENCE { flags INTEGER }``."""
    flags = _one_integer(reader, "flags") & _FLAGS_MASK if reader.more else 0xF
    return controls.SdFlags(critical=critical, flags=flags)


def decode_search_options(critical: bool, reader: Reader) -> Control:
    """MS-ADTS: ``SEQUENCE { flags INTEGER }``."""
    flags = _one_integer(reader, "flags") & _FLAGS_MASK
    return controls.SearchOptions(critical=critical, flags=flags)


def decode_dir_sync(critical: bool, reader: Reader) -> Control:
    """MS-ADTS: ``SEQUENCE { flags INTEGER, maxBytes INTEGER, cookie OCTET STRING }``."""
    inner = reader.enter("value")
    return controls.DirSync(
        critical=critical,
        flags=inner.integer("flags") & _FLAGS_MASK,
        max_bytes=inner.integer("maxBytes"),
        cookie=inner.octets("cookie"),
    )


def encode_dir_sync(control: controls.DirSync) -> bytes:
    """MS-ADTS: ``SEQUENCE { flags INTEGER, maxBytes INTEGER, cookie OCTET STRING }``."""
    return ber.sequence(
        ber.integer(control.flags), ber.integer(control.max_bytes), ber.octet_string(control.cookie)
    )


def decode_sync_request(critical: bool, reader: Reader) -> Control:
    """RFC 4533: ``SEQUENCE { mode ENUMERATED, cookie OPTIONAL, reloadHint BOOLEAN }``."""
    inner = reader.enter("value")
    return controls.SyncRequest(
        critical=critical,
        mode=controls.SyncMode(inner.integer("mode", ber.ENUMERATED)),
        cookie=_maybe_octets(inner, "cookie"),
        reload_hint=_maybe_boolean(inner, "reloadHint"),
    )


def encode_sync_request(control: controls.SyncRequest) -> bytes:
    """RFC 4533: ``SEQUENCE { mode ENUMERATED, cookie OPTIONAL, reloadHint BOOLEAN }``."""
    return ber.sequence(
        ber.integer(control.mode, ber.ENUMERATED),
        _optional(control.cookie),
        ber.boolean(True) if control.reload_hint else b"",
    )


def decode_sync_state(critical: bool, reader: Reader) -> Control:
    """RFC 4533: ``SEQUENCE { state ENUMERATED, entryUUID, cookie OPTIONAL }``."""
    inner = reader.enter("value")
    return controls.SyncState(
        critical=critical,
        state=controls.SyncEntryState(inner.integer("state", ber.ENUMERATED)),
        entry_uuid=UUID(bytes=inner.octets("entryUUID")),
        cookie=_maybe_octets(inner, "cookie"),
    )


def encode_sync_state(control: controls.SyncState) -> bytes:
    """RFC 4533: ``SEQUENCE { state ENUMERATED, entryUUID, cookie OPTIONAL }``."""
    return ber.sequence(
        ber.integer(control.state, ber.ENUMERATED),
        ber.octet_string(control.entry_uuid.bytes),
        _optional(control.cookie),
    )


def decode_sync_done(critical: bool, reader: Reader) -> Control:
    """RFC 4533: ``SEQUENCE { cookie OPTIONAL, refreshDeletes BOOLEAN }``."""
    inner = reader.enter("value")
    return controls.SyncDone(
        critical=critical,
        cookie=_maybe_octets(inner, "cookie"),
        refresh_deletes=_maybe_boolean(inner, "refreshDeletes"),
    )


def encode_sync_done(control: controls.SyncDone) -> bytes:
    """RFC 4533: ``SEQUENCE { cookie OPTIONAL, refreshDeletes BOOLEAN }``."""
    return ber.sequence(
        _optional(control.cookie), ber.boolean(True) if control.refresh_deletes else b""
    )
