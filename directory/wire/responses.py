"""Responses: from protocolOp bytes to values (RFC 4511 section 4)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from directory.errors import DecodeError
from directory.model import ber, messages, oids
from directory.model.ber import Reader, header
from directory.model.messages import LdapResult, Response
from directory.wire import tags
from directory.wire.entries import decode_operation_entry, result_code


def decode_response(operation: bytes) -> Response:
    """The response in a protocolOp.

    Raises:
        DecodeError: when it is not one.
        LdapError: when a name in it is no DN.
    """
    tag, start, stop = header(operation, 0, len(operation))
    decode = _RESPONSES.get(tag)
    if decode is None:
        raise DecodeError(0, "protocolOp", f"tag 0x{tag:02x} is no response")
    return decode(Reader(operation, start, stop, f"response 0x{tag:02x}"))


def _result(reader: Reader) -> LdapResult:
    code = reader.integer("resultCode", ber.ENUMERATED)
    matched, diagnostic = reader.text("matchedDN"), reader.text("diagnosticMessage")
    referrals: list[str] = []
    if reader.peek() == 0xA3:
        inner = reader.enter("referral", 0xA3)
        while inner.more:
            referrals.append(inner.text("uri"))
    return LdapResult(result_code(code), matched, diagnostic, tuple(referrals))


def _bind_response(reader: Reader) -> Response:
    result = _result(reader)
    step = reader.octets("serverSaslCreds", 0x87) if reader.peek() == 0x87 else None
    return messages.BindResponse(result, step)


def _search_result_entry(reader: Reader) -> Response:
    return messages.SearchResultEntry(decode_operation_entry(reader))


def _search_result_reference(reader: Reader) -> Response:
    uris: list[str] = []
    while reader.more:
        uris.append(reader.text("uri"))
    return messages.SearchResultReference(tuple(uris))


def _extended_response(reader: Reader) -> Response:
    result = _result(reader)
    oid = reader.text("responseName", 0x8A) if reader.peek() == 0x8A else None
    value = reader.octets("responseValue", 0x8B) if reader.peek() == 0x8B else None
    return messages.ExtendedResponse(result, oid, value)


def _intermediate_response(reader: Reader) -> Response:
    oid = reader.text("responseName", 0x80) if reader.peek() == 0x80 else None
    value = reader.octets("responseValue", 0x81) if reader.peek() == 0x81 else None
    if oid == oids.SYNC_INFO and value is not None:
        return decode_sync_info(value)
    return messages.IntermediateResponse(oid, value)


def decode_sync_info(value: bytes) -> messages.SyncInfo:
    """A syncInfoValue (RFC 4533 section 2.5), for callers that bring their own envelope."""
    return _sync_info(Reader(value, path="syncInfoValue"))


def _sync_info(reader: Reader) -> messages.SyncInfo:
    tag = reader.peek()
    if tag == 0x80:
        return messages.SyncInfo(reader.octets("newcookie", 0x80))
    if tag not in {0xA1, 0xA2, 0xA3}:
        raise reader.fail("", f"choice 0x{tag & 0xFF:02x} is unknown")
    inner = reader.enter("choice", tag)
    cookie = inner.octets("cookie") if inner.peek() == ber.OCTET_STRING else None
    flag = inner.boolean("flag") if inner.peek() == ber.BOOLEAN else None
    if tag != 0xA3:
        phase = messages.SyncPhase.DELETE if tag == 0xA1 else messages.SyncPhase.PRESENT
        return messages.SyncInfo(cookie, phase, flag is not False)
    ids = inner.enter("syncUUIDs", ber.SET)
    uuids: set[UUID] = set()
    while ids.more:
        octets = ids.octets("syncUUID")
        if len(octets) != 16:
            raise ids.fail("syncUUID", f"{len(octets)} octets, not 16")
        uuids.add(UUID(bytes=octets))
    return messages.SyncInfo(cookie, entry_uuids=frozenset(uuids), refresh_deletes=flag is True)


def _plain(kind: Callable[[LdapResult], Response]) -> Callable[[Reader], Response]:
    def decode(reader: Reader) -> Response:
        return kind(_result(reader))

    return decode


_RESPONSES: dict[int, Callable[[Reader], Response]] = {
    tags.BIND_RESPONSE: _bind_response,
    tags.SEARCH_RESULT_ENTRY: _search_result_entry,
    tags.SEARCH_RESULT_REFERENCE: _search_result_reference,
    tags.SEARCH_RESULT_DONE: _plain(messages.SearchResultDone),
    tags.MODIFY_RESPONSE: _plain(messages.ModifyResponse),
    tags.ADD_RESPONSE: _plain(messages.AddResponse),
    tags.DELETE_RESPONSE: _plain(messages.DeleteResponse),
    tags.MODIFY_DN_RESPONSE: _plain(messages.ModifyDnResponse),
    tags.COMPARE_RESPONSE: _plain(messages.CompareResponse),
    tags.EXTENDED_RESPONSE: _extended_response,
    tags.INTERMEDIATE_RESPONSE: _intermediate_response,
}
