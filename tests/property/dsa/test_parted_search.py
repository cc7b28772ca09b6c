"""Pages whose answers are not put together show what the plain path shows."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa.session import Session
from directory.errors import LdapError
from directory.model import filter as f
from directory.model import messages as m
from directory.model.controls import PagedResults
from directory.model.dn import DN
from directory.model.encoded import EncodedEntry, PartedAnswer
from directory.model.modification import replace
from directory.store.evaluate import compile_filter
from directory.store.shape_truth import PARTS_MAX, by_shape
from tests.support.builds import plain_only
from tests.support.directories import Bench
from tests.support.quick_searches import NAMES, populated

ITEMS = st.one_of(
    st.builds(f.Present, st.sampled_from(["mail", "sn", "objectClass", "cn;lang-en", "zz", "name",
                                          "unicodePwd", "memberOf", "uSNChanged"])),
    st.builds(f.Equality, st.sampled_from(["mail", "sn", "cn", "title", "objectGUID", "zz"]),
              st.sampled_from([b"x", b"a", b"\xff", b""])),
    st.builds(f.GreaterOrEqual, st.sampled_from(["uSNChanged", "sn", "title"]),
              st.sampled_from([b"1", b"x"])),
    st.builds(f.starting_with, st.sampled_from(["sn", "title", "mail"]), st.just(b"x")),
    st.builds(f.Extensible, st.just("1.2.840.113556.1.4.803"), st.just("groupType"), st.just(b"1")),
)  # fmt: skip
FILTERS = st.recursive(
    ITEMS,
    lambda inner: st.one_of(
        st.builds(f.And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(f.Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(f.Not, inner),
    ),
    max_leaves=5,
)
ATTRIBUTES = st.sampled_from(
    [(), ("*",), ("mail", "objectGUID"), ("1.1",), ("*", "+"), ("cn", "memberOf"), ("MAIL", "sn"),
     ("member;range=0-0",), ("objectGUID", "uSNChanged", "createTimestamp")]
)  # fmt: skip
SEARCHES = st.tuples(
    st.sampled_from(["top", "child", "nowhere", "root", "schema"]), st.sampled_from([*m.Scope]),
    FILTERS, ATTRIBUTES, st.booleans(), st.sampled_from([0, 1, 3]), st.sampled_from([1, 2, 100]),
)  # fmt: skip


@cache
def unchanged(profile: str) -> Bench:
    return populated(profile)[0]


def walk(
    made: Bench, session: Session, request: m.SearchRequest, size: int, *, in_parts: bool
) -> tuple[list[object], int]:
    """Every page, and how many of them came in parts."""
    seen: list[object] = []
    parted = 0
    cookie = b""
    while True:
        control = PagedResults(size=size, cookie=cookie)
        try:
            page = made.agent.page(session, request, control) if in_parts else None
        except LdapError as error:
            return [*seen, (error.code, error.diagnostic, error.matched_dn)], parted
        if page is None:
            answer = made.ask(request, control, session=session)
            entries, controls = answer.entries, answer.controls
            if answer.code:
                result = answer.result
                return [*seen, (result.code, result.diagnostic, result.matched_dn)], parted
        else:
            parted += 1
            entries, controls = [*page[0]], page[1].controls
        seen += [(str(entry.dn), dict(entry.attributes)) for entry in entries]
        seen.append(controls)
        found = [one for one in controls if isinstance(one, PagedResults)]
        if not found or not found[0].cookie:
            return seen, parted
        cookie = found[0].cookie


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["generic", "ad"]), st.lists(SEARCHES, min_size=1, max_size=3))
def test_parts_say_what_the_plain_path_says(
    profile: str,
    searches: list[tuple[str, m.Scope, f.Filter, tuple[str, ...], bool, int, int]],
) -> None:
    made, top = populated(profile)
    for where, scope, filter_, attributes, types_only, limit, size in searches:
        base = {
            "top": top, "child": top.child("CN", NAMES[0]), "root": DN(()),
            "schema": made.agent.context.configuration.subschema,
        }.get(where, top.child("CN", "nobody"))  # fmt: skip
        request = m.SearchRequest(base, scope, filter_, attributes, limit, types_only=types_only)
        for session in (made.session, Session()):
            # cookies are numbered by the session: each way has its own
            one, other = (Session(identity=session.identity) for _ in range(2))
            parts, _ = walk(made, one, request, size, in_parts=True)
            plain, _ = walk(made, other, request, size, in_parts=False)
            assert parts == plain
        made.ask(m.ModifyRequest(top.child("CN", NAMES[1]), (replace("sn", str(limit).encode()),)))


def test_a_usual_page_comes_in_parts() -> None:
    made, top = populated("ad")
    request = m.SearchRequest(top, filter=f.Present("mail"), attributes=("mail", "objectGUID"))
    page = made.agent.page(made.session, request, PagedResults(size=3))
    assert page is not None
    names = [entry.names for entry in page[0] if isinstance(entry, PartedAnswer)]
    assert names == [(b"mail", b"objectGUID")] * 3
    assert len({id(one) for one in names}) == 1
    plain = [entry for entry in made.ask(request).entries if isinstance(entry, EncodedEntry)]
    assert [entry.operation for entry in page[0]] == [entry.operation for entry in plain[:3]]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["generic", "ad"]), FILTERS)
def test_what_a_shape_tells_is_what_its_entries_tell(profile: str, filter_: f.Filter) -> None:
    store = unchanged(profile).agent.store
    plain, quick = compile_filter(store, filter_), by_shape(store, filter_)
    for _ in range(2):
        for entry in store.dit.live():
            assert quick(entry) is plain(entry)


@plain_only
def test_a_filter_of_very_many_parts_is_not_worked_out_for_each_shape() -> None:
    store = unchanged("generic").agent.store
    part = f.Present("mail")
    for parts, is_by_shape in ((PARTS_MAX, True), (PARTS_MAX + 1, False)):
        test = by_shape(store, f.Not(f.Or((part,) * parts)))
        assert (test.__name__ == "test_shape_first") is is_by_shape
