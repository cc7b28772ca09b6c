"""Searches: what is found, how it is shown, in which order and in how many pieces."""

from __future__ import annotations

from itertools import chain

import pytest

from directory.errors import ResultCode
from directory.model import messages as m
from directory.model.controls import (
    Control,
    ManageDsaIt,
    MatchedValues,
    PagedResults,
    SortKey,
    SortRequest,
    SortResponse,
    Subentries,
    VirtualListView,
    VirtualListViewResponse,
)
from directory.model.dn import DN
from directory.model.filter import parse_filter
from tests.support.directories import SUFFIX, Bench, generic

PEOPLE = SUFFIX.child("ou", "people")


@pytest.fixture
def made() -> Bench:
    bench = generic()
    bench.add(PEOPLE, objectClass="organizationalUnit")
    for n in range(25):
        bench.add(
            PEOPLE.child("uid", f"user{n:02}"), objectClass="inetOrgPerson", cn=f"User {n:02}",
            sn=f"S{n % 5}", mail=f"user{n:02}@example.org",
            description="odd" if n % 2 else "even",
        )  # fmt: skip
    return bench


FILTERS = [
    ("(uid=USER03)", 1),
    ("(&(objectClass=inetOrgPerson)(sn=s1))", 5),
    ("(|(uid=user01)(uid=user02)(uid=none))", 2),
    ("(!(description=odd))", 15),
    ("(mail=user1*)", 10),
    ("(mail=*5@example*)", 2),
    ("(cn=user*0*)", 12),
    ("(uid=user01*)", 1),
    ("(nonsense=1)", 0),
    ("(!(nonsense=1))", 0),
    ("(|(nonsense=1)(uid=user01))", 1),
    ("(&)", 27),
    ("(|)", 0),
    ("(uid:caseExactMatch:=user03)", 1),
    ("(uid:caseExactMatch:=USER03)", 0),
    ("(ou:dn:=people)", 26),
    (":caseIgnoreMatch:=odd", 12),
    ("(name=user 03)", 1),
    ("(createTimestamp>=20260101000000Z)", 27),
    ("(modifyTimestamp>=20260101000000Z)", 27),
    ("(hasSubordinates=TRUE)", 2),
    ("(entryDN=uid=user03,ou=people,dc=example,dc=org)", 1),
]


@pytest.mark.parametrize(("text", "count"), FILTERS)
def test_a_filter_finds_what_it_says(made: Bench, text: str, count: int) -> None:
    answer = made.search(SUFFIX, text)
    assert answer.code is ResultCode.SUCCESS
    assert len(answer.entries) == count


def test_attributes_are_shown_as_asked(made: Bench) -> None:
    dn = PEOPLE.child("uid", "user00")

    def names(*asked: str) -> list[str]:
        return sorted(made.read(dn, *asked) or ())

    assert names("CN", "mail") == ["cn", "mail"]
    assert names("1.1") == []
    assert names("2.5.4.3") == ["cn"]
    assert "entryUUID" not in names()
    assert "entryUUID" in names("+")
    assert names("cn", "entryDN") == ["cn", "entryDN"]
    assert {"cn", "entryUUID"} <= set(names("*", "+"))
    assert set(names("name")) == {"cn", "sn"}  # subtypes of name


def test_types_only_shows_no_values(made: Bench) -> None:
    request = m.SearchRequest(PEOPLE, m.Scope.BASE, attributes=("ou",), types_only=True)
    (entry,) = made.ask(request).entries
    assert entry.attributes == {"ou": ()}


def test_a_size_limit_shows_that_much_and_says_so(made: Bench) -> None:
    answer = made.search(PEOPLE, size_limit=3)
    assert (len(answer.entries), answer.code) == (3, ResultCode.SIZE_LIMIT_EXCEEDED)
    exactly = made.search(PEOPLE, "(uid=user01)", size_limit=1)
    assert exactly.code is ResultCode.SUCCESS


def pages(made: Bench, size: int, *controls: Control) -> list[list[str]]:
    cookie = b""
    found: list[list[str]] = []
    while True:
        control = PagedResults(size=size, cookie=cookie)
        answer = made.search(PEOPLE, "(uid=*)", control, *controls)
        found.append(answer.names)
        cookie = next(c.cookie for c in answer.controls if isinstance(c, PagedResults))
        if not cookie:
            return found


def test_pages_are_the_whole_result_in_pieces(made: Bench) -> None:
    whole = made.search(PEOPLE, "(uid=*)").names
    assert [len(page) for page in pages(made, 10)] == [10, 10, 5]
    assert list(chain(*pages(made, 10))) == whole
    assert [len(page) for page in pages(made, 25)] == [25]


def test_pages_show_the_moment_the_search_began(made: Bench) -> None:
    first = made.search(PEOPLE, "(uid=*)", PagedResults(size=20))
    (control,) = first.controls
    assert isinstance(control, PagedResults)
    made.ask(m.DeleteRequest(PEOPLE.child("uid", "user24")))
    second = made.search(PEOPLE, "(uid=*)", PagedResults(size=20, cookie=control.cookie))
    assert len(second.entries) == 5


def test_a_cookie_of_another_search_or_session_is_refused(made: Bench) -> None:
    first = made.search(PEOPLE, "(uid=*)", PagedResults(size=5))
    (control,) = first.controls
    assert isinstance(control, PagedResults)
    again = PagedResults(size=5, cookie=control.cookie)
    assert made.search(PEOPLE, "(cn=*)", again).code is ResultCode.UNWILLING_TO_PERFORM
    other = made.bound(str(SUFFIX.child("cn", "admin")), b"correct horse")
    refused = made.search(PEOPLE, "(uid=*)", again, session=other)
    assert refused.code is ResultCode.UNWILLING_TO_PERFORM
    assert made.search(PEOPLE, "(uid=*)", again).code is ResultCode.SUCCESS


def test_results_are_sorted_by_several_keys(made: Bench) -> None:
    sort = SortRequest(keys=(SortKey("sn", reverse=True), SortKey("cn")))
    answer = made.search(PEOPLE, "(uid=*)", sort, attributes=("sn", "cn"))
    shown = [(e.text("sn"), e.text("cn")) for e in answer.entries]
    assert shown == sorted(shown, key=lambda p: (-int(p[0][1:]), p[1]))
    assert answer.controls == (SortResponse(),)


def test_sorted_results_come_in_pages_too(made: Bench) -> None:
    found = pages(made, 10, SortRequest(keys=(SortKey("cn", reverse=True),)))
    assert found[0][0].startswith("uid=user24")
    assert [len(page) for page in found] == [10, 10, 5]


def test_a_sort_that_cannot_be_done_fails_only_when_critical(made: Bench) -> None:
    keys = (SortKey("nonsense"),)
    loose = made.search(PEOPLE, "(uid=*)", SortRequest(keys=keys))
    assert loose.code is ResultCode.SUCCESS
    assert loose.controls == (SortResponse(code=ResultCode.NO_SUCH_ATTRIBUTE, name="nonsense"),)
    strict = made.search(PEOPLE, "(uid=*)", SortRequest(keys=keys, critical=True))
    assert strict.code is ResultCode.UNAVAILABLE_CRITICAL_EXTENSION


LIST_VIEWS = [
    (VirtualListView(before=1, after=2, offset=10, content_count=0), 10, 8, 12),
    (VirtualListView(before=0, after=4, offset=1, content_count=25), 1, 0, 5),
    (VirtualListView(before=4, after=0, offset=25, content_count=25), 25, 20, 25),
    (VirtualListView(before=0, after=0, offset=50, content_count=99), 13, 12, 13),
    (VirtualListView(before=1, after=1, assertion=b"user 07"), 8, 6, 9),
]


@pytest.mark.parametrize(("view", "target", "first", "last"), LIST_VIEWS)
def test_a_list_view_is_a_window_on_the_sorted_list(
    made: Bench, view: VirtualListView, target: int, first: int, last: int
) -> None:
    sort = SortRequest(keys=(SortKey("cn"),))
    answer = made.search(PEOPLE, "(uid=*)", sort, view, attributes=("cn",))
    shown = [entry.text("cn") for entry in answer.entries]
    assert shown == [f"User {n:02}" for n in range(first, last)]
    response = next(c for c in answer.controls if isinstance(c, VirtualListViewResponse))
    assert (response.target, response.content_count) == (target, 25)


def test_a_list_view_without_a_sort_is_refused(made: Bench) -> None:
    answer = made.search(PEOPLE, "(uid=*)", VirtualListView(before=0, after=1, offset=1))
    assert answer.code is ResultCode.SORT_CONTROL_MISSING


def test_matched_values_shows_only_the_values_that_match(made: Bench) -> None:
    dn = PEOPLE.child("uid", "user00")
    control = MatchedValues(filters=(parse_filter("(cn=user*)"), parse_filter("(sn=none)")))
    (entry,) = made.search(dn, "(uid=*)", control).entries
    assert entry.values("cn") == (b"User 00",)
    assert not entry.has("sn")
    assert not entry.has("mail")


def test_subentries_are_seen_when_they_are_asked_for(made: Bench) -> None:
    dn = SUFFIX.child("cn", "policy")
    made.add(
        dn, objectClass=("subentry", "extensibleObject"), cn="policy", subtreeSpecification="{}"
    )
    assert str(dn) not in made.search(SUFFIX).names
    assert made.search(SUFFIX, "(cn=*)", Subentries(visible=True)).names == [str(dn)]
    assert made.read(dn) is not None


def test_a_referral_object_sends_the_client_elsewhere(made: Bench) -> None:
    dn = SUFFIX.child("ou", "far")
    uri = "ldap://far.example.org/ou=far,dc=example,dc=org"
    made.add(dn, objectClass=("referral", "extensibleObject"), ou="far", ref=uri)
    answer = made.search(SUFFIX, "(uid=user01)")
    assert answer.references == [(uri,)]
    assert len(answer.entries) == 1
    below = made.search(dn)
    assert (below.code, below.result.referrals) == (ResultCode.REFERRAL, (uri,))
    managed = made.search(SUFFIX, "(ou=far)", ManageDsaIt())
    assert managed.names == [str(dn)]
    assert managed.references == []


def test_a_base_that_is_not_there_names_what_is(made: Bench) -> None:
    answer = made.search(PEOPLE.child("uid", "none"))
    assert (answer.code, answer.result.matched_dn) == (ResultCode.NO_SUCH_OBJECT, str(PEOPLE))


def test_the_subschema_has_every_definition(made: Bench) -> None:
    (root,) = made.search(DN(), scope=m.Scope.BASE, attributes=("subschemaSubentry",)).entries
    dn = root.dn_value("subschemaSubentry")
    assert dn is not None
    entry = made.read(dn, "attributeTypes", "objectClasses", "matchingRules", "ldapSyntaxes")
    assert entry is not None
    assert any(b"'inetOrgPerson'" in value for value in entry.values("objectClasses"))
    assert any(b"'caseIgnoreMatch'" in value for value in entry.values("matchingRules"))


def test_a_plan_prints_how_a_filter_is_answered(made: Bench) -> None:
    plan = made.agent.store.explain(parse_filter("(&(objectClass=*)(uid=user01)(title=x))"))
    assert str(plan).splitlines() == [
        "and : superset (1 ids)",
        "  index (objectClass=*): all entries",
        "  index (uid=user01): exact (1 ids)",
    ]
