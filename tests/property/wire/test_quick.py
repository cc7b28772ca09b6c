"""The fast lane reads what the plain path reads, or leaves it to the plain path."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.errors import DecodeError
from directory.model import filter as filters
from directory.model.ber import integer
from directory.model.dn import DN
from directory.model.messages import CompareRequest, SearchRequest
from directory.wire.encode import encode_operation
from directory.wire.filters import encode_filter
from directory.wire.frame import Frame, FrameBuffer, envelope
from directory.wire.quick import next_search, quick_compare, quick_search
from directory.wire.requests import decode_request
from tests.support.ldap_values import dns, names, octets, searches, selections

item = st.one_of(
    st.builds(filters.Present, names), st.builds(filters.Equality, names, octets.filter(bool))
)
plain = st.builds(
    SearchRequest,
    dns,
    filter=st.one_of(
        st.builds(filters.And, st.lists(item, min_size=1, max_size=4).map(tuple)),
        st.builds(filters.Present, names),
        *(
            st.builds(make, names, octets.filter(bool))
            for make in (
                filters.Equality,
                filters.GreaterOrEqual,
                filters.LessOrEqual,
                filters.starting_with,
                filters.containing,
                filters.ending_with,
            )
        ),
    ),
    attributes=selections,
    size_limit=st.sampled_from([0, 1, 10, 100, 500]),
)


def _item(raw: bytes, value: bytes | None) -> filters.Filter:
    name = raw.decode()
    return filters.Present(name) if value is None else filters.Equality(name, value)


def _agrees(operation: bytes) -> bool:
    """Whether the fast lane took it; fails when it read something else than the plain path."""
    quick = quick_search(operation, 0, len(operation))
    if quick is None:
        return False
    request = decode_request(operation)
    assert isinstance(request, SearchRequest)
    (base, scope, make, raw_name, attributes, size_limit, others), value, _ = quick
    name = raw_name.decode()
    read = filters.Present(name) if value is None else make(name, value)
    if isinstance(request.filter, filters.And):
        read = filters.And((read, *(_item(*other) for other in others)))
    else:
        assert not others
    assert (DN.parse(base.decode()), scope, read) == (request.base, request.scope, request.filter)
    assert (attributes, size_limit) == (request.attributes, request.size_limit)
    assert not request.types_only
    return True


@given(plain)
def test_common_searches_are_taken_and_read_alike(request: SearchRequest) -> None:
    operation = encode_operation(request)
    short = len(str(request.base).encode()) < 128 and request.size_limit < 500
    short = short and len(encode_filter(request.filter)) < 124
    assert _agrees(operation) or not short


@given(searches)
def test_no_search_is_read_differently(request: SearchRequest) -> None:
    _agrees(encode_operation(request))


@given(plain, st.data())
def test_a_damaged_search_is_not_read_differently(
    request: SearchRequest, data: st.DataObject
) -> None:
    raw = bytearray(encode_operation(request))
    start = 2 if raw[1] < 0x80 else 2 + (raw[1] & 0x7F)
    for at in data.draw(st.lists(st.integers(start, len(raw) - 1), min_size=1, max_size=3)):
        raw[at] = data.draw(st.integers(0, 255))
    quick = quick_search(bytes(raw), 0, len(raw))
    if quick is not None:
        try:
            question = quick[0]
            for raw_name in (question[3], *(raw for raw, _ in question[6])):
                raw_name.decode()
            DN.parse(question[0].decode())
        except ValueError:
            return  # a directory finds no such name and leaves it to the plain path
        _agrees(bytes(raw))


def _frame(data: bytes) -> Frame | None:
    frames = FrameBuffer()
    frames.receive_data(data)
    try:
        return frames.next_frame()
    except DecodeError:
        return None


@given(
    plain,
    st.one_of(
        st.integers(0, 2**31 - 1).map(integer),
        st.binary(max_size=6).map(lambda octets: bytes((2, len(octets))) + octets),
    ),
    st.binary(max_size=40),
    st.data(),
)
def test_a_message_taken_from_a_stream_is_the_one_the_plain_path_finds(
    request: SearchRequest, id_element: bytes, following: bytes, data: st.DataObject
) -> None:
    raw = bytearray(envelope(id_element, encode_operation(request)) + following)
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=2)):
        raw[at] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    frames = FrameBuffer()
    frames.receive_data(bytes(raw))
    found = next_search(frames)
    if found is None:
        return
    end, id_element, *search = found
    frame = _frame(bytes(raw))
    assert frame is not None
    assert (frame.id_element, frame.controls) == (id_element, b"")
    assert frame.message_id
    assert _frame(bytes(raw[:end])) == frame
    assert _frame(bytes(raw[: end - 1])) is None
    read = quick_search(frame.operation, 0, len(frame.operation))
    assert read is not None
    assert read[:2] == tuple(search)
    assert frames.at == 0


makers = st.sampled_from(
    [filters.Equality, filters.GreaterOrEqual, filters.starting_with, filters.containing]
)


@given(
    plain,
    names,
    makers,
    st.lists(octets.filter(bool), min_size=1, max_size=6),
    st.integers(1, 2**31 - 1).map(integer),
    st.data(),
)
def test_who_asks_about_another_value_is_read_like_who_asks_first(
    request: SearchRequest,
    name: str,
    make: filters.ItemMaker,
    values: list[bytes],
    id_element: bytes,
    data: st.DataObject,
) -> None:
    """Damaged or not: what is known of the one before decides nothing that reading would not."""
    asked = FrameBuffer()
    for value in [*values, *values]:
        raw = bytearray(
            envelope(id_element, encode_operation(replace(request, filter=make(name, value))))
        )
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, 14) | st.integers(0, len(raw) - 1))  # lengths come first
            raw[at] = data.draw(st.integers(0, 255))
        first = FrameBuffer()
        for frames in (asked, first):
            frames.data, frames.at = bytes(raw), 0
        assert next_search(asked) == next_search(first)


@pytest.mark.parametrize("attributes", [(), tuple(f"attribute{n}" for n in range(9))])
def test_no_damaged_octet_passes_because_the_rest_is_known(attributes: tuple[str, ...]) -> None:
    """Each octet, each way to damage it: what is known of a search decides nothing here either."""
    item = filters.Equality("mail", b"somebody@example.com")
    request = SearchRequest(DN.parse("dc=example,dc=com"), filter=item, attributes=attributes)
    whole = envelope(integer(7), encode_operation(request))
    known, first = FrameBuffer(), FrameBuffer()
    for frames in (known, first):
        frames.receive_data(whole)
        assert next_search(frames) is not None
    offset = known.value_offset
    assert offset
    for at, octet in product(range(len(whole)), range(256)):
        known.data = first.data = whole[:at] + bytes((octet,)) + whole[at + 1 :]
        known.value_offset, first.value_offset = offset, 0
        assert next_search(known) == next_search(first)


def test_the_same_question_about_another_value_is_the_same_object() -> None:
    frames, found = FrameBuffer(), []
    for value in (b"a", b"b", b"longer", b"c"):
        request = SearchRequest(DN.parse("dc=x"), filter=filters.Equality("mail", value))
        frames.receive_data(envelope(integer(7), encode_operation(request)))
        search = next_search(frames)
        assert search is not None
        frames.at, _, question, read = search
        assert read == value
        found.append(question)
    assert all(question is found[0] for question in found)


compares = st.builds(CompareRequest, dns, names, octets)


def _compared_alike(operation: bytes) -> bool:
    quick = quick_compare(operation)
    if quick is None:
        return False
    request = decode_request(operation)
    assert isinstance(request, CompareRequest)
    dn, name, value = quick
    read = CompareRequest(DN.parse(dn.decode()), name.decode(), value)
    assert read == request
    return True


@given(compares)
def test_common_compares_are_taken_and_read_alike(request: CompareRequest) -> None:
    operation = encode_operation(request)
    assert _compared_alike(operation) or len(operation) > 120


@given(compares, st.data())
def test_a_damaged_compare_is_not_read_differently(
    request: CompareRequest, data: st.DataObject
) -> None:
    raw = bytearray(encode_operation(request))
    start = 2 if raw[1] < 0x80 else 2 + (raw[1] & 0x7F)
    for at in data.draw(st.lists(st.integers(start, len(raw) - 1), min_size=1, max_size=3)):
        raw[at] = data.draw(st.integers(0, 255))
    quick = quick_compare(bytes(raw))
    if quick is not None:
        try:
            DN.parse(quick[0].decode())
            quick[1].decode()
        except ValueError:
            return  # a directory finds no such name and leaves it to the plain path
        _compared_alike(bytes(raw))
