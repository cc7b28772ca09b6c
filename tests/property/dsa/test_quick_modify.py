"""Modifies by the fast lane leave the very directory, and the very answers, of the plain path."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa.session import Identity, Role, Session
from directory.model import ber
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.modification import Modification, ModifyOperation
from directory.net.operations import Operations
from directory.net.output import Output
from directory.wire import tags
from directory.wire.connection import RequestReceived, RequestRefused, ServerConnection
from directory.wire.encode import encode_operation
from directory.wire.frame import Frame
from directory.wire.messages import encode_message
from tests.support.directories import ACCOUNTS, GATEWAY, SUFFIX, USERS, Bench, ad, adam, generic
from tests.support.store_content import kept

MAKERS = {"generic": (generic, SUFFIX), "ad": (ad, USERS), "adam": (adam, GATEWAY)}
REPLACE = ModifyOperation.REPLACE
NAMES = ["cn=a", "CN=A", "cn=b c", "cn=nobody", "cn=\\61", "cn=g+sn=h", "cn=gone"]
USUAL = ["description", "telephoneNumber", "sn", "displayName"]
OTHERS = [
    "DESCRIPTION", "description;lang-en", "cn", "commonName", "objectClass", "userPassword",
    "manager", "sAMAccountName", "objectGUID", "nothing", "member", "c", "uid", "",
]  # fmt: skip
ODD_VALUES = [
    (b"x", b"X"), (b"\xff",), (b"",), (), (b"a" * 300, b"b"), (b"top", b"person"), (b"a",),
    (str(SUFFIX).encode(),), (b"b" * 70_000,),
]  # fmt: skip
VALUES = st.sampled_from([(b"x",), (b"y",), (b"x", b"z"), (b"a" * 130,)])
ROLES = ["administrator", "replication", "reader", "nobody", "self"]


def modifies(
    *,
    rdn: st.SearchStrategy[str] = st.just("cn=a"),  # noqa: B008 - immutable
    kind: st.SearchStrategy[ModifyOperation] = st.just(REPLACE),  # noqa: B008
    name: st.SearchStrategy[str] = st.sampled_from(USUAL),  # noqa: B008
    values: st.SearchStrategy[tuple[bytes, ...]] = VALUES,
    form: st.SearchStrategy[str] = st.just("shortest"),  # noqa: B008
    who: st.SearchStrategy[str] = st.just("administrator"),  # noqa: B008
) -> st.SearchStrategy[tuple[Any, ...]]:
    """Usual modifies but for what is given."""
    changes = st.lists(st.tuples(kind, name, values), min_size=1, max_size=3)
    return st.tuples(st.just("modify"), rdn, changes, form, who)


MODIFIES = st.one_of(
    modifies(),
    modifies(rdn=st.sampled_from(NAMES)),
    modifies(kind=st.sampled_from(ModifyOperation)),
    modifies(name=st.sampled_from(USUAL) | st.sampled_from(OTHERS),
             values=VALUES | st.sampled_from(ODD_VALUES)),
    modifies(form=st.sampled_from(["long", "cut"])),
    modifies(who=st.sampled_from(ROLES)),
)  # fmt: skip
EVENTS = st.sampled_from([("rename",), ("delete",), ("restore",), ("snapshot",), ("later",),
                          ("catalog",), ("above",)])  # fmt: skip


class Player:
    """One directory, and clients of its listener."""

    def __init__(self, profile: str, *, quick: bool) -> None:
        make, self.top = MAKERS[profile]
        self.made: Bench = make()
        if profile == "adam":
            self.made.add(GATEWAY, objectClass="organizationalUnit")
        self.parent = DN.parse(f"OU=people,{self.top}")
        self.made.add(self.parent, objectClass="organizationalUnit")
        for name in ("cn=a", "cn=b c", "cn=g+sn=h", "cn=gone", "cn=n1"):
            person = "inetOrgPerson" if profile == "generic" else "contact"
            kind = "user" if name == "cn=b c" and profile == "ad" else person
            self.made.add(f"{name},{self.parent}", objectClass=kind, sn="h", description="old",
                          telephoneNumber="1")  # fmt: skip
        self.made.ask(m.DeleteRequest(DN.parse(f"cn=gone,{self.parent}")))
        self.kept = self.made.agent.snapshot()
        self.quick = quick
        self.sessions = {name: self.session(name) for name in ROLES}

    def session(self, name: str) -> Session:
        session = Session(note=name, group_commit=True)
        own = self.made.agent.store.find(DN.parse(f"cn=a,{self.parent}"))
        assert own is not None
        roles = {"replication": Role.REPLICATION, "reader": Role.AUTHENTICATED,
                 "self": Role.AUTHENTICATED}  # fmt: skip
        if name == "administrator":
            session.identity = self.made.session.identity
        elif name in roles:
            guid = own.guid if name == "self" else None
            session.identity = Identity(DN.parse(f"cn={name},{self.top}"), roles[name], guid)
        return session

    def send(self, name: str, operation: bytes) -> bytes:
        """What a client is answered."""
        output = Output()
        agent = self.made.agent
        operations = Operations(agent, self.sessions[name], output, lambda: 0.0)
        frame = Frame(5, ber.integer(5), operation, b"")
        if not (self.quick and operations.execute_quickly(frame)):
            event = ServerConnection().interpret(frame)
            if isinstance(event, RequestReceived):
                operations.start(frame, event)
            elif isinstance(event, RequestRefused):
                output.put(encode_message(event.answer))
            else:
                output.put(repr(event).encode())
        agent.commit_group()
        return output.take() if output.parts else b""

    def play(self, step: tuple[Any, ...]) -> object:
        made = self.made
        match step:
            case ("modify", rdn, changes, form, who):
                return self.send(who, operation(f"{rdn},{self.parent}", changes, form))
            case ("rename",):
                return made.ask(m.ModifyDnRequest(self.parent, DN.parse("OU=others"))).code
            case ("above",):
                change = Modification(REPLACE, "description", (b"new",))
                return made.ask(m.ModifyRequest(self.parent, (change,))).code
            case ("delete",):
                return made.ask(m.DeleteRequest(DN.parse(f"cn=a,{self.parent}"))).code
            case ("snapshot",):
                self.kept = made.agent.snapshot()
            case ("restore",):
                made.agent.restore(self.kept)
            case ("later",):
                made.clock.advance(timedelta(seconds=1))
            case ("catalog",):
                self.sessions["administrator"].is_global_catalog ^= True
        return None

    def content(self) -> object:
        store = self.made.agent.store
        history = store.changes()
        return kept(store), history, store.usn, store.committed_usn, store.verify()


def operation(
    name: str, changes: list[tuple[ModifyOperation, str, tuple[bytes, ...]]], form: str = ""
) -> bytes:
    """A ModifyRequest; ``long``: with a length that could be shorter; ``cut``: with an end."""
    body = b""
    for kind, attribute, values in changes:
        what = ber.integer(kind, ber.ENUMERATED)
        body += ber.tlv(ber.SEQUENCE, what + long_first(attribute, values, form))
    whole = ber.tlv(tags.MODIFY_REQUEST, ber.text(name) + ber.tlv(ber.SEQUENCE, body))
    return whole[:-1] if form == "cut" else whole


def long_first(name: str, values: tuple[bytes, ...], form: str) -> bytes:
    attribute = ber.attribute(name.encode(), values)
    if form == "long" and attribute[1] < 0x80:
        return b"\x30\x81" + attribute[1:]
    return attribute


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(sorted(MAKERS)),
    st.lists(st.one_of(MODIFIES, MODIFIES, MODIFIES, EVENTS), min_size=2, max_size=12),
)
def test_both_ways_to_modify_leave_the_same_directory(
    profile: str, steps: list[tuple[Any, ...]]
) -> None:
    quick, plain = Player(profile, quick=True), Player(profile, quick=False)
    for step in steps:
        assert quick.play(step) == plain.play(step)
    assert quick.content() == plain.content()


def replaced(player: Player, attribute: str, *values: bytes, rdn: str = "cn=a") -> bool:
    """Whether the fast lane carried out a replacement."""
    output = Output()
    session = player.sessions["administrator"]
    operations = Operations(player.made.agent, session, output, lambda: 0.0)
    sent = operation(f"{rdn},{player.parent}", [(REPLACE, attribute, values)])
    return operations.execute_quickly(Frame(5, ber.integer(5), sent, b""))


@pytest.mark.parametrize("profile", sorted(MAKERS))
def test_values_are_replaced_at_a_glance(profile: str) -> None:
    player = Player(profile, quick=True)
    assert replaced(player, "description", b"new")
    assert replaced(player, "description", b"new")
    assert replaced(player, "displayName", b"A new attribute")
    assert replaced(player, "displayName")
    assert replaced(player, "telephoneNumber", b"2" * 200)
    entry = player.made.read(DN.parse(f"cn=a,{player.parent}"))
    assert entry is not None
    assert entry.values("description") == (b"new",)
    assert not entry.values("displayName")
    assert entry.values("telephoneNumber") == (b"2" * 200,)


@pytest.mark.parametrize(
    ("attribute", "values"),
    [("userPassword", (b"x",)), ("cn", (b"a",)), ("objectClass", (b"contact",)), ("sn", ()),
     ("displayName", (b"x", b"X")), ("objectGUID", (b"x" * 16,)), ("description", (b"\xff",)),
     ("nothing", (b"x",)), ("manager", (b"cn=nobody",)), ("DESCRIPTION", (b"x",))],
)  # fmt: skip
def test_what_needs_a_closer_look_is_left_to_the_plain_path(
    attribute: str, values: tuple[bytes, ...]
) -> None:
    player = Player("generic" if attribute == "sn" else "adam", quick=True)
    before = player.content()
    assert not replaced(player, attribute, *values)
    assert player.content() == before


def test_a_modify_with_a_control_or_beside_a_persisting_search_takes_the_plain_path() -> None:
    player = Player("generic", quick=True)
    session = player.sessions["administrator"]
    operations = Operations(player.made.agent, session, Output(), lambda: 0.0)
    sent = operation(f"cn=a,{player.parent}", [(REPLACE, "description", (b"x",))])
    assert not operations.execute_quickly(Frame(5, ber.integer(5), sent, b"\x30\x00"))
    assert not operations.execute_quickly(Frame(0, ber.integer(0), sent, b""))
    session.group_commit = False
    assert not operations.execute_quickly(Frame(5, ber.integer(5), sent, b""))


def test_a_bug_in_the_fast_lane_is_answered_and_takes_nobody_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    player = Player("generic", quick=True)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(type(player.made.agent.context), "now", broken)
    sent = operation(f"cn=a,{player.parent}", [(REPLACE, "description", (b"x",))])
    assert b"internal error" in player.send("administrator", sent)


def test_accounts_are_for_administrators_in_the_fast_lane_too() -> None:
    player = Player("adam", quick=True)
    player.made.add(ACCOUNTS.parent, objectClass="container")
    player.made.add(ACCOUNTS, objectClass="container")
    player.made.add(ACCOUNTS.child("CN", "x"), objectClass="contact")
    sent = encode_operation(
        m.ModifyRequest(ACCOUNTS.child("CN", "x"), (Modification(REPLACE, "description", (b"x",)),))
    )
    assert player.send("replication", sent)[9] == 50  # insufficientAccessRights
    assert player.send("administrator", sent)[9] == 0
