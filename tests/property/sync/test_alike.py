"""Entries projected column by column become what they become one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from directory.model import ber
from directory.model.dn import DN
from directory.model.encoded import EncodedEntry, PartedAnswer
from directory.model.entry import Entry
from directory.model.filter import ANY_ENTRY
from directory.model.messages import AddRequest, Scope
from edgesync.errors import SourceRefused
from edgesync.organization.address_hash import (
    ADDRESS_HASHES,
    AddressHash,
    hash_all,
    hash_without_type,
)
from edgesync.sync.alike import AlikeProjector, ProjectedTable, guid_texts
from edgesync.sync.kinds import AttributeRule, Identity, ReplicatedKind
from edgesync.sync.plan import plan
from edgesync.sync.project import Projection, Projector
from edgesync.sync.transform import Setting

BASE = DN.parse("CN=Recipients,OU=MSExchangeGateway")
PLAIN = (
    AttributeRule("proxyAddresses", "proxyAddresses", "hash"), AttributeRule("title", "title"),
    AttributeRule("manager", "manager", "name"), AttributeRule("flags", "labFlags"),
)  # fmt: skip
DOUBLE = (AttributeRule("title", "description"), AttributeRule("flags", "description"))
ADDRESSES = st.lists(
    st.sampled_from(
        [b"SMTP:a@x", b"smtp:A@X", b"x500:/o=B", b"\xc3\x89@x", b"two\nlines", b"smtp:", b""]
    ),
    max_size=3,
).map(tuple)
TITLES = st.lists(
    st.sampled_from([b"t", b"x" * 127, b"y" * 300, b"\0", b"1\0"]), max_size=2
).map(tuple)  # fmt: skip
MANAGERS = st.sampled_from([(b"CN=a,DC=x",), (b"CN=a,DC=y",), (b"no name",), ()])
ROWS = st.tuples(st.uuids(), ADDRESSES, TITLES, MANAGERS)
FORMS = st.sampled_from(
    [
        (b"proxyAddresses", b"objectGUID"), (b"proxyAddresses", b"title", b"objectGUID"),
        (b"OBJECTGUID", b"proxyaddresses"), (b"Title", b"objectGUID", b"flags"),
        (b"objectGUID", b"manager", b"flags"), (b"title", b"flags"), (b"objectGUID",),
        (b"objectGUID", b"title", b"TITLE"), (b"objectGUID", b"objectguid"),
    ]
)  # fmt: skip
PAGES = st.lists(st.tuples(FORMS, st.lists(ROWS, min_size=1, max_size=9)), max_size=4)


def kind(rules: tuple[AttributeRule, ...], hash_address: AddressHash) -> ReplicatedKind:
    roots = ((DN.parse("DC=x"), DN.parse("DC=z")),)
    return ReplicatedKind(
        "person", "people", DN.parse("DC=x"), Scope.SUBTREE, ANY_ENTRY, BASE,
        (b"top", b"contact"), rules, Identity.GUID_NAME, Setting(roots, hash_address), ANY_ENTRY,
        key="cn", key_is_text=True,
    )  # fmt: skip


def answers(page: list[Any]) -> Iterator[PartedAnswer]:
    for names, rows in page:
        for guid, addresses, titles, managers in rows:
            values = {
                b"objectguid": (guid.bytes_le,), b"proxyaddresses": addresses, b"title": titles,
                b"manager": managers, b"flags": (b"1",),
            }  # fmt: skip
            blobs = [ber.attribute(name, values[name.lower()]) for name in names]
            yield PartedAnswer(b"CN=a,DC=x", names, blobs)


def rows_of(projected: ProjectedTable | Projection) -> list[Projection]:
    return [*projected.rows()] if isinstance(projected, ProjectedTable) else [projected]


@given(PAGES, st.sampled_from([PLAIN, DOUBLE]), st.sampled_from(sorted(ADDRESS_HASHES)))
def test_what_is_projected_is_the_same_together_and_alone(
    page: list[Any], rules: tuple[AttributeRule, ...], word: str
) -> None:
    wanted = kind(rules, ADDRESS_HASHES[word])
    entries = list(answers(page))
    projector = Projector(wanted)
    alone: list[Projection] | None
    try:
        alone = [projector.project(EncodedEntry(entry.operation)) for entry in entries]
    except SourceRefused:
        alone = None
    try:
        found = list(AlikeProjector(projector).project(entries))
    except SourceRefused:
        assert alone is None
        return
    together = [row for projected in found for row in rows_of(projected)]
    assert alone is not None
    assert sorted(together, key=repr) == sorted(alone, key=repr)
    for projected in found:
        if isinstance(projected, ProjectedTable):
            bare = projected.without_attributes().rows()
            assert [row.normal for row in bare] == [row.normal for row in projected.rows()]
            added = list(projected.added().entries())
            for row, entry in zip(projected.rows(), added, strict=True):
                step = plan(wanted, None, row)
                assert step is not None
                assert step.requests == (AddRequest(entry),)
                assert isinstance(step.requests[0], AddRequest)
                assert isinstance(step.requests[0].entry, EncodedEntry)
                assert step.requests[0].entry.operation == entry.operation


def test_entries_that_are_alike_are_projected_together() -> None:
    names = (b"proxyAddresses", b"objectGUID")
    row = ((b"SMTP:a@x",), (), ())
    page = [(names, [(UUID(int=n), *row) for n in range(9)])]
    found = list(
        AlikeProjector(Projector(kind(PLAIN, hash_without_type))).project([*answers(page)])
    )
    assert [len(table.keys) for table in found if isinstance(table, ProjectedTable)] == [9]


def test_entries_without_parts_are_projected_one_by_one() -> None:
    entry = Entry(DN.parse("CN=a,DC=x"), {"objectGUID": (UUID(int=1).bytes_le,)})
    found = list(AlikeProjector(Projector(kind(PLAIN, hash_without_type))).project([entry] * 5))
    assert [type(one) for one in found] == [Projection] * 5


@given(st.lists(st.uuids(), max_size=5))
def test_identities_are_written_as_they_are_alone(guids: list[UUID]) -> None:
    assert guid_texts([guid.bytes_le for guid in guids]) == [str(g).encode() for g in guids]


@given(ADDRESSES, st.sampled_from([*ADDRESS_HASHES.values(), str.encode]))
def test_addresses_are_hashed_alike_together_and_alone(
    addresses: tuple[bytes, ...], hash_address: AddressHash
) -> None:
    expected = [hash_address(address.decode()) for address in addresses]
    assert hash_all(hash_address, addresses) == expected
