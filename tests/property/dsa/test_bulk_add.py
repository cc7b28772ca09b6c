"""Adds carried out together leave the very directory that one after the other leaves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa.bulk_add import RUN_MAX, BulkAdd
from directory.dsa.session import Session
from directory.errors import LdapError
from directory.model import ber
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.encoded import EntryForm, PartedEntry
from directory.model.modification import replace
from tests.support.builds import plain_only
from tests.support.directories import GATEWAY, SUFFIX, USERS, Bench, ad, adam, generic
from tests.support.store_content import kept

MAKERS = {"generic": (generic, SUFFIX), "ad": (ad, USERS), "adam": (adam, GATEWAY)}
PEOPLE = {"generic": b"inetOrgPerson", "ad": b"contact", "adam": b"contact"}
FAMILIES = (
    ("sn", "cn"), ("cn", "sn", "description"), ("CN", "sn"), ("cn", "sn", "telephoneNumber"),
    ("cn", "sn", "description;lang-en", "description"), ("cn", "sn", "zz"),
    ("cn", "sn", "userPassword"),
)  # fmt: skip
VALUES = st.sampled_from(
    [(b"x",), (b"y  z",), (b"x", b"z"), (b"a" * 130,), (b"v",), (b"\xc3\xa9",)]
)
ODD = st.sampled_from([(b"x", b"X"), (b"\xff",), (b"",), (), (b"a" * 300, b"b"), (b"a b", b"a  b")])
RDNS = st.one_of(
    st.integers(0, 60).map(lambda n: b"n%d" % n), st.integers(0, 60).map(lambda n: b"N%d" % n),
    st.sampled_from([b"a b", b"a  b", b"", b" a", b"e-1@x.y_z", b"g+h", b"\xc3\xa9"]),
)  # fmt: skip
BATCHES = st.tuples(
    st.just("batch"),
    st.lists(st.tuples(st.sampled_from(["top", "top", "OU=p one", "OU=nowhere"]),
                       st.sampled_from(FAMILIES)), min_size=1, max_size=3),
    st.integers(1, 12),
    st.one_of(
        st.none(), st.none(),
        st.tuples(RDNS, ODD | VALUES, st.sampled_from(["right", "wrong"])),
    ),
    VALUES,
)  # fmt: skip
OTHERS = st.sampled_from([("rename",), ("delete",), ("infix",), ("undo",), ("nobody",)])
MODIFIES = st.tuples(
    st.just("modify"), st.integers(0, 12),
    st.sampled_from(["sn", "SN", "description", "cn", "objectClass", "whenChanged", "zz"]),
    ODD | VALUES,
)  # fmt: skip


def entry(
    above: str, person: bytes, names: tuple[str, ...], value: bytes, given: tuple[bytes, ...],
    *, named: bytes | None = None,
) -> PartedEntry:  # fmt: skip
    classes = ber.attribute(b"objectClass", (b"top", person))
    spelled = (b"objectClass", *(name.encode() for name in names))
    form = EntryForm(above.encode(), b"CN", classes, spelled)
    own = value if named is None else named
    blobs = [
        ber.attribute(name.encode(), (own,) if name.lower() == "cn" else given) for name in names
    ]
    return PartedEntry(form, value, [classes, *blobs])


class Player:
    """One directory and what happens to it; ``together`` is the way that is tested."""

    def __init__(self, profile: str, *, together: bool) -> None:
        make, self.top = MAKERS[profile]
        self.person = PEOPLE[profile]
        self.together = together
        self.made: Bench = make()
        self.made.session.group_commit = True
        self.count = 0
        if profile == "adam":
            self.made.add(GATEWAY, objectClass="organizationalUnit")
        self.made.add(f"OU=p one,{self.top}", objectClass="organizationalUnit")

    def write(self, requests: list[m.Request], session: Session | None = None) -> list[object]:
        session = session or self.made.session
        if self.together:
            return [answer(error) for error in self.made.agent.update_all(session, requests)]
        results = [self.made.ask(request, session=session).result for request in requests]
        return [(r.code, r.diagnostic, r.matched_dn) if r.code else None for r in results]

    def play(self, step: tuple[Any, ...]) -> object:
        made, parent = self.made, DN.parse(f"OU=p one,{self.top}")
        match step:
            case ("batch", kinds, count, odd, usual):
                return self.write(self.batch(kinds, count, odd, usual))
            case ("rename",):
                return made.ask(m.ModifyDnRequest(parent, DN.parse("OU=p two"))).code
            case ("delete",):
                return made.ask(m.DeleteRequest(parent.child("CN", "n1"))).code
            case ("infix",):  # what is made on demand must know what comes after
                found = [made.search(self.top, "(sn=*x*)").names for _ in range(9)]
                return sorted(found[-1])
            case ("modify", number, kind, values):
                name = parent.child("CN", f"n{number}") if number else parent
                return self.write([m.ModifyRequest(name, (replace(kind, *values),))])
            case ("undo",):
                made.agent.store.rollback()
            case ("nobody",):
                session = Session(group_commit=True)
                return self.write(self.batch([("top", FAMILIES[0])], 5, None, (b"x",)), session)
        return None

    def batch(
        self, kinds: list[tuple[str, tuple[str, ...]]], count: int,
        odd: tuple[bytes, tuple[bytes, ...], str] | None, usual: tuple[bytes, ...],
    ) -> list[m.Request]:  # fmt: skip
        entries = []
        for _ in range(count):
            self.count += 1
            above, family = kinds[self.count % len(kinds)]
            full = str(self.top) if above == "top" else f"{above},{self.top}"
            entries.append(entry(full, self.person, family, b"n%d" % self.count, usual))
        if odd is not None:
            value, given, naming = odd
            named = b"another" if naming == "wrong" else None
            family = kinds[0][1]
            one = entry(str(self.top), self.person, family, value, given, named=named)
            entries.insert(len(entries) // 2, one)
        return [m.AddRequest(one) for one in entries]

    def content(self) -> object:
        self.made.agent.commit_group()
        store = self.made.agent.store
        found = [e.name for e in store.dit.live() if store.find(e.dn) is e]
        assert [e.name for e in store.changes_since(0)]
        log = [e.id for e in store.changes_since(0)]
        return kept(store), found, log, store.usn, store.committed_usn, store.verify()


def answer(error: LdapError | None) -> object:
    return None if error is None else (error.code, error.diagnostic, error.matched_dn)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(sorted(MAKERS)),
    st.lists(st.one_of(BATCHES, BATCHES, OTHERS, MODIFIES), min_size=2, max_size=10),
)
def test_together_and_one_by_one_leave_the_same_directory(
    profile: str, steps: list[tuple[Any, ...]]
) -> None:
    together, alone = Player(profile, together=True), Player(profile, together=False)
    for step in steps:
        assert together.play(step) == alone.play(step)
    assert together.content() == alone.content()


def people(first: int, count: int) -> list[m.Request]:
    return [
        m.AddRequest(entry(str(GATEWAY), b"contact", ("cn", "sn"), b"n%d" % number, (b"x",)))
        for number in range(first, first + count)
    ]


def gateway() -> Bench:
    made = adam()
    made.add(GATEWAY, objectClass="organizationalUnit")
    made.session.group_commit = True
    return made


@plain_only
def test_all_but_the_first_of_a_kind_are_added_together(monkeypatch: pytest.MonkeyPatch) -> None:
    made, sizes = gateway(), []
    add = BulkAdd.add

    def watched(bulk: BulkAdd, session: Session, entries: list[PartedEntry]) -> bool:
        done = add(bulk, session, entries)
        sizes.append((len(entries), done))
        return done

    monkeypatch.setattr(BulkAdd, "add", watched)
    count = 2 * RUN_MAX + 10
    assert made.agent.update_all(made.session, people(0, count)) == [None] * count
    assert sizes == [(RUN_MAX, True), (RUN_MAX, True), (9, True)]


def test_what_is_not_kept_by_the_journal_is_undone() -> None:
    made = gateway()
    made.agent.commit_group()
    before = made.agent.store.usn
    made.agent.update_all(made.session, people(0, 20))
    made.agent.store.rollback()
    store = made.agent.store
    assert (store.usn, store.verify()) == (before, [])
    assert made.search(GATEWAY, "(sn=x)").names == []
    assert made.agent.update_all(made.session, people(0, 20)) == [None] * 20
    assert len(made.search(GATEWAY, "(sn=x)").names) == 20


def test_identities_are_those_that_single_adds_would_have_got() -> None:
    one, other = gateway().agent.context, gateway().agent.context
    assert one.new_guids(7) == [other.new_guid() for _ in range(7)]
    known = one.new_guid()
    one.store.guids[known] = 1
    assert known not in one.new_guids(40)
