"""Adds of entries that are much alike leave the very directory that the plain path leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa import update
from directory.dsa.access import Right
from directory.dsa.context import Context
from directory.dsa.quick_add import QuickAdd
from directory.dsa.request_controls import UpdateControls
from directory.dsa.session import Session
from directory.model import ber
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.encoded import ADD_REQUEST_TAG, EncodedEntry
from directory.model.modification import replace
from directory.store.entry import StoredEntry
from directory.wire.quick_add import read_add
from tests.support.builds import plain_only
from tests.support.directories import (
    ACCOUNTS,
    ADAM_CONFIGURATION,
    GATEWAY,
    PASSWORD,
    SUFFIX,
    USERS,
    Bench,
    ad,
    adam,
    generic,
)
from tests.support.store_content import kept


class PlainAdd:
    """The plain path alone."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, session: Session, request: m.AddRequest, controls: UpdateControls) -> StoredEntry:
        return update.add(self._context, session, request, controls)


MAKERS = {"generic": (generic, SUFFIX), "ad": (ad, USERS), "adam": (adam, GATEWAY)}
PARENTS = ["top", "OU=p one", "ou=P ONE", "OU=p\\,two", "OU=nowhere"]
RDNS = [
    "cn=a",
    "CN=A",
    "cn=b c",
    "cn=b  c",
    "cn=e-1",
    "cn=\\20f",
    "cn=g+sn=h",
    "cn=é",
    "mail=a",
    "",
]
PEOPLE = {"generic": "inetOrgPerson", "ad": "contact", "adam": "contact"}
FAMILIES = [  # classes and attributes that go together, some of them never
    (("PERSON",), ("cn", "sn")), (("top", "PERSON"), ("cn", "sn", "telephoneNumber", "mail")),
    (("PERSON",), ("cn", "sn", "description")), (("top", "PERSON"), ("sn", "cn")),
    (("PERSON",), ("CN", "SN", "description")),
    (("PERSON",), ("cn", "sn", "preferredDeliveryMethod")),
    (("user",), ("cn",)), (("user",), ("cn", "sAMAccountName")), (("group",), ("cn", "member")),
    (("inetOrgPerson",), ("cn", "sn", "userPassword")), (("organizationalUnit",), ("ou", "cn")),
    (("PERSON",), ("cn", "sn", "manager")), (("PERSON",), ("cn", "sn", "sn")),
    (("PERSON",), ("cn", "sn", "objectGUID")), (("nothing",), ("cn",)), ((), ("cn", "sn")),
    (("PERSON",), ("cn", "sn", "description;lang-en")), (("PERSON",), ("cn", "sn", "zz")),
]  # fmt: skip
USUAL = FAMILIES[:3]
MANY = (b"\xff", b"x\0y", b"a" * 130, b"b" * 300)
USUAL_VALUES = {
    "member": str(SUFFIX).encode(), "manager": str(SUFFIX).encode(), "telephoneNumber": b"123",
    "preferredDeliveryMethod": b"any",
}  # fmt: skip
VALUES = st.one_of(
    st.sampled_from([(b"x",), (b"y  z",), (b"x", b"z"), (b"a" * 130,)]),
    st.sampled_from([(b"x", b"X"), (b"\xff",), (b"",), (), (b"a" * 300, b"b"), (b"a b", b"a  b"),
                     (b"cn=reader,dc=example,dc=org",), MANY]),
)  # fmt: skip
ADDS = st.tuples(
    st.just("add"),
    st.sampled_from(PARENTS[:2]) | st.sampled_from(PARENTS),
    st.sampled_from(RDNS[:3]) | st.sampled_from(RDNS),
    st.sampled_from(USUAL) | st.sampled_from(FAMILIES),
    st.lists(VALUES, min_size=4, max_size=4),
    st.integers(3, 5),
    st.just("right") | st.sampled_from(["wrong", "none", "long"]),
)  # fmt: skip
OTHERS = st.sampled_from(
    [("rename",), ("change",), ("delete",), ("restore",), ("snapshot",), ("other",), ("later",)]
)


def operation(
    name: str, attributes: list[tuple[bytes, tuple[bytes, ...]]], *, is_long: bool = False
) -> EncodedEntry:
    blobs = b"".join(ber.attribute(kind, values) for kind, values in attributes)
    if is_long:  # a length that could be shorter is legal, and not kept
        first = ber.attribute(*attributes[0])
        blobs = b"\x30\x81" + first[1:] + blobs[len(first) :]
    body = ber.octet_string(name.encode()) + ber.tlv(ber.SEQUENCE, blobs)
    return EncodedEntry(ber.tlv(ADD_REQUEST_TAG, body))


def added_at_a_glance(made: Bench, session: Session, request: m.AddRequest) -> bool:
    """Whether the fast lane of the listener carried out an add."""
    assert isinstance(request.entry, EncodedEntry)
    read = read_add(request.entry.operation)
    return read is not None and made.agent.quick_add.add_at_a_glance(session, *read)


class Player:
    """One directory and what happens to it."""

    def __init__(self, profile: str, *, quick: bool, glance: bool = False) -> None:
        self.profile = profile
        self.glance = glance
        make, self.top = MAKERS[profile]
        self.made: Bench = make()
        if not quick:
            self.made.agent.quick_add = cast("QuickAdd", PlainAdd(self.made.agent.context))
        if profile == "adam":
            self.made.add(GATEWAY, objectClass="organizationalUnit")
        for name in ("p one", "p\\,two"):
            self.made.add(f"OU={name},{self.top}", objectClass="organizationalUnit")
        self.made.add(f"cn=reader,{self.top}", objectClass="inetOrgPerson", sn="x",
                      userPassword=PASSWORD)  # fmt: skip
        self.session = self.made.session
        self.kept = self.made.agent.snapshot()

    def play(self, step: tuple[Any, ...]) -> object:
        made, parent = self.made, DN.parse(f"OU=p one,{self.top}")
        match step:
            case ("add", above, rdn, family, values, count, naming):
                return [self.add(above, rdn, n, family, values, naming) for n in range(count)]
            case ("rename",):
                return made.ask(m.ModifyDnRequest(parent, DN.parse("OU=p three"))).code
            case ("change",):
                return made.ask(m.ModifyRequest(parent, (replace("description", b"new"),))).code
            case ("delete",):
                return made.ask(m.DeleteRequest(parent)).code
            case ("snapshot",):
                self.kept = made.agent.snapshot()
            case ("restore",):
                made.agent.restore(self.kept)
            case ("later",):
                made.clock.advance(timedelta(seconds=1))
            case ("other",):  # nobody, who may write nowhere
                before, self.session = self.session, Session()
                try:
                    return self.add("top", "cn=o", 1, USUAL[0], [()], "right")
                finally:
                    self.session = before
        return None

    def add(
        self, above: str, rdn: str, number: int, family: tuple[tuple[str, ...], tuple[str, ...]],
        values: list[tuple[bytes, ...]], naming: str,
    ) -> object:  # fmt: skip
        name = f"{rdn}{number}" if number % 3 else rdn  # some come twice
        full = f"{name},{self.top}" if above == "top" else f"{name},{above},{self.top}"
        classes, names = family
        person = PEOPLE[self.profile]
        given = [(b"objectClass", tuple(c.replace("PERSON", person).encode() for c in classes))]
        for place, kind in enumerate(names):
            found = (
                values[(place + number) % 4]
                if number == 4
                else (USUAL_VALUES.get(kind, b"v%d" % number),)
            )
            if kind.lower() in {"cn", "ou"} and naming != "wrong":
                found = (name.partition("=")[2].encode(),)
            if naming != "none" or kind.lower() != "cn":
                given.append((kind.encode(), found))
        request = m.AddRequest(operation(full, given, is_long=naming == "long" and number == 3))
        if self.glance and added_at_a_glance(self.made, self.session, request):
            return m.LdapResult()
        return self.made.ask(request, session=self.session).result

    def content(self) -> object:
        store = self.made.agent.store
        return kept(store), store.usn, store.committed_usn, store.meta, store.verify()


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(sorted(MAKERS)),
    st.lists(st.one_of(ADDS, ADDS, ADDS, OTHERS), min_size=3, max_size=14),
)
def test_all_ways_to_add_leave_the_same_directory(
    profile: str, steps: list[tuple[Any, ...]]
) -> None:
    players = [Player(profile, quick=True, glance=True), Player(profile, quick=True),
               Player(profile, quick=False)]  # fmt: skip
    for step in steps:
        glanced, quick, plain = (player.play(step) for player in players)
        assert glanced == quick == plain
    first, second, third = (player.content() for player in players)
    assert first == second == third


Given = list[tuple[bytes, tuple[bytes, ...]]]
CLOSER_LOOKS: list[tuple[str, str, Given, bool]] = [
    ("a value twice", "CN=n9", [(b"description", (b"a b", b"A  B"))], False),
    ("no value at all", "CN=n9", [(b"description", ())], False),
    ("no text", "CN=n9", [(b"description", (b"\xff",))], False),
    ("two of one", "CN=n9", [(b"sn", (b"x", b"y"))], False),
    ("another name", "CN=n9", [(b"cn", (b"n8",))], False),
    ("a name in another case", "CN=N1", [(b"cn", (b"N1",))], False),
    ("a length that could be shorter", "CN=n9", [], True),
    ("nothing unusual", "CN=n9", [(b"description", (b"y", b"z"))], False),
]


@pytest.mark.parametrize(
    ("rdn", "other", "is_long"), [case[1:] for case in CLOSER_LOOKS],
    ids=[case[0] for case in CLOSER_LOOKS],
)  # fmt: skip
def test_what_is_unlike_its_kind_gets_a_closer_look(rdn: str, other: Given, is_long: bool) -> None:
    results = []
    for quick, glance in ((True, True), (True, False), (False, False)):
        player = Player("adam", quick=quick, glance=glance)
        for name in ("CN=n1", "CN=n2", rdn):
            given: dict[bytes, tuple[bytes, ...]] = {
                b"objectClass": (b"contact",), b"cn": (name[3:].encode(),), b"sn": (b"x",),
                b"description": (b"d",),
            }  # fmt: skip
            is_last = name == rdn
            given.update(other if is_last else ())
            entry = operation(f"{name},{GATEWAY}", list(given.items()), is_long=is_long and is_last)
            request = m.AddRequest(entry)
            if glance and added_at_a_glance(player.made, player.session, request):
                result = m.LdapResult()
            else:
                result = player.made.ask(request).result
        results.append((result, player.content()))
    assert results[0] == results[1] == results[2]


def test_a_superior_that_moved_ends_its_pattern() -> None:
    made = adam()
    made.add(GATEWAY, objectClass="organizationalUnit")
    below = GATEWAY.child("OU", "below")
    made.add(below, objectClass="organizationalUnit")
    for number in range(3):
        assert not made.ask(m.AddRequest(alike(number, below))).code
    made.ask(m.ModifyDnRequest(below, DN.parse("OU=moved")))
    assert made.ask(m.AddRequest(alike(4, below))).code.name == "NO_SUCH_OBJECT"
    assert not made.ask(m.AddRequest(alike(4, GATEWAY.child("OU", "moved")))).code


@pytest.mark.parametrize(("kind", "value"), [("userPassword", b"word"), ("member", b"CN=no")])
def test_passwords_and_links_are_no_part_of_a_pattern(kind: str, value: bytes) -> None:
    results = []
    for quick in (True, False):
        player = Player("generic", quick=quick)
        for number in range(3):
            given: Given = [
                (b"objectClass", (b"groupOfNames" if kind == "member" else b"inetOrgPerson",)),
                (b"cn", (b"n%d" % number,)), (b"sn", (b"x",)), (kind.encode(), (value,)),
            ]  # fmt: skip
            entry = operation(f"cn=n{number},{SUFFIX}", given[:2] + given[2 + (kind == "member") :])
            results.append(player.made.ask(m.AddRequest(entry)).result)
        stored = [e.values(kind.lower()) for e in player.made.agent.store.dit.entries if e]
        if kind == "userPassword":
            assert not any(value in values for values in stored)
    assert results[:3] == results[3:]


def alike(number: int, base: DN) -> EncodedEntry:
    name = f"n{number}"
    return operation(
        f"CN={name},{base}",
        [(b"objectClass", (b"contact",)), (b"sn", (b"x",)), (b"cn", (name.encode(),))],
    )


@plain_only
def test_the_second_of_a_kind_needs_no_closer_look(monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player("adam", quick=True)
    seen: list[DN] = []
    plain = update.add

    def watched(*arguments: Any) -> StoredEntry:
        seen.append(arguments[2].entry.dn)
        return plain(*arguments)

    monkeypatch.setattr(update, "add", watched)
    for number in range(5):
        assert not player.made.ask(m.AddRequest(alike(number, GATEWAY))).code
    assert len(seen) == 1


def test_what_is_alike_is_added_at_a_glance() -> None:
    player = Player("adam", quick=True)
    first, *others = (m.AddRequest(alike(number, GATEWAY)) for number in range(4))
    assert not added_at_a_glance(player.made, player.session, first)
    assert not player.made.ask(first).code
    assert all(added_at_a_glance(player.made, player.session, other) for other in others)
    assert not added_at_a_glance(player.made, player.session, others[0]), "it is there already"
    assert not added_at_a_glance(player.made, Session(), m.AddRequest(alike(9, GATEWAY)))
    player.session.is_global_catalog = True
    assert not added_at_a_glance(player.made, player.session, m.AddRequest(alike(9, GATEWAY)))


def test_a_pattern_of_one_role_is_no_right_of_another() -> None:
    made = adam()
    services = ADAM_CONFIGURATION.child("CN", "Services")
    made.add(services, objectClass="container")
    made.add(ACCOUNTS, objectClass="container")
    for number in range(3):
        assert not made.ask(m.AddRequest(alike(number, ACCOUNTS))).code
    anonymous = made.ask(m.AddRequest(alike(9, ACCOUNTS)), session=Session())
    assert anonymous.code.name == "INSUFFICIENT_ACCESS_RIGHTS"
    identity = made.agent.context.access.rights_at(Session().identity, ACCOUNTS)
    assert not identity & Right.WRITE


def test_what_is_long_is_not_remembered() -> None:
    made = generic()
    known = len(made.agent.quick_add.patterns)
    deep = DN.parse(f"ou={'long' * 400},{SUFFIX}")
    made.add(deep, objectClass="organizationalUnit")
    names = [(f"description;x-{'y' * 80}{n}".encode(), (b"x",)) for n in range(40)]
    given: Given = [
        (b"objectClass", (b"inetOrgPerson",)), (b"cn", (b"a",)), (b"sn", (b"x",)), *names,
    ]  # fmt: skip
    for name in ("a", "b"):
        given[1] = (b"cn", (name.encode(),))
        assert not made.ask(m.AddRequest(operation(f"cn={name},{deep}", given))).code
    assert len(made.agent.quick_add.patterns) == known
