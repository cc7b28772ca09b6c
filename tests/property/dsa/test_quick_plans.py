"""A question asked again is answered as if for the first time, whatever happened in between.

What the fast lane keeps of the last question (``Session.plan``) must not outlive what it says: the
one who asks, the tree, the base and its name.
"""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from directory.dsa.session import ANONYMOUS, LOCAL, Session
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.filter import Equality, GreaterOrEqual, ItemMaker, containing, starting_with
from directory.model.modification import replace
from directory.store.attribute_index import INFIXES_MIN
from tests.support.directories import PASSWORD, SUFFIX, Bench, generic
from tests.support.quick_searches import question

UNITS = [SUFFIX.child("ou", name) for name in "ab"]
ENTRIES = 40
ME = UNITS[1].child("cn", "n7")

Asked = tuple[str, int, ItemMaker, str, tuple[str, ...], int]
QUESTIONS: list[Asked] = [
    (str(base), scope, make, name, attributes, limit)
    for base in (SUFFIX, *UNITS) for scope in (2, 1)
    for make, name in ((Equality, "mail"), (Equality, "sn"), (starting_with, "mail"),
                       (containing, "mail"), (GreaterOrEqual, "uidNumber"))
    for attributes, limit in ((("cn", "mail"), 0), ((), 1))
]  # fmt: skip
VALUES = st.sampled_from(
    ["m1@x", "M2@X", "m1", "m12", "m", "s1", "s2", "1@x", "nothing", " m1", "m1 ", "37", ""]
)
NUMBERS = st.integers(0, ENTRIES - 1)
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.integers(0, len(QUESTIONS) - 1), VALUES),
    st.tuples(st.just("ask the same"), VALUES, st.none()),
    st.tuples(st.just("ask the same"), VALUES, st.none()),
    st.tuples(st.just("be"), st.integers(0, 2), st.none()),
    st.tuples(st.just("mail"), NUMBERS, NUMBERS),
    st.tuples(st.just("move"), NUMBERS, st.sampled_from(UNITS)),
    st.tuples(st.just("delete"), NUMBERS, st.none()),
    st.tuples(st.just("rename"), st.sampled_from(UNITS), st.sampled_from("abc")),
    st.tuples(st.just("restore"), st.none(), st.none()),
)


def populated() -> Bench:
    made = generic()
    for unit in UNITS:
        made.add(unit, objectClass="organizationalUnit")
    for n in range(ENTRIES):
        made.add(
            UNITS[n % 2].child("cn", f"n{n}"), objectClass=("inetOrgPerson", "posixAccount"),
            sn=f"s{n % 3}", mail=f"m{n}@x", uid=f"u{n}", uidNumber=str(n), gidNumber="1",
            homeDirectory="/", userPassword=PASSWORD,
        )  # fmt: skip
    prepare(made)
    return made


def prepare(made: Bench) -> None:
    """From here on indexes answer all that they can."""
    for text in ["(mail=m*)", "(uidNumber>=1)", "(sn=x)", *["(mail=*one*)"] * INFIXES_MIN]:
        made.search(SUFFIX, text)


def check(made: Bench, session: Session, asked: Asked, value: str) -> bool:
    """Whether the fast lane answered; fails when it answered anything else than the plain path."""
    base, scope, make, name, attributes, limit = asked
    quick = made.agent.quick_search(session, question(*asked), value.encode())
    wanted = make(name, value.encode())
    request = m.SearchRequest(DN.parse(base), m.Scope(scope), wanted, attributes, limit)
    plain = list(made.agent.execute(session, request))
    if quick is None:
        return False
    last = plain[-1].operation
    assert isinstance(last, m.SearchResultDone)
    assert last.result == m.LdapResult()
    assert [getattr(reply.operation, "encoded", None) for reply in plain[:-1]] == list(quick)
    return True


def write(made: Bench, kind: str, one: Any, other: Any) -> None:
    """A change by the administrator; one that is refused changes nothing, which is fine too."""
    if kind == "rename":
        made.ask(m.ModifyDnRequest(one, DN.of(("ou", other))))
        return
    found = made.search(SUFFIX, f"(uid=u{one})").entries
    if not found:
        return
    name = found[0].dn
    if kind == "mail":
        made.ask(m.ModifyRequest(name, (replace("mail", b"m%d@x" % other),)))
    elif kind == "move":
        made.ask(m.ModifyDnRequest(name, DN.of(("cn", f"n{one}")), new_superior=other))
    else:
        made.ask(m.DeleteRequest(name))


HERE = next(at for at, asked in enumerate(QUESTIONS) if asked[0] == str(UNITS[0]))


@settings(max_examples=40)
@example([("ask", HERE, "m2@x"), ("rename", UNITS[0], "c"), ("ask the same", "m2@x", None)])
@example([("mail", 1, 20), ("restore", None, None), ("ask the same", "m1@x", None)])
@example([("be", 2, None), ("ask the same", "m1@x", None)])
@example([("ask", 6, "m1@x"), ("ask the same", "m2@x", None), ("ask the same", "m2@x", None)])
@given(st.lists(STEPS, min_size=8, max_size=30))
def test_what_is_kept_of_a_question_is_true_of_the_next(steps: list[tuple[str, Any, Any]]) -> None:
    made = populated()
    snapshot = made.agent.snapshot()
    identities = [LOCAL, made.bound(str(ME), PASSWORD).identity, ANONYMOUS]
    session, asked = Session(is_secure=True, identity=identities[1]), QUESTIONS[0]
    assert check(made, session, asked, "m1@x")
    for kind, one, other in steps:
        if kind == "ask":
            asked = QUESTIONS[one]
            check(made, session, asked, other)
        elif kind == "ask the same":
            check(made, session, asked, one)
        elif kind == "be":
            session.identity = identities[one]
        elif kind == "restore":
            made.agent.restore(snapshot)
            prepare(made)
        else:
            write(made, kind, one, other)
    session.identity = LOCAL
    assert check(made, session, QUESTIONS[0], "m1@x")
