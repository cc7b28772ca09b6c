"""A question asked again is answered again at once, until anything changes anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from directory.dsa.instance import local_session
from directory.dsa.repeats import REPEATED_OCTETS_MAX
from directory.dsa.session import Session
from directory.model import filter as f
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.modification import replace
from directory.store.attribute_index import INFIXES_MIN
from tests.support.directories import PASSWORD, SUFFIX, Bench, generic
from tests.support.quick_searches import question

NAME = SUFFIX.child("cn", "n1")


def populated() -> Bench:
    made = generic()
    for n in range(5):
        made.add(SUFFIX.child("cn", f"n{n}"), objectClass="inetOrgPerson", sn="x", mail=f"nnn{n}@x")
    for n in range(60):
        made.add(SUFFIX.child("cn", f"o{n}"), objectClass="inetOrgPerson", sn="x", mail=f"ooo{n}@x")
    prepare(made)
    return made


def prepare(made: Bench) -> None:
    """From here on there is what it needs of the index."""
    for _ in range(INFIXES_MIN):
        search_plainly(made)


def search_plainly(made: Bench) -> list[bytes | None]:
    request = m.SearchRequest(SUFFIX, filter=like("nnn"), attributes=("cn", "mail"))
    *plain, _ = made.agent.execute(made.session, request)
    return [getattr(reply.operation, "encoded", None) for reply in plain]


def like(piece: str) -> f.Filter:
    return f.containing("mail", piece.encode())


def ask(
    made: Bench, session: Session, piece: str = "nnn", attributes: tuple[str, ...] = ("cn", "mail")
) -> Sequence[bytes] | None:
    asked = question(str(SUFFIX), 2, f.containing, "mail", attributes)
    return made.agent.quick_search(session, asked, piece.encode())


def repeated(made: Bench, session: Session) -> Sequence[bytes]:
    """The answer, once it is kept."""
    ask(made, session)
    ask(made, session)
    kept = ask(made, session)
    assert kept is not None
    assert ask(made, session) is kept
    return kept


def test_the_third_time_the_answer_is_the_very_same() -> None:
    made = populated()
    assert len(repeated(made, made.session)) == 5


def bulk(made: Bench) -> None:
    session = local_session(made.agent)
    session.group_commit = True
    entries = [
        Entry(SUFFIX.child("cn", f"z{n}"), {
            "objectClass": (b"inetOrgPerson",), "cn": (b"z%d" % n,), "sn": (b"x",),
            "mail": (b"nnnz%d@x" % n,),
        })
        for n in range(8)
    ]  # fmt: skip
    assert made.agent.update_all(session, [m.AddRequest(entry) for entry in entries]) == [None] * 8


CHANGES: dict[str, Callable[[Bench], object]] = {
    "add": lambda made: made.add(
        SUFFIX.child("cn", "new"), objectClass="inetOrgPerson", sn="x", mail="nnnew@x"
    ),
    "many adds": bulk,
    "delete": lambda made: made.ask(m.DeleteRequest(SUFFIX.child("cn", "n3"))),
    "rename": lambda made: made.ask(
        m.ModifyDnRequest(SUFFIX.child("cn", "n3"), DN.of(("cn", "other")))
    ),
    "modify": lambda made: made.ask(
        m.ModifyRequest(SUFFIX.child("cn", "n1"), (replace("mail", b"x@x"),))
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_any_change_ends_it(change: Callable[[Bench], object]) -> None:
    made = populated()
    before = repeated(made, made.session)
    change(made)
    after = ask(made, made.session)
    assert after != before
    assert search_plainly(made) == list(after or ())


def test_going_back_to_a_snapshot_ends_it() -> None:
    made = populated()
    snapshot = made.agent.snapshot()
    made.ask(m.DeleteRequest(SUFFIX.child("cn", "n3")))
    assert len(repeated(made, made.session)) == 4
    made.agent.restore(snapshot)
    prepare(made)
    assert len(ask(made, made.session) or ()) == 5


def test_what_was_undone_and_done_otherwise_is_not_taken_for_the_same() -> None:
    made = populated()
    store = made.agent.store
    session = local_session(made.agent)
    session.group_commit = True
    made.agent.update(session, m.ModifyRequest(NAME, (replace("mail", b"x@x"),)))
    assert len(repeated(made, made.session)) == 4
    store.rollback()
    made.agent.update(session, m.ModifyRequest(NAME, (replace("mail", b"nnn1@y"),)))
    assert len(ask(made, made.session) or ()) == 5


def test_it_is_for_whoever_asked_and_for_exactly_that() -> None:
    made = populated()
    kept = repeated(made, made.session)
    assert len(ask(made, made.session, "nn3") or ()) == 1
    assert ask(made, made.session, attributes=("cn",)) != kept
    repeated(made, made.session)
    made.add(SUFFIX.child("cn", "me"), objectClass="inetOrgPerson", sn="x", userPassword=PASSWORD)
    other = made.bound(str(SUFFIX.child("cn", "me")), PASSWORD)
    repeated(made, made.session)
    kept = repeated(made, made.session)
    made.session.identity = other.identity
    assert ask(made, made.session) is not kept
    assert made.session.repeat is not None
    assert made.session.repeat.identity is other.identity


def test_a_large_answer_is_not_kept() -> None:
    made = populated()
    octets = b"x" * (REPEATED_OCTETS_MAX // 2)
    for n in range(3):
        change = replace("description", octets)
        made.ask(m.ModifyRequest(SUFFIX.child("cn", f"n{n}"), (change,)))
    for _ in range(4):
        assert isinstance(ask(made, made.session, "nnn", ("description",)), list)
    assert made.session.repeat is None
