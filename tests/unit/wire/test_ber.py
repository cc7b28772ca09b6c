"""BER's primitives where lengths change their form."""

from __future__ import annotations

import pytest

from directory.errors import DecodeError
from directory.model import ber


@pytest.mark.parametrize(
    ("length", "octets"),
    [(0, "00"), (127, "7f"), (128, "8180"), (255, "81ff"), (256, "820100"), (65536, "83010000")],
)
def test_a_length_is_as_short_as_it_can_be(length: int, octets: str) -> None:
    assert ber.length(length).hex() == octets


@pytest.mark.parametrize(
    ("number", "octets"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (-128, "020180"), (-129, "0202ff7f"),
     (0x80000000, "02050080000000"), (2**31 - 1, "02047fffffff")],
)  # fmt: skip
def test_an_integer_is_as_short_as_it_can_be(number: int, octets: str) -> None:
    assert ber.integer(number).hex() == octets
    assert ber.Reader(bytes.fromhex(octets)).integer("n") == number


@pytest.mark.parametrize("name", [0, 1, 20, 60, 110, 127, 128, 200])
@pytest.mark.parametrize("value", [0, 1, 59, 60, 61, 112, 113, 120, 127, 128, 300])
def test_an_attribute_of_one_value_has_the_bytes_of_any_other(name: int, value: int) -> None:
    kind, content = b"a" * name, b"v" * value
    values = ber.tlv(ber.SET, ber.octet_string(content))
    assert ber.attribute(kind, (content,)) == ber.sequence(ber.octet_string(kind), values)


@pytest.mark.parametrize("octets", ["04", "0481", "048201", "0480", "0485 0000000001 00", "1f00"])
def test_what_has_no_definite_end_is_refused(octets: str) -> None:
    raw = bytes.fromhex(octets)
    with pytest.raises(DecodeError):
        ber.header(raw, 0, len(raw))
