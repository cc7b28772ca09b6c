"""LDAP on the wire: BER, messages, streams of them, filters, controls, the fast lane."""

from __future__ import annotations

from collections.abc import Iterator

from directory.errors import DecodeError, LdapError
from directory.limits import BER_DEPTH_MAX
from directory.model import ber, controls, messages
from directory.model import filter as filters
from directory.model.dn import DN
from directory.model.messages import LdapMessage
from directory.wire.connection import (
    ClientConnection,
    NeedData,
    ProtocolFailed,
    RequestReceived,
    ServerConnection,
    UnbindReceived,
)
from directory.wire.controls import (
    control_value,
    decode_control,
    decode_controls,
    encode_controls,
)
from directory.wire.filters import decode_filter, encode_filter
from directory.wire.frame import Frame, FrameBuffer
from directory.wire.messages import decode_message, encode_message
from directory.wire.quick import next_search
from directory.wire.requests import decode_request
from scripts.fuzzing.ldap_samples import (
    ANSWERING_CONTROLS,
    CONTROLS,
    FILTER,
    REQUESTS,
    RESPONSES,
    USER,
)
from scripts.fuzzing.target import Target, promise

_OIDS = tuple(control.oid.encode() for control in CONTROLS + ANSWERING_CONTROLS if control.oid)
_WIRE = (DecodeError, LdapError)


def run_ber(data: bytes) -> None:
    """Walk elements inside elements; read each as every primitive; write numbers and texts back."""
    _walk(ber.Reader(data), 0)


def _walk(reader: ber.Reader, depth: int) -> None:
    while reader.more:
        before = reader.at
        tag, start, stop = reader.element("element")
        promise(before + 2 <= start <= stop <= reader.end, "an element outside its bytes")
        content = reader.data[start:stop]
        if tag & 0x20 and depth < BER_DEPTH_MAX:
            _walk(ber.Reader(reader.data, start, stop), depth + 1)
        elif tag == ber.INTEGER and len(content) <= ber.INTEGER_OCTETS_MAX:
            number = ber.Reader(reader.data, before, stop).integer("number")
            promise(ber.Reader(ber.integer(number)).integer("number") == number, "another number")
        elif tag == ber.OCTET_STRING:
            text = ber.Reader(reader.data, before, stop).text("text")
            promise(ber.Reader(ber.text(text)).text("text") == text, "another text")


def run_message(data: bytes) -> None:
    """Read a message; written and read again it is the same."""
    message = decode_message(data)
    promise(decode_message(encode_message(message)) == message, "another message")


def run_stream(data: bytes) -> None:
    """Serve a client that sends these bytes, whole and cut at the first byte's place."""
    if not data:
        return
    cut = data[0] % len(data)
    whole = _served((data[1:],))
    promise(_served((data[1:cut], data[cut:])) == whole if cut else True, "cutting changed it")
    client = ClientConnection()
    client.receive_data(data[1:])
    while not isinstance(client.next_event(), NeedData | ProtocolFailed):
        pass


def _served(parts: tuple[bytes, ...]) -> list[object]:
    """The events of a server that gets these parts."""
    server = ServerConnection(message_size_max=4096)
    events: list[object] = []
    for part in parts:
        server.receive_data(part)
        while not isinstance(event := server.next_event(), NeedData):
            # offsets count from where a buffer starts, which depends on the cut
            events.append(type(event) if isinstance(event, ProtocolFailed) else event)
            if isinstance(event, ProtocolFailed | UnbindReceived):
                promise(isinstance(server.next_event(), NeedData), "it reads on after the end")
                return events
            if isinstance(event, RequestReceived):
                promise(event.message_id > 0, "a request without an id")
    return events


def run_quick_search(data: bytes) -> None:
    """Read a message by the fast lane and by the plain path: the same, or left to the latter."""
    frames = FrameBuffer()
    frames.receive_data(data)
    found = next_search(frames)
    if found is None:
        return
    end, id_element, question, value = found
    base, scope, make, raw_name, attributes, size_limit, others = question
    frame = frames.next_frame()
    assert isinstance(frame, Frame)
    promise(frame.id_element == id_element and not frame.controls, "another message")
    promise(len(data) - frames.waiting == end and frame.message_id > 0, "another end, or no id")
    try:
        name, dn = raw_name.decode(), DN.parse(base.decode())
        rest = [(raw.decode(), other) for raw, other in others]
    except ValueError:
        return  # a directory finds no such name and leaves it to the plain path
    request = decode_request(frame.operation)
    assert isinstance(request, messages.SearchRequest)
    read = filters.Present(name) if value is None else make(name, value)
    if isinstance(request.filter, filters.And):
        parts = [filters.Present(n) if v is None else filters.Equality(n, v) for n, v in rest]
        read = filters.And((read, *parts))
    else:
        promise(not others, "parts that nobody sent")
    same = (dn, scope, read) == (request.base, request.scope, request.filter)
    promise(same and attributes == request.attributes, "the fast lane read another search")
    promise(size_limit == request.size_limit and not request.types_only, "other limits")


def run_controls(data: bytes) -> None:
    """Read controls of requests and of responses; written and read again they are the same."""
    if not data:
        return
    is_response = bool(data[0] & 1)
    found = decode_controls(data[1:], response=is_response)
    written = encode_controls(found)
    _, start, stop = ber.header(written, 0, len(written))
    again = decode_controls(written[start:stop], response=is_response)
    promise(again == found, "other controls")


def run_control_value(data: bytes) -> None:
    """Read the bytes as the value of the control that the first byte picks."""
    if not data:
        return
    every = CONTROLS + ANSWERING_CONTROLS
    picked = data[0] % len(every)
    kind = type(every[picked])
    if kind is not controls.UnknownControl:
        decode_control(kind.oid, False, data[1:], response=picked >= len(CONTROLS))


def run_filter_ber(data: bytes) -> None:
    """Read a filter in BER; written and read again it is the same."""
    found = decode_filter(ber.Reader(data))
    promise(decode_filter(ber.Reader(encode_filter(found))) == found, "another filter")


def _messages() -> Iterator[bytes]:
    for number, operation in enumerate(REQUESTS, 1):
        yield encode_message(LdapMessage(number, operation, (CONTROLS[number % len(CONTROLS)],)))
        yield encode_message(LdapMessage(number, operation))
    for number, answer in enumerate(RESPONSES, 1):
        control = ANSWERING_CONTROLS[number % len(ANSWERING_CONTROLS)]
        yield encode_message(LdapMessage(number, answer, (control,)))


def _streams() -> Iterator[bytes]:
    every = [b"\x05" + data for data in _messages()]
    yield from every
    yield b"\x20" + every[5][1:] + every[7][1:]


def _searches() -> Iterator[bytes]:
    items: tuple[filters.Filter, ...] = (
        filters.Equality("mail", b"a@b"), filters.Present("objectClass"),
        filters.GreaterOrEqual("uSNChanged", b"7"), filters.LessOrEqual("uSNChanged", b"9"),
        filters.starting_with("cn", b"a"), filters.containing("cn", b"b"),
        filters.ending_with("cn", b"c"),
    )  # fmt: skip
    for number, item in enumerate(items):
        search = messages.SearchRequest(
            USER, messages.Scope(number % 3), item, ("cn", "mail")[: number % 3], 10
        )
        yield encode_message(LdapMessage(1 << number * 4, search))


def _controls() -> Iterator[bytes]:
    for flag, every in ((b"\x00", CONTROLS), (b"\x01", ANSWERING_CONTROLS)):
        for control in every:
            written = encode_controls((control,))
            yield flag + written[ber.header(written, 0, len(written))[1] :]


def _control_values() -> Iterator[bytes]:
    for picked, control in enumerate(CONTROLS + ANSWERING_CONTROLS):
        yield bytes((picked,)) + (control_value(control) or b"")


def _nested(tag: int, size: int) -> bytes:
    """Elements inside each other, as many as fit, around nothing."""
    data = b""
    while len(data) + 6 < size:
        data = ber.tlv(tag, data)
    return data


def _search_with(filter_bytes: bytes) -> bytes:
    head = ber.text("") + ber.integer(2, ber.ENUMERATED) + ber.integer(0, ber.ENUMERATED)
    head += ber.integer(0) + ber.integer(0) + ber.boolean(False)
    body = ber.tlv(0x63, head + filter_bytes + ber.sequence())
    return ber.sequence(ber.integer(1), body)


def _repeated(element: bytes, size: int) -> bytes:
    return element * (size // len(element))


def _add_of(attributes: bytes) -> bytes:
    body = ber.text(str(USER)) + ber.tlv(ber.SEQUENCE, attributes)
    return ber.sequence(ber.integer(1), ber.tlv(0x68, body))


_ITEM = ber.tlv(0x87, b"cn")

BER = Target(
    "ber",
    "BER elements (X.690) inside each other",
    "every element lies inside its bytes; numbers and texts written again read the same",
    run_ber,
    _WIRE,
    _messages,
    size_max=256,
    words=(b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x02\x09", b"\x84"),
    growers={
        "nested sequences": lambda n: _nested(0x30, n),
        "many empty elements": lambda n: _repeated(b"\x04\x00", n),
        "one long octet string": lambda n: ber.octet_string(b"a" * n),
    },
)
MESSAGE = Target(
    "ldap-message",
    "one LDAPMessage with its controls (RFC 4511)",
    "written and read again it is the same message",
    run_message,
    _WIRE,
    _messages,
    words=_OIDS,
    growers={
        "a search with a nested filter": lambda n: _search_with(_nested(0xA2, n)),
        "a search with a broad filter": lambda n: _search_with(ber.tlv(0xA0, _repeated(_ITEM, n))),
        "an attribute of many values": lambda n: _add_of(
            ber.sequence(ber.text("cn"), ber.tlv(ber.SET, _repeated(b"\x04\x01a", n)))
        ),
        "one attribute named again and again": lambda n: _add_of(
            _repeated(ber.sequence(ber.text("cn"), ber.tlv(ber.SET, b"\x04\x01a")), n)
        ),
        "many attributes": lambda n: _add_of(
            b"".join(
                ber.sequence(ber.text(f"a{i}"), ber.tlv(ber.SET, b"\x04\x01a"))
                for i in range(n // 14)
            )
        ),
    },
)
STREAM = Target(
    "ldap-stream",
    "a connection's bytes, to a server and to a client",
    "how the bytes are cut changes nothing; nothing is read after the end",
    run_stream,
    (),
    _streams,
    growers={
        "many small messages": lambda n: b"\x05" + _repeated(b"\x30\x05\x02\x01\x01\x42\x00", n),
        "a message that announces 4 GiB": lambda n: b"\x05\x30\x84\xff\xff\xff\xff" + b"a" * n,
    },
)
QUICK_SEARCH = Target(
    "ldap-fast-lane",
    "a search on a stream, by the fast lane and by the plain path",
    "both read the same search, or the fast lane leaves it alone",
    run_quick_search,
    (),
    _searches,
)
CONTROLS_TARGET = Target(
    "ldap-controls",
    "the controls of a request or a response",
    "written and read again they are the same controls",
    run_controls,
    _WIRE,
    _controls,
    words=_OIDS,
    growers={
        "many controls": lambda n: b"\x00" + _repeated(ber.sequence(ber.text("1.2.3")), n),
    },
)
CONTROL_VALUE = Target(
    "ldap-control-value",
    "the value of each control that has one",
    "",
    run_control_value,
    _WIRE,
    _control_values,
)
FILTER_BER = Target(
    "ldap-filter",
    "a search filter in BER",
    "written and read again it is the same filter",
    run_filter_ber,
    _WIRE,
    lambda: [encode_filter(FILTER), *map(encode_filter, FILTER.filters)],
    growers={
        "nested not": lambda n: _nested(0xA2, n),
        "nested and": lambda n: _nested(0xA0, n),
        "a broad or": lambda n: ber.tlv(0xA1, _repeated(_ITEM, n)),
        "a substring of many pieces": lambda n: ber.tlv(
            0xA4, ber.text("cn") + ber.sequence(_repeated(b"\x81\x01a", n))
        ),
    },
)

TARGETS = (BER, MESSAGE, STREAM, QUICK_SEARCH, CONTROLS_TARGET, CONTROL_VALUE, FILTER_BER)
