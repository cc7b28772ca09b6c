"""Directories, searches and writes for tests that compare the short ways with the plain one."""

from __future__ import annotations

from hypothesis import strategies as st

from directory.model import filter as f
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.filter import Equality
from directory.model.modification import add, delete, replace
from directory.model.question import Question
from tests.support.directories import SUFFIX as GENERIC
from tests.support.directories import USERS, Bench, ad, generic

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


_ASKED: dict[Question, Question] = {}


def question(
    base: str, scope: int, make: f.ItemMaker, name: str, attributes: tuple[str, ...] = (),
    size_limit: int = 0,
) -> Question:  # fmt: skip
    """A question as the wire reads it: when it is asked again it is the same object."""
    asked = Question(base.encode(), scope, make, name.encode(), attributes, size_limit, ())
    return _ASKED.setdefault(asked, asked)


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
