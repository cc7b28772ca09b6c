"""An independent reader of CLIXML (psrpcore) sees the same objects in the real exports as ours."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psrpcore.types as other

from edgesync.lab.importers.clixml import PSObject, Value, read_clixml
from tests.support.peers import require_data


class NoCipher(other.PSCryptoProvider):
    """psrpcore wants a session's cipher; the exports hold no secure strings."""

    def register_key(self, key: bytes) -> None:
        raise AssertionError("no session")

    def encrypt(self, value: str) -> str:
        raise AssertionError(value)

    def decrypt(self, value: str) -> str:
        raise AssertionError(value)


def assert_same(ours: Value, theirs: Any, where: str, seen: set[int]) -> int:
    """Compare two values and all they hold; returns how many values were compared."""
    if not isinstance(ours, PSObject):
        if isinstance(ours, datetime):
            # theirs keeps nanoseconds beside a datetime without zone for UTC
            assert theirs.replace(tzinfo=theirs.tzinfo or ours.tzinfo) == ours, where
        elif isinstance(ours, UUID):
            assert UUID(str(theirs)) == ours, where
        else:
            assert theirs == ours, where
        return 1
    if id(ours) in seen:
        return 0
    seen.add(id(ours))
    if ours.items:
        assert len(ours.items) == len(theirs), where
        pairs = zip(ours.items, theirs, strict=True)
        return sum(assert_same(a, b, f"{where}[]", seen) for a, b in pairs)
    if ours.text and not isinstance(theirs, (bool, int, list)):
        assert str(theirs) == ours.text, where
    compared = 1
    meta = theirs.PSObject
    for kind, own, listed in (
        ("Props", ours.properties, meta.adapted_properties),
        ("MS", ours.extras, meta.extended_properties),
    ):
        found = {item.name: item for item in listed}
        for name, value in own.items():
            assert name in found, f"{where}.{kind}.{name}"
            compared += assert_same(value, found[name].get_value(theirs), f"{where}.{name}", seen)
    return compared


def test_every_property_of_every_real_export_agrees() -> None:
    compared = 0
    for path in sorted(require_data("exchange-2019-clixml").glob("*.xml")):
        compared += compare(path)
    assert compared > 3000


def compare(path: Path) -> int:
    theirs = other.deserialize_clixml(path.read_text("utf-8-sig"), NoCipher())
    ours = read_clixml(path)
    assert len(ours) == len(theirs)
    pairs = enumerate(zip(ours, theirs, strict=True))
    return sum(assert_same(a, b, f"{path.name}[{i}]", set()) for i, (a, b) in pairs)
