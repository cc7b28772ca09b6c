"""The fast lane answers byte for byte what the plain path does, with writes in between."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa.instance import local_session
from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.model import filter as f
from directory.model import messages as m
from directory.model.controls import (
    Control,
    PagedResults,
    SortKey,
    SortRequest,
    VirtualListView,
    VirtualListViewResponse,
)
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality, Present
from directory.model.modification import add, delete, replace
from directory.store.entry import StoredEntry
from directory.wire.entries import encode_entry
from tests.support.directories import PASSWORD, USERS, Bench, ad, generic
from tests.support.directories import SUFFIX as GENERIC

NAMES = ["a", "B", "c d", "é"]
VALUES = st.sampled_from(["x", "X", "y  z", "é"])


def populated(profile: str) -> tuple[Bench, DN]:
    if profile == "generic":
        made, top = generic(), GENERIC
        for name in NAMES:
            made.add(
                top.child("cn", name), objectClass="inetOrgPerson", sn="x", mail=f"{ord(name[0])}@x"
            )
        return made, top
    made, top = ad(), USERS
    for name in NAMES:
        made.add(top.child("CN", name), objectClass="user", mail="x")
    members = tuple(str(top.child("CN", name)) for name in NAMES[:2])
    made.add(top.child("CN", "group"), objectClass="group", member=members)
    return made, top


REQUESTS = st.tuples(
    st.sampled_from(["base", "BASE", "child", "nowhere"]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from(
        [
            "cn",
            "CN",
            "mail",
            "objectClass",
            "sn",
            "member",
            "memberOf",
            "entryDN",
            "zz",
            "uidNumber",
        ]
    ),
    st.one_of(
        st.none(),
        VALUES,
        st.sampled_from(["user", "inetOrgPerson", "120@x", "a", "c D", "2", " c", "97"]),
    ),
    st.sampled_from([(), ("*",), ("cn", "mail"), ("*", "+"), ("1.1",), ("memberOf", "cn")]),
    st.sampled_from([0, 1, 100]),
    st.sampled_from(
        [
            Equality,
            Equality,
            f.GreaterOrEqual,
            f.LessOrEqual,
            f.starting_with,
            f.containing,
            f.ending_with,
        ]
    ),
)
WRITES = st.one_of(
    st.tuples(st.just("uidNumber"), st.sampled_from(NAMES), st.sampled_from(["1", "2", "30"])),
    st.tuples(st.just("title"), st.sampled_from(NAMES), VALUES),
    st.tuples(st.just("rename"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("member"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.none()),
)


def write(made: Bench, top: DN, step: tuple[str, str, object]) -> None:
    kind, name, value = step
    dn = top.child("cn", name)
    if kind in {"title", "uidNumber"}:
        made.ask(m.ModifyRequest(dn, (replace(kind, str(value).encode()),)))
    elif kind == "rename":
        made.ask(m.ModifyDnRequest(dn, DN.of(("cn", str(value)))))
    elif kind == "member":
        change = (add if value else delete)("member", str(dn).encode())
        made.ask(m.ModifyRequest(top.child("cn", "group"), (change,)))
    else:
        made.ask(m.DeleteRequest(dn))


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
        session, base.encode(), scope, make, str(name).encode(),
        None if value is None else str(value).encode(), attributes, limit,
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


@settings(max_examples=40)
@given(
    st.sampled_from(["generic", "ad"]), REQUESTS, st.integers(0, 4),
    st.lists(st.tuples(WRITES, st.booleans(), st.integers(0, 3)), max_size=5),
)  # fmt: skip
def test_pages_have_the_same_bytes_whichever_way_each_is_read(
    profile: str, step: Any, size: int, turns: list[tuple[Any, bool, int]]
) -> None:
    made, top = populated(profile)
    streamed = made.session
    plain = local_session(made.agent)
    _, scope, name, value, attributes, limit, make = step
    wanted = Present(str(name)) if value is None else make(str(name), str(value).encode())
    request = m.SearchRequest(top, m.Scope(scope), wanted, attributes, limit)
    cookies = [b"", b""]
    for change, is_streamed, steps_ahead in [*turns, (None, True, 0), (None, False, 0)]:
        control = PagedResults(size=size, cookie=cookies[1])
        replies = list(made.agent.execute(plain, request, (control,)))
        expected = [getattr(reply.operation, "encoded", None) for reply in replies[:-1]]
        control = PagedResults(size=size, cookie=cookies[0])
        stream = made.agent.quick_search.stream(streamed, request, (control,))
        assert stream is not None
        if is_streamed:
            assert [operation for operation in stream.operations if operation] == expected
            assert stream.final is not None
            last = stream.final()
            list(islice(stream.ahead[0], steps_ahead))
        else:
            *found, last = made.agent.execute(streamed, request, (control,))
            assert [getattr(reply.operation, "encoded", None) for reply in found] == expected
        assert last == replies[-1]
        cookies = [cookie_of(last), cookie_of(replies[-1])]
        if not cookies[0]:
            break
        if change is not None:
            write(made, top, change)


def paged(made: Bench, size: int, cookie: bytes) -> tuple[list[bytes], bytes, Iterator[None]]:
    """A page as it is streamed, its cookie, and what may be done ahead of the next."""
    request = m.SearchRequest(GENERIC, filter=Present("sn"), attributes=("cn",))
    control = PagedResults(size=size, cookie=cookie)
    stream = made.agent.quick_search.stream(made.session, request, (control,))
    assert stream is not None
    found = [operation for operation in stream.operations if operation]
    assert stream.final is not None
    return found, cookie_of(stream.final()), stream.ahead[0]


def many(count: int) -> Bench:
    made = generic()
    for n in range(count):
        made.add(GENERIC.child("cn", f"n{n}"), objectClass="inetOrgPerson", sn="x")
    return made


def test_what_was_read_ahead_of_a_page_is_what_is_read_without() -> None:
    made = many(600)
    everything, _, _ = paged(made, 1000, b"")
    assert len(everything) == 600
    for sizes in ((150, 150, 200, 300), (300, 10, 1, 500)):
        found, cookie = [], b""
        for size in sizes:
            page, cookie, ahead = paged(made, size, cookie)
            found += page
            assert len(list(ahead)) <= 300 // 64 + 3
            made.ask(m.ModifyRequest(GENERIC.child("cn", "n599"), (replace("sn", b"y"),)))
        assert cookie == b""
        assert found == everything


def test_reading_ahead_ends_when_the_page_is_asked_for() -> None:
    made = many(600)
    first, cookie, ahead = paged(made, 200, b"")
    next(ahead)
    request = m.SearchRequest(GENERIC, filter=Present("sn"), attributes=("cn",))
    control = PagedResults(size=200, cookie=cookie)
    stream = made.agent.quick_search.stream(made.session, request, (control,))
    assert stream is not None
    page = [next(stream.operations)]
    assert list(ahead) == []  # somebody takes entries already
    page += [operation for operation in stream.operations if operation]
    assert stream.final is not None
    rest, cookie, _ = paged(made, 200, cookie_of(stream.final()))
    assert cookie == b""
    assert [*first, *page, *rest] == paged(made, 1000, b"")[0]


def test_a_set_that_breaks_while_it_is_read_ahead_is_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = many(600)
    _, cookie, ahead = paged(made, 200, b"")
    (saved,) = made.session.pages.values()

    def broken() -> Iterator[StoredEntry]:
        raise RuntimeError("as a bug would")
        yield

    monkeypatch.setattr(saved, "entries", broken())
    with pytest.raises(RuntimeError):
        list(ahead)
    with pytest.raises(LdapError, match="cookie is not known"):
        paged(made, 200, cookie)


def test_a_directory_that_went_back_to_a_snapshot_answers_from_what_it_has_now() -> None:
    made, top = populated("generic")
    snapshot = made.agent.snapshot()
    made.add(top.child("cn", "new"), objectClass="inetOrgPerson", sn="x", mail="new@x")
    made.ask(m.DeleteRequest(top.child("cn", "a")))
    steps = [("base", 2, "mail", value, ("cn",), 0, Equality) for value in ("new@x", "97@x")]
    ask = made.agent.quick_search
    found = [ask(made.session, str(top).encode(), 2, Equality, b"mail", value.encode(), ("cn",), 0)
             for _, _, _, value, *_ in steps]  # fmt: skip
    assert [len(entries or ()) for entries in found] == [1, 0]
    made.agent.restore(snapshot)
    found = [ask(made.session, str(top).encode(), 2, Equality, b"mail", value.encode(), ("cn",), 0)
             for _, _, _, value, *_ in steps]  # fmt: skip
    assert [len(entries or ()) for entries in found] == [0, 1]
    for step in steps:
        compare(made, made.session, top, step)


def cookie_of(reply: m.Reply) -> bytes:
    (control,) = reply.controls
    assert isinstance(control, PagedResults)
    return control.cookie


@settings(max_examples=60)
@given(
    st.sampled_from(["generic", "ad"]),
    REQUESTS,
    st.lists(
        st.builds(
            SortKey, st.sampled_from(["cn", "mail", "title", "objectClass", "zz"]),
            st.sampled_from([None, None, "2.5.13.15"]), st.booleans(),
        ),
        min_size=1, max_size=3,
    ),
    st.booleans(),
    st.lists(WRITES, max_size=4),
)  # fmt: skip
def test_a_sorted_stream_has_the_same_bytes(
    profile: str, step: Any, keys: list[SortKey], critical: bool, changes: list[Any]
) -> None:
    made, top = populated(profile)
    for change in changes:
        write(made, top, change)
    _, scope, name, value, attributes, limit, make = step
    wanted = Present(str(name)) if value is None else make(str(name), str(value).encode())
    request = m.SearchRequest(top, m.Scope(scope), wanted, attributes, limit)
    control = SortRequest(critical=critical, keys=tuple(keys))
    *plain, last = made.agent.execute(made.session, request, (control,))
    stream = made.agent.quick_search.stream(made.session, request, (control,))
    assert stream is not None
    assert isinstance(last.operation, m.SearchResultDone)
    if last.operation.result.code not in {ResultCode.SUCCESS, ResultCode.SIZE_LIMIT_EXCEEDED}:
        with pytest.raises(LdapError) as caught:
            list(stream.operations)
        assert m.LdapResult.of(caught.value) == last.operation.result
        return
    found = [operation for operation in stream.operations if operation]
    assert found == [getattr(reply.operation, "encoded", None) for reply in plain]
    assert stream.final is not None
    assert stream.final() == last


VIEWS = st.builds(
    VirtualListView,
    before=st.integers(0, 3), after=st.integers(0, 3), offset=st.integers(1, 9),
    content_count=st.integers(0, 9),
    assertion=st.one_of(st.none(), st.sampled_from([b"a", b"c d", b"x", b"zz", b"3", b""])),
)  # fmt: skip


@settings(max_examples=60)
@given(
    st.sampled_from(["generic", "ad"]),
    REQUESTS,
    st.lists(
        st.builds(
            SortKey, st.sampled_from(["cn", "mail", "title", "zz"]), st.none(), st.booleans()
        ),
        min_size=1, max_size=2,
    ),
    VIEWS,
    st.booleans(),
    st.lists(WRITES, max_size=4),
)  # fmt: skip
def test_a_streamed_list_view_has_the_same_bytes(
    profile: str, step: Any, keys: list[SortKey], view: VirtualListView, sort_first: bool,
    changes: list[Any],
) -> None:  # fmt: skip
    made, top = populated(profile)
    for change in changes:
        write(made, top, change)
    _, scope, name, value, attributes, limit, make = step
    wanted = Present(str(name)) if value is None else make(str(name), str(value).encode())
    request = m.SearchRequest(top, m.Scope(scope), wanted, attributes, limit)
    controls: list[Control] = [SortRequest(critical=True, keys=tuple(keys)), view]
    if not sort_first:
        controls.reverse()
    *plain, last = made.agent.execute(made.session, request, controls)
    stream = made.agent.quick_search.stream(made.session, request, controls)
    assert stream is not None
    assert isinstance(last.operation, m.SearchResultDone)
    if not last.controls:
        with pytest.raises(LdapError) as caught:
            list(stream.operations)
        assert m.LdapResult.of(caught.value) == last.operation.result
        return
    found = [operation for operation in stream.operations if operation]
    assert found == [getattr(reply.operation, "encoded", None) for reply in plain]
    assert stream.final is not None
    assert stream.final() == last


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("wanted", [b"0", b"5", b"55", b"99", b"x", b"30"])
def test_a_view_begins_at_the_first_entry_that_reaches_a_value(
    is_reversed: bool, wanted: bytes
) -> None:
    made = generic()
    mails = [b"%d" % (n * 7 % 100) for n in range(60)]
    for n, mail in enumerate(mails):
        made.add(GENERIC.child("cn", f"n{n}"), objectClass="inetOrgPerson", sn="x", mail=mail)
    made.add(GENERIC.child("cn", "without"), objectClass="inetOrgPerson", sn="x")
    request = m.SearchRequest(GENERIC, filter=Present("sn"), attributes=("mail",))
    sort = SortRequest(critical=True, keys=(SortKey("mail", None, is_reversed),))
    *everything, _ = made.agent.execute(made.session, request, (sort,))
    order = [entry_of(reply).values("mail") for reply in everything]
    reached = [
        at for at, values in enumerate(order)
        if not values or (values[0] <= wanted if is_reversed else values[0] >= wanted)
    ]  # fmt: skip
    view = VirtualListView(before=0, after=0, offset=1, content_count=0, assertion=wanted)
    last = list(made.agent.execute(made.session, request, (sort, view)))[-1]
    (response,) = [c for c in last.controls if isinstance(c, VirtualListViewResponse)]
    assert response.target == reached[0] + 1


def test_a_long_list_view_lets_others_have_their_turn() -> None:
    made = generic()
    for n in range(2500):
        made.add(GENERIC.child("cn", f"n{n}"), objectClass="inetOrgPerson", sn="x")
    request = m.SearchRequest(GENERIC, filter=Present("sn"), attributes=("cn",))
    controls = (
        SortRequest(critical=True, keys=(SortKey("cn"),)),
        VirtualListView(before=0, after=4, offset=1, content_count=0, assertion=b"n2"),
    )
    stream = made.agent.quick_search.stream(made.session, request, controls)
    assert stream is not None
    operations = list(stream.operations)
    assert len([operation for operation in operations if operation]) == 5
    assert operations.count(b"") >= 2500 // 256


def test_a_list_longer_than_a_run_is_in_order_and_lets_others_have_their_turn() -> None:
    made = generic()
    mails = [b"%d@x" % (n * 7919 % 1000) for n in range(2500)]
    for n, mail in enumerate(mails):
        made.add(GENERIC.child("cn", f"n{n}"), objectClass="inetOrgPerson", sn="x", mail=mail)
    for is_reversed in (False, True):
        control = SortRequest(keys=(SortKey("mail", None, is_reversed),))
        request = m.SearchRequest(GENERIC, filter=Present("mail"), attributes=("mail",))
        *plain, _ = made.agent.execute(made.session, request, (control,))
        stream = made.agent.quick_search.stream(made.session, request, (control,))
        assert stream is not None
        streamed = list(stream.operations)
        assert streamed.count(b"") >= 2
        assert [s for s in streamed if s] == [getattr(r.operation, "encoded", 0) for r in plain]
        order = [entry_of(reply).values("mail")[0] for reply in plain]
        assert order == sorted(mails, reverse=is_reversed)
        names = [str(entry_of(reply).dn) for reply in plain]
        expected = sorted(range(2500), key=mails.__getitem__, reverse=is_reversed)
        assert names == [str(GENERIC.child("cn", f"n{n}")) for n in expected]


def entry_of(reply: m.Reply) -> Entry:
    assert isinstance(reply.operation, m.SearchResultEntry)
    return reply.operation.entry
