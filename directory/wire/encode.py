"""From values to protocolOp bytes (RFC 4511 section 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from directory.model import ber, messages, oids
from directory.model.encoded import EncodedEntry
from directory.model.messages import LdapResult, Request, Response
from directory.wire import tags
from directory.wire.entries import encode_entry, encode_selection
from directory.wire.filters import encode_filter


def encode_operation(operation: Request | Response) -> bytes:
    """A protocolOp, tag and length included."""
    return _ENCODERS[type(operation)](operation)


# requests ------------------------------------------------------------------------------------


def _bind_request(request: messages.BindRequest) -> bytes:
    authentication = request.authentication
    if isinstance(authentication, messages.SimpleCredentials):
        choice = ber.octet_string(authentication.password, 0x80)
    elif isinstance(authentication, messages.SicilyCredentials):
        choice = ber.octet_string(authentication.token, authentication.step)
    else:
        mechanism = ber.text(authentication.mechanism)
        step = authentication.credentials
        choice = ber.tlv(0xA3, mechanism + (b"" if step is None else ber.octet_string(step)))
    return ber.sequence(
        ber.integer(request.version), ber.text(request.name), choice, tag=tags.BIND_REQUEST
    )


def _unbind_request(_: messages.UnbindRequest) -> bytes:
    return bytes((tags.UNBIND_REQUEST, 0))


def _search_request(request: messages.SearchRequest) -> bytes:
    return ber.sequence(
        ber.text(str(request.base)),
        ber.integer(request.scope, ber.ENUMERATED),
        ber.integer(request.deref_aliases, ber.ENUMERATED),
        ber.integer(request.size_limit),
        ber.integer(request.time_limit_s),
        ber.boolean(request.types_only),
        encode_filter(request.filter),
        encode_selection(request.attributes),
        tag=tags.SEARCH_REQUEST,
    )


def _modify_request(request: messages.ModifyRequest) -> bytes:
    changes = [
        ber.sequence(
            ber.integer(change.operation, ber.ENUMERATED),
            ber.attribute(change.name.encode(), change.values),
        )
        for change in request.modifications
    ]
    return ber.sequence(ber.text(str(request.dn)), ber.sequence(*changes), tag=tags.MODIFY_REQUEST)


def _add_request(request: messages.AddRequest) -> bytes:
    entry = request.entry
    if isinstance(entry, EncodedEntry):  # a replica passes on what it was given
        return _ADD_TAG + entry.operation[1:]
    return encode_entry(entry, tags.ADD_REQUEST)


_ADD_TAG = bytes((tags.ADD_REQUEST,))


def _delete_request(request: messages.DeleteRequest) -> bytes:
    return ber.text(str(request.dn), tags.DELETE_REQUEST)


def _modify_dn_request(request: messages.ModifyDnRequest) -> bytes:
    superior = request.new_superior
    return ber.sequence(
        ber.text(str(request.dn)),
        ber.text(str(request.new_rdn)),
        ber.boolean(request.delete_old_rdn),
        b"" if superior is None else ber.text(str(superior), 0x80),
        tag=tags.MODIFY_DN_REQUEST,
    )


def _compare_request(request: messages.CompareRequest) -> bytes:
    return ber.sequence(
        ber.text(str(request.dn)),
        ber.sequence(ber.text(request.name), ber.octet_string(request.value)),
        tag=tags.COMPARE_REQUEST,
    )


def _abandon_request(request: messages.AbandonRequest) -> bytes:
    return ber.integer(request.message_id, tags.ABANDON_REQUEST)


def _extended_request(request: messages.ExtendedRequest) -> bytes:
    value = b"" if request.value is None else ber.octet_string(request.value, 0x81)
    return ber.sequence(ber.text(request.oid, 0x80), value, tag=tags.EXTENDED_REQUEST)


# responses -----------------------------------------------------------------------------------


def encode_result(tag: int, result: LdapResult, *extra: bytes) -> bytes:
    """An LDAPResult under a response's tag; ``extra`` elements follow it."""
    body = (
        ber.integer(result.code, ber.ENUMERATED)
        + ber.text(result.matched_dn)
        + ber.text(result.diagnostic)
    )
    if result.referrals:
        body += ber.sequence(*map(ber.text, result.referrals), tag=0xA3)
    return ber.tlv(tag, body + b"".join(extra))


def _bind_response(response: messages.BindResponse) -> bytes:
    sicily = response.sicily_credentials
    if sicily is not None:
        return ber.sequence(
            ber.integer(response.result.code, ber.ENUMERATED),
            ber.octet_string(sicily),
            ber.text(response.result.diagnostic),
            tag=tags.BIND_RESPONSE,
        )
    step = response.server_credentials
    extra = () if step is None else (ber.octet_string(step, 0x87),)
    return encode_result(tags.BIND_RESPONSE, response.result, *extra)


def _search_result_entry(response: messages.SearchResultEntry) -> bytes:
    if response.encoded is not None:
        return response.encoded
    return encode_entry(response.entry)


def _search_result_reference(response: messages.SearchResultReference) -> bytes:
    return ber.sequence(*map(ber.text, response.uris), tag=tags.SEARCH_RESULT_REFERENCE)


def _extended_response(response: messages.ExtendedResponse) -> bytes:
    extra = [] if response.oid is None else [ber.text(response.oid, 0x8A)]
    if response.value is not None:
        extra.append(ber.octet_string(response.value, 0x8B))
    return encode_result(tags.EXTENDED_RESPONSE, response.result, *extra)


def _intermediate_response(response: messages.IntermediateResponse) -> bytes:
    parts = [] if response.oid is None else [ber.text(response.oid, 0x80)]
    if response.value is not None:
        parts.append(ber.octet_string(response.value, 0x81))
    return ber.sequence(*parts, tag=tags.INTERMEDIATE_RESPONSE)


def _sync_info(info: messages.SyncInfo) -> bytes:
    """RFC 4533 section 2.5: syncInfoValue inside an intermediate response."""
    cookie = b"" if info.cookie is None else ber.octet_string(info.cookie)
    if info.entry_uuids is not None:
        ids = sorted(uuid.bytes for uuid in info.entry_uuids)
        flag = ber.boolean(True) if info.refresh_deletes else b""
        id_set = ber.sequence(*map(ber.octet_string, ids), tag=ber.SET)
        value = ber.sequence(cookie, flag, id_set, tag=0xA3)
    elif info.phase is None:
        value = ber.octet_string(info.cookie or b"", 0x80)
    else:
        flag = b"" if info.refresh_done else ber.boolean(False)
        tag = 0xA1 if info.phase is messages.SyncPhase.DELETE else 0xA2
        value = ber.sequence(cookie, flag, tag=tag)
    return _intermediate_response(messages.IntermediateResponse(oids.SYNC_INFO, value))


def _plain_result(tag: int) -> Callable[[Any], bytes]:
    def encode(response: Any) -> bytes:
        return encode_result(tag, response.result)

    return encode


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    messages.BindRequest: _bind_request,
    messages.UnbindRequest: _unbind_request,
    messages.SearchRequest: _search_request,
    messages.ModifyRequest: _modify_request,
    messages.AddRequest: _add_request,
    messages.DeleteRequest: _delete_request,
    messages.ModifyDnRequest: _modify_dn_request,
    messages.CompareRequest: _compare_request,
    messages.AbandonRequest: _abandon_request,
    messages.ExtendedRequest: _extended_request,
    messages.BindResponse: _bind_response,
    messages.SearchResultEntry: _search_result_entry,
    messages.SearchResultReference: _search_result_reference,
    messages.SearchResultDone: _plain_result(tags.SEARCH_RESULT_DONE),
    messages.ModifyResponse: _plain_result(tags.MODIFY_RESPONSE),
    messages.AddResponse: _plain_result(tags.ADD_RESPONSE),
    messages.DeleteResponse: _plain_result(tags.DELETE_RESPONSE),
    messages.ModifyDnResponse: _plain_result(tags.MODIFY_DN_RESPONSE),
    messages.CompareResponse: _plain_result(tags.COMPARE_RESPONSE),
    messages.ExtendedResponse: _extended_response,
    messages.IntermediateResponse: _intermediate_response,
    messages.SyncInfo: _sync_info,
}
