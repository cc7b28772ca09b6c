"""Pages that are streamed, and found ahead, have the bytes of those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa.instance import local_session
from directory.errors import LdapError
from directory.model import messages as m
from directory.model.controls import (
    PagedResults,
)
from directory.model.filter import Present
from directory.model.modification import replace
from directory.store.entry import StoredEntry
from tests.support.directories import SUFFIX as GENERIC
from tests.support.directories import Bench, generic
from tests.support.quick_searches import REQUESTS, WRITES, populated, write


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


def cookie_of(reply: m.Reply) -> bytes:
    (control,) = reply.controls
    assert isinstance(control, PagedResults)
    return control.cookie
