"""An entry that stays encoded says what the same entry says when it is taken apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from directory.errors import DecodeError, LdapError
from directory.model import ber
from directory.model.encoded import EncodedEntry
from directory.model.entry import Entry
from directory.model.messages import AddRequest
from directory.wire.encode import encode_operation
from directory.wire.entries import decode_attributes, is_usual
from directory.wire.requests import decode_request
from tests.support.ldap_values import entries


@given(entries)
def test_an_entry_kept_encoded_is_the_same_entry(entry: Entry) -> None:
    operation = encode_operation(AddRequest(entry))
    decode_request(operation)  # names are known from now on
    again = decode_request(operation)
    assert isinstance(again, AddRequest)
    assert isinstance(again.entry, EncodedEntry) or len(operation) > 0xFFFF
    assert again.entry == entry
    assert encode_operation(again) == operation


@given(entries, st.data())
def test_what_is_damaged_is_never_taken_for_usual(entry: Entry, data: st.DataObject) -> None:
    body = bytearray(
        b"".join(ber.attribute(name.encode(), values) for name, values in entry.attributes.items())
    )
    if not body:
        return
    decode_attributes(bytes(body), 0, len(body))
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=3)):
        body[at] = data.draw(st.integers(0, 255))
    raw = bytes(body)
    if not is_usual(raw, 0, len(raw)):
        return
    try:
        read = decode_attributes(raw, 0, len(raw))
    except (DecodeError, LdapError) as error:
        raise AssertionError("usual, but not well formed") from error
    merged = b"".join(ber.attribute(name.encode(), values) for name, values in read.items())
    assert len(merged) <= len(raw)
