"""Requests: from protocolOp bytes to values (RFC 4511 section 4).

Two kinds of refusal: DecodeError means the bytes are not BER of the right shape, after which a
session cannot go on (section 4.1.1); LdapError means they are, but say something that has an
answer of its own (a name that is no DN, an enumeration's unknown member).
"""

from __future__ import annotations

from collections.abc import Callable

from directory.errors import DecodeError, LdapError, ResultCode
from directory.limits import ATTRIBUTES_MAX
from directory.model import ber, messages
from directory.model.ber import Reader, header
from directory.model.messages import LdapResult, Request, Response
from directory.model.modification import Modification, ModifyOperation
from directory.wire import tags
from directory.wire.entries import (
    decode_attributes,
    decode_dn,
    decode_operation_entry,
    decode_selection,
)
from directory.wire.filters import decode_filter


def is_request(tag: int) -> bool:
    """Whether a protocolOp with this tag is a request."""
    return tag in _REQUESTS


def decode_request(operation: bytes) -> Request:
    """The request in a protocolOp.

    Raises:
        DecodeError: when it is not one.
        LdapError: when it is one that deserves its own answer.
    """
    tag, start, stop = header(operation, 0, len(operation))
    decode = _REQUESTS.get(tag)
    if decode is None:
        raise DecodeError(0, "protocolOp", f"tag 0x{tag:02x} is no request")
    return decode(Reader(operation, start, stop, _PATHS[tag]))


def _bind(reader: Reader) -> Request:
    version = reader.integer("version")
    name = reader.text("name")
    authentication: (
        messages.SimpleCredentials | messages.SaslCredentials | messages.SicilyCredentials
    )
    tag = reader.peek()
    if tag == 0x80:
        authentication = messages.SimpleCredentials(reader.octets("simple", 0x80))
    elif tag == 0xA3:
        sasl = reader.enter("sasl", 0xA3)
        mechanism = sasl.text("mechanism")
        step = sasl.octets("credentials") if sasl.more else None
        authentication = messages.SaslCredentials(mechanism, step)
    elif tag in _SICILY:
        token = reader.octets("sicily", tag)
        authentication = messages.SicilyCredentials(messages.SicilyStep(tag), token)
    else:
        reader.element("authentication")
        raise LdapError(
            ResultCode.AUTH_METHOD_NOT_SUPPORTED, f"authentication choice 0x{tag:02x} is unknown"
        )
    return messages.BindRequest(version, name, authentication)


_SICILY = frozenset(messages.SicilyStep)


def _unbind(_: Reader) -> Request:
    return messages.UnbindRequest()


def _search(reader: Reader) -> Request:
    base = reader.text("baseObject")
    scope = reader.integer("scope", ber.ENUMERATED)
    deref = reader.integer("derefAliases", ber.ENUMERATED)
    size_limit = reader.integer("sizeLimit")
    time_limit = reader.integer("timeLimit")
    types_only = reader.boolean("typesOnly")
    search_filter = decode_filter(reader)
    attributes = decode_selection(reader)
    if scope not in _SCOPES or deref not in _DEREF:
        raise LdapError(ResultCode.PROTOCOL_ERROR, f"scope {scope}, derefAliases {deref}")
    if size_limit < 0 or time_limit < 0:
        raise LdapError(ResultCode.PROTOCOL_ERROR, "negative limit")
    return messages.SearchRequest(
        decode_dn(base), _SCOPES[scope], search_filter, attributes, size_limit, time_limit,
        types_only, _DEREF[deref],
    )  # fmt: skip


def _modify(reader: Reader) -> Request:
    name = reader.text("object")
    changes = reader.enter("changes")
    found: list[Modification] = []
    while changes.more:
        change = changes.enter("change")
        operation = change.integer("operation", ber.ENUMERATED)
        start, stop = change.at, change.end
        attributes = decode_attributes(change.data, start, stop)
        if len(attributes) != 1:
            raise change.fail("modification", "not one attribute")
        if operation not in _OPERATIONS:
            raise LdapError(ResultCode.PROTOCOL_ERROR, f"modify operation {operation} is unknown")
        for attribute, values in attributes.items():
            found.append(Modification(_OPERATIONS[operation], attribute, values))
        if len(found) > ATTRIBUTES_MAX:
            raise LdapError(ResultCode.ADMIN_LIMIT_EXCEEDED, f"more than {ATTRIBUTES_MAX} changes")
    return messages.ModifyRequest(decode_dn(name), tuple(found))


def _add(reader: Reader) -> Request:
    return messages.AddRequest(decode_operation_entry(reader))


def _delete(reader: Reader) -> Request:
    return messages.DeleteRequest(decode_dn(_whole_text(reader)))


def _whole_text(reader: Reader) -> str:
    try:
        return str(reader.data[reader.at : reader.end], "utf-8")
    except UnicodeDecodeError as error:
        raise reader.fail("", "not UTF-8", reader.at + error.start) from None


def _modify_dn(reader: Reader) -> Request:
    name, new_rdn = reader.text("entry"), reader.text("newrdn")
    delete_old = reader.boolean("deleteoldrdn")
    superior = reader.text("newSuperior", 0x80) if reader.peek() == 0x80 else None
    rdn = decode_dn(new_rdn)
    if len(rdn.rdns) != 1:
        raise LdapError(ResultCode.INVALID_DN_SYNTAX, f"{new_rdn!r} is not one RDN")
    return messages.ModifyDnRequest(
        decode_dn(name), rdn, delete_old, None if superior is None else decode_dn(superior)
    )


def _compare(reader: Reader) -> Request:
    name = reader.text("entry")
    assertion = reader.enter("ava")
    attribute, value = assertion.text("attributeDesc"), assertion.octets("assertionValue")
    return messages.CompareRequest(decode_dn(name), attribute, value)


def _abandon(reader: Reader) -> Request:
    octets = reader.data[reader.at : reader.end]
    if not 1 <= len(octets) <= ber.INTEGER_OCTETS_MAX:
        raise reader.fail("", f"integer of {len(octets)} octets")
    return messages.AbandonRequest(int.from_bytes(octets, "big", signed=True))


def _extended(reader: Reader) -> Request:
    oid = reader.text("requestName", 0x80)
    value = reader.octets("requestValue", 0x81) if reader.peek() == 0x81 else None
    return messages.ExtendedRequest(oid, value)


_SCOPES = {int(scope): scope for scope in messages.Scope}
_DEREF = {int(choice): choice for choice in messages.DerefAliases}
_OPERATIONS = {int(operation): operation for operation in ModifyOperation}

_REQUESTS: dict[int, Callable[[Reader], Request]] = {
    tags.BIND_REQUEST: _bind,
    tags.UNBIND_REQUEST: _unbind,
    tags.SEARCH_REQUEST: _search,
    tags.MODIFY_REQUEST: _modify,
    tags.ADD_REQUEST: _add,
    tags.DELETE_REQUEST: _delete,
    tags.MODIFY_DN_REQUEST: _modify_dn,
    tags.COMPARE_REQUEST: _compare,
    tags.ABANDON_REQUEST: _abandon,
    tags.EXTENDED_REQUEST: _extended,
}
_PATHS = {
    tags.BIND_REQUEST: "BindRequest",
    tags.UNBIND_REQUEST: "UnbindRequest",
    tags.SEARCH_REQUEST: "SearchRequest",
    tags.MODIFY_REQUEST: "ModifyRequest",
    tags.ADD_REQUEST: "AddRequest",
    tags.DELETE_REQUEST: "DelRequest",
    tags.MODIFY_DN_REQUEST: "ModifyDNRequest",
    tags.COMPARE_REQUEST: "CompareRequest",
    tags.ABANDON_REQUEST: "AbandonRequest",
    tags.EXTENDED_REQUEST: "ExtendedRequest",
}

_ANSWERS: dict[int, Callable[[LdapResult], Response]] = {
    tags.BIND_REQUEST: messages.BindResponse,
    tags.SEARCH_REQUEST: messages.SearchResultDone,
    tags.MODIFY_REQUEST: messages.ModifyResponse,
    tags.ADD_REQUEST: messages.AddResponse,
    tags.DELETE_REQUEST: messages.DeleteResponse,
    tags.MODIFY_DN_REQUEST: messages.ModifyDnResponse,
    tags.COMPARE_REQUEST: messages.CompareResponse,
    tags.EXTENDED_REQUEST: messages.ExtendedResponse,
}


def answer(tag: int, result: LdapResult) -> Response | None:
    """The final response that a request with this tag gets; None where it gets none."""
    make = _ANSWERS.get(tag)
    return None if make is None else make(result)
