"""What SerializationData holds: records of .NET, certificates as Windows stores them."""

from __future__ import annotations

import struct

import pytest

from edgesync.errors import InputInvalid
from edgesync.lab.importers.clixml import PSObject, read_clixml
from edgesync.lab.importers.nrbf import ITEMS_MAX, NetObject, parse_nrbf
from edgesync.lab.importers.serialized_certificate import parse_serialized_certificate
from tests.support.peers import require_data

HEADER = b"\x00" + struct.pack("<4i", 1, -1, 1, 0)
END = b"\x0b"


def string(text: str) -> bytes:
    data = text.encode()
    assert len(data) < 128
    return bytes([len(data)]) + data


def instance(identity: int, name: str, members: bytes, layout: list[tuple[str, bytes]]) -> bytes:
    """A SystemClassWithMembersAndTypes record."""
    return (
        b"\x04" + struct.pack("<i", identity) + string(name) + struct.pack("<i", len(layout))
        + b"".join(string(field) for field, _ in layout)
        + bytes(kind[0] for _, kind in layout)
        + b"".join(kind[1:] for _, kind in layout)
        + members
    )  # fmt: skip


INT = b"\x00\x08"  # primitive, Int32
TEXT = b"\x01"
OBJECT = b"\x02"


def test_fields_of_an_object_are_read_with_their_types() -> None:
    data = HEADER + instance(
        1, "Ns.Thing", struct.pack("<i", 7) + b"\x06\x02\x00\x00\x00" + string("Zürich"),
        [("Count", INT), ("Place", TEXT)],
    ) + END  # fmt: skip
    stream = parse_nrbf(data, "x")
    assert stream.root.type_name == "Ns.Thing"
    assert stream.field(stream.root, "Count") == 7
    assert stream.field(stream.root, "Place") == "Zürich"
    assert stream.field(stream.root, "Absent") is None


def test_an_enum_is_its_number_and_a_reference_is_followed() -> None:
    enum = instance(2, "Ns.Status", struct.pack("<i", 3), [("value__", INT)])
    data = HEADER + instance(
        1, "Ns.Thing", enum + b"\x09" + struct.pack("<i", 3), [("Status", OBJECT), ("Data", OBJECT)]
    ) + b"\x0f" + struct.pack("<iiB", 3, 2, 2) + b"\xab\xcd" + END  # fmt: skip
    stream = parse_nrbf(data, "x")
    assert stream.field(stream.root, "Status") == 3
    assert stream.field(stream.root, "Data") == b"\xab\xcd"


def test_objects_may_refer_to_each_other_in_circles() -> None:
    data = (
        HEADER + instance(1, "Ns.Thing", b"\x09" + struct.pack("<i", 1), [("Self", OBJECT)]) + END
    )
    stream = parse_nrbf(data, "x")
    assert stream.field(stream.root, "Self") is stream.root


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "1 bytes wanted, 0 left"),
        (b"\x05", "no serialization header"),
        (HEADER, "1 bytes wanted"),
        (HEADER + b"\x63", "unknown record 99"),
        (HEADER + b"\x01" + struct.pack("<ii", 1, 9), "class 9 was not described"),
        (HEADER + b"\x10" + struct.pack("<ii", 1, -1), "-1 elements claimed"),
        (HEADER + b"\x10" + struct.pack("<ii", 1, ITEMS_MAX + 1), "elements claimed"),
        (
            HEADER + b"\x10" + struct.pack("<ii", 1, 3) + b"\x0e" + struct.pack("<i", 2**31 - 1),
            "2147483647 nulls do not fit",
        ),
        (HEADER + b"\x0f" + struct.pack("<iiB", 1, 2**31 - 1, 2), "2147483647 bytes wanted"),
        (HEADER + b"\x06" + struct.pack("<i", 1) + b"\xff" * 5, "a length of more than"),
    ],
)
def test_a_stream_that_lies_is_refused_at_its_offset(data: bytes, reason: str) -> None:
    with pytest.raises(InputInvalid, match=r"x, offset \d+ of SerializationData: ") as caught:
        parse_nrbf(data, "x")
    assert reason in caught.value.message


def test_arrays_in_arrays_do_not_exhaust_the_stack() -> None:
    nested = b"".join(b"\x10" + struct.pack("<ii", n, 1) for n in range(1, 5000))
    with pytest.raises(InputInvalid, match="nested deeper"):
        parse_nrbf(HEADER + nested, "x")


def element(kind: int, value: bytes) -> bytes:
    return struct.pack("<III", kind, 1, len(value)) + value


def test_a_stored_certificate_has_its_friendly_name_and_key_provider() -> None:
    name = "Microsoft RSA SChannel Cryptographic Provider"
    provider = struct.pack("<7I", 0, 28, 12, 0, 0, 0, 1) + (name + "\0").encode("utf-16-le")
    data = element(11, "Microsoft Exchange\0".encode("utf-16-le")) + element(2, provider)
    stored = parse_serialized_certificate(data + element(32, b"0DER"), "x")
    assert stored.der == b"0DER"
    assert stored.friendly_name == "Microsoft Exchange"
    assert (stored.key_provider, stored.provider_type) == (name, 12)


@pytest.mark.fact("certificate-facts 1.1")
def test_plain_der_is_a_stored_certificate_without_properties() -> None:
    der = b"\x30\x82\x03\x11\x30\x82"
    stored = parse_serialized_certificate(der, "x")
    assert (stored.der, stored.friendly_name, stored.provider_type) == (der, "", None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no certificate"),
        (element(11, b""), "no certificate"),
        (b"\x01\x02", "offset 0: cut off"),
        (
            element(4, b"abcd") + struct.pack("<III", 32, 1, 9),
            "property 32 is longer than the rest",
        ),
    ],
)
def test_a_broken_stored_certificate_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InputInvalid, match=reason):
        parse_serialized_certificate(data, "x")


def test_every_serialized_object_of_the_real_exports_is_read() -> None:
    seen: set[int] = set()
    found: list[NetObject] = []

    def look_below(value: object, where: str) -> None:
        if not isinstance(value, PSObject) or id(value) in seen:
            return
        seen.add(id(value))
        data = value.extras.get("SerializationData")
        if isinstance(data, bytes):
            found.append(parse_nrbf(data, where).root)
        for inner in (*value.properties.values(), *value.extras.values(), *value.items):
            look_below(inner, where)

    for path in require_data("exchange-2019-clixml").glob("*.xml"):
        kept = read_clixml(path)
        for value in kept:
            look_below(value, path.name)
        seen.clear()
    assert len(found) > 200
    assert all(item.members for item in found)
