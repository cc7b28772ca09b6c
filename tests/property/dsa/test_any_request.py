"""Whatever is asked, the directory answers once, and stays in agreement with itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa.session import Session
from directory.model import controls as c
from directory.model import filter as f
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.modification import Modification, ModifyOperation
from tests.support.directories import (
    ADAM_CONFIGURATION,
    DOMAIN,
    GATEWAY,
    SUFFIX,
    USERS,
    Bench,
    ad,
    adam,
    generic,
)

PROFILES = {"generic": generic, "ad": ad, "adam": adam}
BASES = {
    "generic": [SUFFIX], "ad": [DOMAIN, USERS, DOMAIN.child("CN", "Deleted Objects")],
    "adam": [ADAM_CONFIGURATION, GATEWAY],
}  # fmt: skip
NAMES = st.sampled_from(
    ["cn", "CN;lang-de", "objectClass", "member", "memberOf", "description", "mail", "sn", "uid",
     "uSNChanged", "whenChanged", "objectGUID", "objectSid", "entryUUID", "modifyTimestamp", "name",
     "userPassword", "unicodePwd", "isDeleted", "distinguishedName", "objectCategory", "anr", "dc",
     "userAccountControl", "accountExpires", "sAMAccountName", "proxyAddresses", "manager", "ref",
     "groupType", "nothing", "2.5.4.3", "*", "+", "1.1", "member;range=0-1", "telephoneNumber"]
)  # fmt: skip
RDNS = st.sampled_from(["a", "b", "A ", "c,d", "e+f", "#1", "\n", "é", "x" * 70])
TEXTS = st.sampled_from(
    ["", " ", "a", "A", "1", "-5", "TRUE", "user", "group", "person", "container", "referral",
     "top", "inetOrgPerson", "organizationalUnit", "subentry", "extensibleObject", "é",
     "groupOfNames",
     "20260105090000Z", "512", "9223372036854775807", "ldap://x/", '"x"', "a*b", "x" * 300]
)  # fmt: skip
RULES = st.sampled_from(
    [None, "caseIgnoreMatch", "2.5.13.5", "1.2.840.113556.1.4.803", "1.2.840.113556.1.4.804",
     "1.2.840.113556.1.4.1941", "caseIgnoreSubstringsMatch", "1.2.3"]
)  # fmt: skip


@st.composite
def dns(draw: st.DrawFn, profile: str) -> DN:
    base = draw(st.sampled_from(BASES[profile]))
    shape = draw(st.integers(0, 12))
    if shape == 0:
        return DN()
    if shape == 1:
        return DN.parse("<GUID=00000000-0000-0000-0000-000000000000>")
    for value in draw(st.lists(RDNS, max_size=2)):
        base = base.child(draw(st.sampled_from(["cn", "ou", "uid", "nothing", "dc"])), value)
    return base


def values(profile: str) -> st.SearchStrategy[bytes]:
    return st.one_of(
        TEXTS.map(str.encode), dns(profile).map(lambda dn: str(dn).encode()), st.binary(max_size=6)
    )


def filters(profile: str) -> st.SearchStrategy[f.Filter]:
    value = values(profile)
    piece = st.none() | value
    leaf = st.one_of(
        st.builds(f.Equality, NAMES, value), st.builds(f.Present, NAMES),
        st.builds(f.GreaterOrEqual, NAMES, value), st.builds(f.LessOrEqual, NAMES, value),
        st.builds(f.Substrings, NAMES, piece, st.lists(value, max_size=2).map(tuple), piece),
        st.builds(f.Extensible, st.none() | NAMES, RULES, value, st.booleans()),
    )  # fmt: skip
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(tuple).map(f.And),
            st.lists(inner, max_size=3).map(tuple).map(f.Or),
            inner.map(f.Not),
        ),
        max_leaves=4,
    )


def some_controls(profile: str) -> st.SearchStrategy[tuple[c.Control, ...]]:
    keys = st.lists(st.builds(c.SortKey, NAMES, RULES, st.booleans()), min_size=1, max_size=2)
    kinds = st.one_of(
        st.builds(c.PagedResults, size=st.integers(0, 3), cookie=st.binary(max_size=8)),
        st.builds(c.SortRequest, keys=keys.map(tuple)),
        st.builds(c.VirtualListView, before=st.integers(0, 3), after=st.integers(0, 3),
                  offset=st.integers(0, 9), content_count=st.integers(0, 9),
                  assertion=st.none() | values(profile)),
        st.builds(c.ShowDeleted), st.builds(c.TreeDelete), st.builds(c.PermissiveModify),
        st.builds(c.DirSync, flags=st.sampled_from([0, 1, 0x800, 0x80000000]),
                  cookie=st.binary(max_size=60), max_bytes=st.integers(0, 100)),
        st.builds(c.Assertion, filter=filters(profile)), st.builds(c.ExtendedDn),
        st.builds(c.MatchedValues, filters=filters(profile).map(lambda x: (x,))),
        st.builds(c.PreRead, attributes=st.lists(NAMES, max_size=2).map(tuple)),
        st.builds(c.PostRead, attributes=st.lists(NAMES, max_size=2).map(tuple)),
        st.builds(c.SyncRequest, mode=st.sampled_from(c.SyncMode), cookie=st.none() | st.binary()),
        st.builds(c.Notification), st.builds(c.Subentries, visible=st.booleans()),
        st.builds(c.ManageDsaIt), st.builds(c.UnknownControl, type=st.just("1.2.3")),
    )  # fmt: skip
    return st.lists(kinds, max_size=2).map(tuple)


def requests(profile: str) -> st.SearchStrategy[m.Request]:
    name, value, dn = NAMES, values(profile), dns(profile)
    many = st.lists(value, max_size=3).map(tuple)
    attributes = st.dictionaries(name, many, max_size=3)
    classes = st.lists(
        st.sampled_from([b"user", b"group", b"container", b"inetOrgPerson", b"referral", b"device",
                         b"groupOfNames", b"organizationalUnit", b"subentry", b"extensibleObject"]),
        min_size=1, max_size=2,
    )  # fmt: skip
    good = st.tuples(attributes, classes).map(
        lambda pair: {"sn": (b"s",), "cn": (b"x",), **pair[0], "objectClass": tuple(pair[1])}
    )
    modification = st.builds(Modification, st.sampled_from(ModifyOperation), name, many)
    rdn = st.tuples(st.sampled_from(["cn", "ou", "uid", "nothing"]), RDNS).map(DN.of)
    password = st.builds(m.SimpleCredentials, st.sampled_from([b"", b"x", b"correct horse"]))
    sasl = st.builds(
        m.SaslCredentials,
        st.sampled_from(["PLAIN", "EXTERNAL", "SCRAM-SHA-256", "GSS-SPNEGO", "x"]),
        st.none() | st.binary(max_size=20) | st.just(b"n,,n=a,r=b"),
    )  # fmt: skip
    return st.one_of(
        st.builds(
            m.SearchRequest, dn, st.sampled_from(m.Scope), filters(profile),
            st.lists(name, max_size=3).map(tuple), st.integers(0, 3), st.just(0), st.booleans(),
        ),
        st.builds(m.AddRequest, st.builds(Entry, dn, st.one_of(attributes, good))),
        st.builds(m.ModifyRequest, dn, st.lists(modification, max_size=3).map(tuple)),
        st.builds(m.DeleteRequest, dn),
        st.builds(m.ModifyDnRequest, dn, rdn, st.booleans(), st.none() | dn),
        st.builds(m.CompareRequest, dn, name, value),
        st.builds(m.BindRequest, st.sampled_from([2, 3]),
                  dn.map(str) | st.sampled_from(["", "a@b", "X\\y", "Administrator"]),
                  password | sasl),
        st.builds(m.ExtendedRequest,
                  st.sampled_from(["1.3.6.1.4.1.4203.1.11.1", "1.3.6.1.4.1.4203.1.11.3", "1.2"]),
                  st.none() | st.binary(max_size=30)),
    )  # fmt: skip


def answered_once(made: Bench, session: Session, request: m.Request, *given: c.Control) -> None:
    finals = [
        reply
        for reply in made.agent.execute(session, request, given, message_id=1)
        if not isinstance(
            reply.operation, m.SearchResultEntry | m.SearchResultReference | m.SyncInfo
        )
    ]
    assert len(finals) == 1


@pytest.mark.parametrize("profile", list(PROFILES))
@settings(max_examples=40)
@given(data=st.data())
def test_every_request_is_answered_once_and_nothing_disagrees(
    profile: str, data: st.DataObject
) -> None:
    made = PROFILES[profile]()
    steps = data.draw(
        st.lists(
            st.tuples(st.integers(0, 3), requests(profile), some_controls(profile)),
            min_size=3, max_size=10,
        )
    )  # fmt: skip
    stranger = Session(is_secure=True, peer_certificate=b"x")
    for who, request, given_controls in steps:
        session = stranger if who == 0 or isinstance(request, m.BindRequest) else made.session
        answered_once(made, session, request, *given_controls)
    assert made.agent.store.verify() == []
