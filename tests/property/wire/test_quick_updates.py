"""Updates read at a glance say what the plain path reads, whatever the octets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from directory.errors import InvalidDN
from directory.model import ber
from directory.model.dn import DN
from directory.model.messages import AddRequest, ModifyRequest
from directory.model.modification import ModifyOperation
from directory.wire import tags
from directory.wire.entries import shortest
from directory.wire.quick_add import read_add
from directory.wire.quick_modify import read_replacements
from directory.wire.requests import decode_request

VALUES = st.lists(st.binary(max_size=6) | st.binary(min_size=120, max_size=300), max_size=3)
ATTRIBUTES = st.lists(
    st.tuples(st.sampled_from([b"cn", b"objectClass", b"description"]), VALUES), max_size=4
)
NAMES = st.sampled_from([b"cn=a,dc=b", b"cn=" + b"a" * 140 + b",dc=b"])
DAMAGE = st.lists(  # never of the first octet, by which a reader is chosen
    st.tuples(st.sampled_from(["put", "insert", "delete"]), st.integers(1, 60),
              st.sampled_from([0, 1, 2, 4, 5, 10, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x82, 0xFF])),
    max_size=2,
)  # fmt: skip


def damaged(operation: bytes, damage: list[tuple[str, int, int]]) -> bytes:
    octets = bytearray(operation)
    for kind, at, octet in damage:
        if kind == "insert":
            octets.insert(at, octet)
        elif at < len(octets):
            if kind == "put":
                octets[at] = octet
            else:
                del octets[at]
    return bytes(octets)


def known_name(name: bytes, attributes: list[bytes]) -> DN | None:
    """The name, unless it or an attribute's leads to nothing that is there."""
    try:
        for attribute in attributes:
            attribute.decode()
        return DN.parse(name.decode())
    except (InvalidDN, UnicodeDecodeError):
        return None


def is_shortest(blob: bytes) -> bool:
    """Whether an attribute is as ``ber.attribute`` writes it."""
    try:
        start, stop = shortest(blob, 0)
    except ValueError:
        return False
    return stop == len(blob) and blob[start] == ber.OCTET_STRING


@settings(max_examples=400, deadline=None)
@given(NAMES, ATTRIBUTES, DAMAGE)
def test_an_add_read_at_a_glance_is_what_was_sent(
    name: bytes, attributes: list[tuple[bytes, list[bytes]]], damage: list[tuple[str, int, int]]
) -> None:
    blobs = [ber.attribute(kind, tuple(values)) for kind, values in attributes]
    body = ber.octet_string(name) + ber.tlv(ber.SEQUENCE, b"".join(blobs))
    operation = damaged(ber.tlv(tags.ADD_REQUEST, body), damage)
    read = read_add(operation)
    if not damage and all(values for _, values in attributes):
        assert read is not None
        assert read[:3] == (name, [kind for kind, _ in attributes], blobs)
    if read is None:
        return
    found, names, parts, values, several = read
    assert all(map(is_shortest, parts))
    everything = [tuple(several.get(at, (value,))) for at, value in enumerate(values)]
    assert parts == [ber.attribute(*each) for each in zip(names, everything, strict=True)]
    assert all(at in several or len(each) == 1 for at, each in enumerate(everything))
    assert all((several[at] or [b""])[0] == values[at] for at in several)
    dn = known_name(found, names)
    if dn is None:
        return
    request = decode_request(operation)
    assert isinstance(request, AddRequest)
    assert request.entry.dn == dn
    whole: dict[str, tuple[bytes, ...]] = {}
    for kind, each in zip(names, everything, strict=True):
        whole[kind.decode()] = (*whole.get(kind.decode(), ()), *each)
    assert dict(request.entry.attributes) == whole


@settings(max_examples=400, deadline=None)
@given(NAMES, ATTRIBUTES, DAMAGE)
def test_a_modify_read_at_a_glance_is_what_was_sent(
    name: bytes, attributes: list[tuple[bytes, list[bytes]]], damage: list[tuple[str, int, int]]
) -> None:
    blobs = [ber.attribute(kind, tuple(values)) for kind, values in attributes]
    changes = b"".join(ber.tlv(ber.SEQUENCE, b"\x0a\x01\x02" + blob) for blob in blobs)
    body = ber.octet_string(name) + ber.tlv(ber.SEQUENCE, changes)
    operation = damaged(ber.tlv(tags.MODIFY_REQUEST, body), damage)
    read = read_replacements(operation)
    if not damage:
        assert read == (name, [(kind, blob, values) for (kind, values), blob
                               in zip(attributes, blobs, strict=True)])  # fmt: skip
    if read is None:
        return
    found, replacements = read
    assert all(blob == ber.attribute(kind, tuple(values)) for kind, blob, values in replacements)
    dn = known_name(found, [kind for kind, _, _ in replacements])
    if dn is None:
        return
    request = decode_request(operation)
    assert isinstance(request, ModifyRequest)
    assert request.dn == dn
    assert [(m.operation, m.name.encode(), list(m.values)) for m in request.modifications] == [
        (ModifyOperation.REPLACE, kind, values) for kind, _, values in replacements
    ]
