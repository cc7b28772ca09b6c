"""Sorted lists and views that are streamed have the bytes of those that are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.errors import LdapError, ResultCode
from directory.model import messages as m
from directory.model.controls import (
    Control,
    SortKey,
    SortRequest,
    VirtualListView,
    VirtualListViewResponse,
)
from directory.model.entry import Entry
from directory.model.filter import Present
from tests.support.directories import SUFFIX as GENERIC
from tests.support.directories import Bench, generic
from tests.support.quick_searches import REQUESTS, WRITES, populated, write


def assert_alike(
    made: Bench,
    request: m.SearchRequest,
    controls: Sequence[Control],
    is_refused: Callable[[m.Reply], bool],
) -> None:
    """Streamed or not: the same bytes, or the same refusal."""
    *plain, last = made.agent.execute(made.session, request, controls)
    stream = made.agent.quick_search.stream(made.session, request, controls)
    assert stream is not None
    assert isinstance(last.operation, m.SearchResultDone)
    if is_refused(last):
        with pytest.raises(LdapError) as caught:
            list(stream.operations)
        assert m.LdapResult.of(caught.value) == last.operation.result
        return
    found = [operation for operation in stream.operations if operation]
    assert found == [getattr(reply.operation, "encoded", None) for reply in plain]
    assert stream.final is not None
    assert stream.final() == last


def has_failed(last: m.Reply) -> bool:
    assert isinstance(last.operation, m.SearchResultDone)
    return last.operation.result.code not in {ResultCode.SUCCESS, ResultCode.SIZE_LIMIT_EXCEEDED}


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
    assert_alike(made, request, (control,), has_failed)


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
    assert_alike(made, request, controls, lambda last: not last.controls)


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
