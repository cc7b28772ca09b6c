"""Adds sorted into tables are the adds that were read, each in its place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from directory.dsa.add_tables import AddParts, sorted_into_tables
from directory.model import ber

CLASSES = [ber.attribute(b"objectClass", (b"top", name)) for name in (b"person", b"contact")]
NAMES = st.sampled_from(
    [
        b"CN=a,OU=x", b"CN=b c,OU=x", b"cn=d,OU=x", b"CN=e,OU=y,OU=x", b"CN=f,ou=X", b"CN=,OU=x",
        b"CN=g\\2c,OU=x", b"CN=h+SN=i,OU=x", b"CN=", b"OU=x", b"CN=k,OU=x,OU=x",
    ]
)  # fmt: skip
SPELLED = st.sampled_from(
    [[b"objectClass", b"cn"], [b"cn", b"objectClass"], [b"objectClass", b"CN"], [b"cn"],
     [b"objectClass", b"cn", b"mail"]]
)  # fmt: skip


@st.composite
def adds(draw: st.DrawFn) -> list[AddParts]:
    found: list[AddParts] = []
    for number in range(draw(st.integers(1, 12))):
        names = draw(SPELLED)
        classes = draw(st.sampled_from(CLASSES))
        blobs = [
            classes if name == b"objectClass" else ber.attribute(name, (b"%d" % number,))
            for name in names
        ]
        values = [b"top" if name == b"objectClass" else b"%d" % number for name in names]
        several: dict[int, tuple[bytes, ...]] = {
            at: (b"top",) for at, name in enumerate(names) if name == b"objectClass"
        }
        if draw(st.booleans()):
            several[0] = (b"1", b"2")
        found.append((draw(NAMES), names, blobs, values, several))
    return found


@given(adds())
def test_every_add_is_in_the_table_of_its_form(entries: list[AddParts]) -> None:
    tables = sorted_into_tables(entries)
    if tables is None:
        assert any(b"objectClass" not in names or b"\\" in name or b"+" in name or b"=," in name
                   or b"," not in name for name, names, *_ in entries)  # fmt: skip
        return
    found: dict[int, object] = {}
    for places, (form, values, columns), singles in tables:
        for at, column in enumerate(singles):
            several = any(at in entries[place][4] for place in places)
            assert column == (None if several else tuple(entries[p][3][at] for p in places))
        assert list(places) == sorted(places)
        for place, value, *blobs in zip(places, values, *columns, strict=True):
            assert b"," not in value
            name = form.kind + b"=" + value + b"," + form.above
            assert blobs[form.names.index(b"objectClass")] == form.classes
            found[place] = name, list(form.names), blobs
    assert [found[place] for place in range(len(entries))] == [entry[:3] for entry in entries]
    assert len({placed.table.form for placed in tables}) == len(tables)
