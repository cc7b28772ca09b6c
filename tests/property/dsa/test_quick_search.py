"""The fast lane answers byte for byte what the plain path does, with writes in between."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa.session import Session
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.filter import Equality, Present
from directory.model.modification import replace
from directory.wire.entries import encode_entry
from tests.support.directories import PASSWORD, Bench, generic
from tests.support.directories import SUFFIX as GENERIC
from tests.support.quick_searches import REQUESTS, WRITES, populated, question, write


@settings(max_examples=60)
@given(
    st.sampled_from(["generic", "ad"]),
    st.booleans(),
    st.lists(st.one_of(REQUESTS.map(lambda r: ("ask", r)), WRITES.map(lambda w: ("write", w)),
                       st.just(("restore", None))),
             min_size=4, max_size=14),
)  # fmt: skip
def test_both_paths_give_the_same_bytes(
    profile: str, administrator: bool, steps: list[tuple[str, Any]]
) -> None:
    made, top = populated(profile)
    session = made.session
    if not administrator:
        made.add(top.child("cn", "me"), objectClass="inetOrgPerson", sn="x", userPassword=PASSWORD)
        made.ask(m.ModifyRequest(top.child("cn", "me"), (replace("userAccountControl", b"512"),)))
        session = made.bound(str(top.child("cn", "me")), PASSWORD)
    snapshot = made.agent.snapshot()
    for kind, step in steps:
        if kind == "write":
            write(made, top, step)
        elif kind == "restore":
            made.agent.restore(snapshot)
        else:
            compare(made, session, top, step)


def compare(made: Bench, session: Session, top: DN, step: Any) -> None:
    where, scope, name, value, attributes, limit, make = step
    bases = {"base": str(top), "BASE": str(top).upper(), "child": str(top.child("cn", "a")),
             "nowhere": "dc=nowhere"}  # fmt: skip
    base = bases[str(where)]
    quick = made.agent.quick_search(
        session, question(base, scope, make, str(name), attributes, limit),
        None if value is None else str(value).encode(),
    )  # fmt: skip
    if quick is None:
        return
    wanted = Present(str(name)) if value is None else make(str(name), str(value).encode())
    request = m.SearchRequest(
        DN.parse(base), m.Scope(scope), wanted, attributes, limit
    )  # fmt: skip
    plain = list(made.agent.execute(session, request))
    last = plain[-1].operation
    assert isinstance(last, m.SearchResultDone)
    assert last.result == m.LdapResult()
    entries = [reply.operation for reply in plain[:-1]]
    assert [getattr(operation, "encoded", None) for operation in entries] == list(quick)
    for operation in entries:
        assert isinstance(operation, m.SearchResultEntry)
        assert encode_entry(operation.entry) == operation.encoded


def test_a_long_search_that_finds_nothing_lets_others_have_their_turn() -> None:
    made = generic()
    for n in range(600):
        made.add(GENERIC.child("cn", f"n{n}"), objectClass="inetOrgPerson", sn="x")
    request = m.SearchRequest(GENERIC, filter=Equality("initials", b"none"))
    made.ask(m.ModifyRequest(GENERIC.child("cn", "n1"), (replace("initials", b"PF"),)))
    stream = made.agent.quick_search.stream(made.session, request)
    assert stream is not None
    assert list(stream.operations) == [b"", b""]


@settings(max_examples=40)
@given(st.sampled_from(["generic", "ad"]), REQUESTS)
def test_a_stream_gives_the_same_bytes(profile: str, step: Any) -> None:
    made, top = populated(profile)
    _, scope, name, value, attributes, _, make = step
    wanted = Present(str(name)) if value is None else make(str(name), str(value).encode())
    request = m.SearchRequest(top, m.Scope(scope), wanted, attributes)
    stream = made.agent.quick_search.stream(made.session, request)
    assert stream is not None
    plain = list(made.agent.execute(made.session, request))[:-1]
    encoded = [getattr(reply.operation, "encoded", None) for reply in plain]
    assert [operation for operation in stream.operations if operation] == encoded


def test_a_directory_that_went_back_to_a_snapshot_answers_from_what_it_has_now() -> None:
    made, top = populated("generic")
    snapshot = made.agent.snapshot()
    made.add(top.child("cn", "new"), objectClass="inetOrgPerson", sn="x", mail="new@x")
    made.ask(m.DeleteRequest(top.child("cn", "a")))
    steps = [("base", 2, "mail", value, ("cn",), 0, Equality) for value in ("new@x", "97@x")]
    ask, mail = made.agent.quick_search, question(str(top), 2, Equality, "mail", ("cn",))
    found = [ask(made.session, mail, value) for value in (b"new@x", b"97@x")]
    assert [len(entries or ()) for entries in found] == [1, 0]
    made.agent.restore(snapshot)
    found = [ask(made.session, mail, value) for value in (b"new@x", b"97@x")]
    assert [len(entries or ()) for entries in found] == [0, 1]
    for step in steps:
        compare(made, made.session, top, step)
