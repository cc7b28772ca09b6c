"""A search that finds nothing for a while lets others go first, and its answers stay the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.dsa import content_sync, dirsync, search
from directory.dsa.session import Session
from directory.model.controls import (
    Control,
    DirSync,
    ManageDsaIt,
    PagedResults,
    SortKey,
    SortRequest,
    SyncMode,
    SyncRequest,
)
from directory.model.filter import parse_filter
from directory.model.messages import TURN, Reply, SearchRequest
from tests.support.directories import DOMAIN, USERS, Bench, ad

ENTRIES = 30
EVERY = 4


@pytest.fixture(scope="module")
def made() -> Bench:
    made = ad()
    for number in range(ENTRIES):
        made.add(USERS.child("CN", f"n{number}"), objectClass="user", displayName=f"N {number}")
    return made


@pytest.fixture(scope="module", autouse=True)
def often() -> object:
    with pytest.MonkeyPatch.context() as patched:
        for module in (search, dirsync, content_sync):
            patched.setattr(module, "CLOCK_EVERY", EVERY)
        yield


def replies(
    made: Bench, session: Session, request: SearchRequest, controls: Sequence[Control]
) -> list[Reply]:
    session.pages.clear()
    session.page_count = 0
    return list(made.agent.execute(session, request, controls, message_id=1))


FILTERS = st.sampled_from(
    ["(objectClass=*)", "(description=*no*such*)", "(!(objectClass=*))",
     "(!(description=x))", "(displayName=*1*)",
     "(|(displayName=N 3)(cn=n4)(title=x))", "(objectClass=user)"]
)  # fmt: skip
CONTROLS: st.SearchStrategy[tuple[Control, ...]] = st.sampled_from(
    [
        (),
        (ManageDsaIt(),),
        (SortRequest(keys=(SortKey("displayName"),)),),
        (PagedResults(size=5),),
        (PagedResults(size=5), SortRequest(keys=(SortKey("cn", reverse=True),))),
        (DirSync(),),
        (SyncRequest(mode=SyncMode.REFRESH_ONLY),),
    ]
)


@given(FILTERS, CONTROLS, st.sampled_from([0, 3]))
def test_turns_are_all_that_differs(
    made: Bench, text: str, controls: tuple[Control, ...], size_limit: int
) -> None:
    request = SearchRequest(DOMAIN, filter=parse_filter(text), size_limit=size_limit)
    plain = replies(made, made.session, request, controls)
    turning = replies(made, replace(made.session, takes_turns=True, pages={}), request, controls)
    assert TURN not in plain
    assert [reply for reply in turning if reply is not TURN] == plain


@pytest.mark.parametrize(
    "control", [ManageDsaIt(), DirSync(), SyncRequest(mode=SyncMode.REFRESH_ONLY)], ids=str
)
def test_others_go_first_where_many_entries_are_tested_in_vain(
    made: Bench, control: Control
) -> None:
    request = SearchRequest(DOMAIN, filter=parse_filter("(!(|(objectClass=*)(cn=x)))"))
    session = replace(made.session, takes_turns=True)
    given_turns = sum(reply is TURN for reply in replies(made, session, request, (control,)))
    assert given_turns >= ENTRIES // EVERY
