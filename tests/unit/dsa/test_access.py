"""A test per cell of the access table, and that secrets are in no answer at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from directory.dsa.access import Part, Right, access_table
from directory.dsa.session import Role, Session
from directory.errors import ResultCode
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.modification import replace
from tests.support.directories import (
    ACCOUNTS,
    ADAM_CONFIGURATION,
    GATEWAY,
    PASSWORD,
    SUFFIX,
    Bench,
    adam,
    generic,
)

SCHEMA = ADAM_CONFIGURATION.child("CN", "Schema")
ACCOUNT = ACCOUNTS.child("CN", "ESRA.EDGE01.HUB01.0")
PERSON = GATEWAY.child("CN", "person")
PLACES = {
    Part.SCHEMA: SCHEMA,
    Part.ACCOUNTS: ACCOUNTS.child("CN", "ESRA.EDGE01.HUB02.0"),
    Part.CONFIGURATION: ADAM_CONFIGURATION.child("CN", "Services"),
    Part.DATA: PERSON,
}


@pytest.fixture
def edge() -> Bench:
    """An ADAM with a replication account, another one, and an ordinary person."""
    made = adam()
    made.add(ACCOUNTS, objectClass="container", cn="EdgeSync Accounts")
    for name in (ACCOUNT, PLACES[Part.ACCOUNTS]):
        made.add(name, objectClass="user", cn=name.rdn.value, userPassword=PASSWORD)
    made.add(PERSON, objectClass="user", cn="person", userPassword=PASSWORD)
    return made


def session_of(edge: Bench, role: Role) -> tuple[Session, DN | None]:
    names = {
        Role.REPLICATION: ACCOUNT,
        Role.AUTHENTICATED: PERSON,
        Role.ADMINISTRATOR: ADAM_CONFIGURATION.child("CN", "Administrator"),
    }
    if role is Role.ANONYMOUS:
        return Session(), None
    session = edge.bound(str(names[role]), PASSWORD)
    assert session.identity.role is role
    return session, names[role]


CELLS = [
    (row.role, row.part, row.rights) for row in access_table(adam().agent.context.configuration)
]


@pytest.mark.parametrize(("role", "part", "rights"), CELLS)
def test_a_role_may_do_in_a_part_what_the_table_says(
    edge: Bench, role: Role, part: Part, rights: Right
) -> None:
    session, own = session_of(edge, role)
    place = own if part is Part.OWN_ENTRY else PLACES[part]
    if place is None:
        return  # nobody has no entry of their own
    if place == PERSON and role is Role.AUTHENTICATED and part is Part.DATA:
        place = GATEWAY
    readable = edge.search(place, scope=m.Scope.BASE, session=session)
    assert bool(readable.entries) is bool(rights & Right.READ)
    change = m.ModifyRequest(place, (replace("description", b"changed"),))
    written = edge.ask(change, session=session).code
    expected = ResultCode.SUCCESS if rights & Right.WRITE else ResultCode.INSUFFICIENT_ACCESS_RIGHTS
    assert written is expected
    new = place.child("CN", "new")
    added = edge.add(new, objectClass="container", cn="new", session=session).code
    if part not in {Part.OWN_ENTRY, Part.SCHEMA}:
        assert added is expected


def test_the_table_has_every_role_and_part_exactly_once() -> None:
    cells = [(role, part) for role, part, _ in CELLS]
    assert len(cells) == len(set(cells)) == len(Role) * len(Part)


def test_anonymous_reads_the_root_dse_and_the_subschema_and_nothing_else(edge: Bench) -> None:
    nobody = Session()
    assert edge.search(DN(), scope=m.Scope.BASE, session=nobody).entries
    assert edge.search(SCHEMA.child("CN", "Aggregate"), scope=m.Scope.BASE, session=nobody).entries
    assert edge.search(GATEWAY, session=nobody).code is ResultCode.OPERATIONS_ERROR


@pytest.mark.parametrize("role", list(Role))
def test_nobody_is_shown_a_password(edge: Bench, role: Role) -> None:
    session, _ = session_of(edge, role)
    for attributes in ((), ("*", "+"), ("userPassword",), ("unicodePwd", "userPassword;x")):
        for base in (GATEWAY, ADAM_CONFIGURATION):
            answer = edge.search(base, attributes=attributes, session=session)
            for entry in answer.entries:
                names = {name.partition(";")[0].lower() for name in entry.attributes}
                assert not names & {"userpassword", "unicodepwd"}


def test_a_password_cannot_be_found_by_a_filter_or_a_compare(edge: Bench) -> None:
    for text in ("(userPassword=*)", "(userPassword={SCRYPT}*)", "(!(userPassword=x))"):
        assert edge.search(GATEWAY, text).entries == []
    compared = edge.ask(m.CompareRequest(PERSON, "userPassword", PASSWORD))
    assert compared.code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS


def test_a_password_is_not_in_the_history_or_the_journal(tmp_path: Path) -> None:
    made = adam(tmp_path / "adam.db")
    made.add(PERSON, objectClass="user", cn="person", userPassword=b"very secret indeed")
    entry = made.agent.store.find(PERSON)
    assert entry is not None
    told = repr(made.agent.store.history(entry))
    made.agent.shutdown()
    assert "SCRYPT" not in told
    assert b"very secret indeed" not in (tmp_path / "adam.db").read_bytes()


def test_a_person_changes_the_own_password_knowing_the_old_one(edge: Bench) -> None:
    from directory.model.modification import add, delete

    person = edge.bound(str(PERSON), PASSWORD)
    wrong = (delete("userPassword", b"guess"), add("userPassword", b"new"))
    right = (delete("userPassword", PASSWORD), add("userPassword", b"new"))
    refused = edge.ask(m.ModifyRequest(PERSON, wrong), session=person).code
    assert refused is ResultCode.CONSTRAINT_VIOLATION
    assert edge.ask(m.ModifyRequest(PERSON, right), session=person).code is ResultCode.SUCCESS
    assert edge.bind(str(PERSON), PASSWORD).code is ResultCode.INVALID_CREDENTIALS
    assert edge.bind(str(PERSON), b"new").code is ResultCode.SUCCESS


def test_anonymous_reading_can_be_opened() -> None:
    made = generic(allow_anonymous_read=True)
    assert made.read(SUFFIX, session=Session()) is not None
    refused = made.add(SUFFIX.child("ou", "x"), objectClass="organizationalUnit", session=Session())
    assert refused.code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS
