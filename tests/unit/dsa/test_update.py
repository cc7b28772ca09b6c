"""Adds, modifies, renames and deletes: what they do, and what they are refused with."""

from __future__ import annotations

from typing import Any

import pytest

from directory.errors import ResultCode
from directory.model import messages as m
from directory.model.controls import (
    Assertion,
    PermissiveModify,
    PostRead,
    PostReadEntry,
    PreRead,
    PreReadEntry,
    TreeDelete,
    UnknownControl,
)
from directory.model.dn import DN
from directory.model.filter import parse_filter
from directory.model.modification import Modification, ModifyOperation, add, delete, replace
from tests.support.directories import SUFFIX, Bench, generic

PEOPLE = SUFFIX.child("ou", "people")
FRY = PEOPLE.child("uid", "fry")
PERSON = {"objectClass": "inetOrgPerson", "cn": "Philip Fry", "sn": "Fry"}


@pytest.fixture
def made() -> Bench:
    bench = generic()
    bench.add(PEOPLE, objectClass="organizationalUnit")
    bench.add(FRY, **PERSON, description=("a", "b"))
    return bench


def change(made: Bench, *modifications: Modification, dn: DN = FRY, **controls: Any) -> ResultCode:
    given = [control for control in controls.values() if control is not None]
    return made.ask(m.ModifyRequest(dn, modifications), *given).code


ADDS = [
    ("uid=x,ou=nowhere,dc=example,dc=org", PERSON, ResultCode.NO_SUCH_OBJECT),
    ("dc=other", PERSON, ResultCode.NO_SUCH_OBJECT),
    (str(FRY), PERSON, ResultCode.ENTRY_ALREADY_EXISTS),
    ("uid=x,ou=people,dc=example,dc=org", {"sn": "x"}, ResultCode.OBJECT_CLASS_VIOLATION),
    ("uid=x,ou=people,dc=example,dc=org", {**PERSON, "sn": ()},
     ResultCode.INVALID_ATTRIBUTE_SYNTAX),
    ("uid=x,ou=people,dc=example,dc=org", {**PERSON, "nonsense": "1"},
     ResultCode.UNDEFINED_ATTRIBUTE_TYPE),
    ("uid=x,ou=people,dc=example,dc=org", {**PERSON, "objectClass": "nonsense"},
     ResultCode.INVALID_ATTRIBUTE_SYNTAX),
    ("uid=x,ou=people,dc=example,dc=org", {**PERSON, "objectClass": ("person", "device")},
     ResultCode.OBJECT_CLASS_VIOLATION),
    ("uid=x,ou=people,dc=example,dc=org", {**PERSON, "serialNumber": "1"},
     ResultCode.OBJECT_CLASS_VIOLATION),
    ("uid=x,ou=people,dc=example,dc=org", {**PERSON, "entryUUID": "1"},
     ResultCode.CONSTRAINT_VIOLATION),
    ("uid=x,ou=people,dc=example,dc=org", {**PERSON, "employeeNumber": ("1", "2")},
     ResultCode.CONSTRAINT_VIOLATION),
    ("uid=x,ou=people,dc=example,dc=org", {**PERSON, "manager": "no name"},
     ResultCode.INVALID_ATTRIBUTE_SYNTAX),
    ("uid=x,ou=people,dc=example,dc=org", {**PERSON, "mail": "ä@x"},
     ResultCode.INVALID_ATTRIBUTE_SYNTAX),
    ("uid=x,ou=people,dc=example,dc=org", {**PERSON, "title": ("A", "a")},
     ResultCode.ATTRIBUTE_OR_VALUE_EXISTS),
]  # fmt: skip


@pytest.mark.parametrize(("dn", "attributes", "code"), ADDS)
def test_an_add_that_breaks_a_rule_is_refused_with_its_code(
    made: Bench, dn: str, attributes: dict[str, object], code: ResultCode
) -> None:
    before = made.agent.store.usn
    assert made.add(dn, **attributes).code is code
    assert made.agent.store.usn == before


def test_the_deepest_superior_that_is_there_is_named(made: Bench) -> None:
    answer = made.add("uid=x,ou=a,ou=b,ou=people,dc=example,dc=org", **PERSON)
    assert answer.result.matched_dn == str(PEOPLE)


def test_the_values_of_the_name_become_attributes(made: Bench) -> None:
    dn = DN.parse("uid=bender+employeeNumber=7,ou=people,dc=example,dc=org")
    made.add(dn, **PERSON)
    entry = made.read(dn)
    assert entry is not None
    assert (entry.text("uid"), entry.text("employeeNumber")) == ("bender", "7")


def test_a_modify_happens_as_a_whole_or_not_at_all(made: Bench) -> None:
    code = change(made, replace("title", b"delivery boy"), delete("mail"))
    assert code is ResultCode.NO_SUCH_ATTRIBUTE
    entry = made.read(FRY)
    assert entry is not None
    assert not entry.has("title")


MODIFICATIONS = [
    ((add("description", b"A"),), ResultCode.ATTRIBUTE_OR_VALUE_EXISTS),
    ((delete("description", b"z"),), ResultCode.NO_SUCH_ATTRIBUTE),
    ((delete("title"),), ResultCode.NO_SUCH_ATTRIBUTE),
    ((delete("sn"),), ResultCode.OBJECT_CLASS_VIOLATION),
    ((delete("uid", b"fry"),), ResultCode.NOT_ALLOWED_ON_RDN),
    ((replace("uid", b"other"),), ResultCode.NOT_ALLOWED_ON_RDN),
    ((replace("creatorsName", b"cn=me"),), ResultCode.CONSTRAINT_VIOLATION),
    ((replace("title"),), ResultCode.SUCCESS),
    ((delete("sn"), add("sn", b"Other")), ResultCode.SUCCESS),
    ((replace("uid", b"other", b"fry"),), ResultCode.SUCCESS),
    ((Modification(ModifyOperation.INCREMENT, "employeeNumber", (b"1",)),),
     ResultCode.NO_SUCH_ATTRIBUTE),
]  # fmt: skip


@pytest.mark.parametrize(("modifications", "code"), MODIFICATIONS)
def test_a_modify_comes_to_its_code(
    made: Bench, modifications: tuple[Modification, ...], code: ResultCode
) -> None:
    assert change(made, *modifications) is code


def test_increment_adds_to_every_value(made: Bench) -> None:
    account = PEOPLE.child("uid", "leela")
    made.add(
        account, objectClass=("account", "posixAccount"), cn="L", uidNumber="41", gidNumber="7",
        homeDirectory="/",
    )  # fmt: skip
    by = Modification(ModifyOperation.INCREMENT, "uidNumber", (b"-3",))
    assert change(made, by, dn=account) is ResultCode.SUCCESS
    entry = made.read(account)
    assert entry is not None
    assert entry.text("uidNumber") == "38"
    wrong = Modification(ModifyOperation.INCREMENT, "uidNumber", (b"x",))
    assert change(made, wrong, dn=account) is ResultCode.INVALID_ATTRIBUTE_SYNTAX


def test_permissive_modify_forgives_what_is_so_already(made: Bench) -> None:
    both = (add("description", b"a"), delete("title"))
    assert change(made, *both, control=PermissiveModify()) is ResultCode.SUCCESS


def test_deleting_the_exact_old_value_is_a_compare_and_swap(made: Bench) -> None:
    swap = (delete("description", b"a"), add("description", b"c"))
    assert change(made, *swap) is ResultCode.SUCCESS
    assert change(made, *swap) is ResultCode.NO_SUCH_ATTRIBUTE


def test_an_assertion_that_does_not_hold_stops_the_update(made: Bench) -> None:
    control = Assertion(critical=True, filter=parse_filter("(sn=Leela)"))
    assert change(made, replace("title", b"x"), control=control) is ResultCode.ASSERTION_FAILED
    answer = made.ask(m.DeleteRequest(FRY), control)
    assert answer.code is ResultCode.ASSERTION_FAILED


def test_pre_and_post_read_show_the_entry_around_the_change(made: Bench) -> None:
    request = m.ModifyRequest(FRY, (replace("description", b"new"),))
    asked = (PreRead(attributes=("description",)), PostRead(attributes=("description",)))
    answer = made.ask(request, *asked)
    before = next(c for c in answer.controls if isinstance(c, PreReadEntry))
    after = next(c for c in answer.controls if isinstance(c, PostReadEntry))
    assert before.entry.values("description") == (b"a", b"b")
    assert after.entry.values("description") == (b"new",)


def test_only_leaves_are_deleted_unless_the_tree_is_meant(made: Bench) -> None:
    assert made.ask(m.DeleteRequest(PEOPLE)).code is ResultCode.NOT_ALLOWED_ON_NON_LEAF
    assert made.ask(m.DeleteRequest(PEOPLE), TreeDelete()).code is ResultCode.SUCCESS
    assert made.search(SUFFIX).names == [str(SUFFIX)]


def test_a_renamed_container_takes_everything_along(made: Bench) -> None:
    new = DN.of(("ou", "staff"))
    assert made.ask(m.ModifyDnRequest(PEOPLE, new)).code is ResultCode.SUCCESS
    found = made.search(SUFFIX, "(uid=fry)")
    assert found.names == ["uid=fry,ou=staff,dc=example,dc=org"]
    assert made.read(FRY) is None
    staff = made.read(SUFFIX.child("ou", "staff"))
    assert staff is not None
    assert staff.values("ou") == (b"staff",)


def test_an_old_name_may_stay_as_a_value(made: Bench) -> None:
    made.ask(m.ModifyDnRequest(FRY, DN.of(("uid", "philip")), delete_old_rdn=False))
    entry = made.read(PEOPLE.child("uid", "philip"))
    assert entry is not None
    assert set(entry.values("uid")) == {b"fry", b"philip"}


def test_changing_only_the_case_of_a_name_is_a_rename(made: Bench) -> None:
    assert made.ask(m.ModifyDnRequest(FRY, DN.of(("uid", "FRY")))).code is ResultCode.SUCCESS
    assert made.search(SUFFIX, "(uid=fry)").names == ["uid=FRY,ou=people,dc=example,dc=org"]


def test_an_entry_cannot_move_below_itself(made: Bench) -> None:
    inside = m.ModifyDnRequest(PEOPLE, DN.of(("ou", "people")), True, PEOPLE)
    assert made.ask(inside).code is ResultCode.UNWILLING_TO_PERFORM


def test_compare_answers_true_false_or_why_not(made: Bench) -> None:
    def compare(name: str, value: bytes, dn: DN = FRY) -> ResultCode:
        return made.ask(m.CompareRequest(dn, name, value)).code

    assert compare("sn", b"FRY") is ResultCode.COMPARE_TRUE
    assert compare("sn", b"x") is ResultCode.COMPARE_FALSE
    assert compare("title", b"x") is ResultCode.NO_SUCH_ATTRIBUTE
    assert compare("nonsense", b"x") is ResultCode.UNDEFINED_ATTRIBUTE_TYPE
    assert compare("sn", b"x", PEOPLE.child("uid", "no")) is ResultCode.NO_SUCH_OBJECT


def test_an_unknown_control_is_refused_only_if_it_is_critical(made: Bench) -> None:
    request = m.ModifyRequest(FRY, (replace("title", b"x"),))
    critical = made.ask(request, UnknownControl(type="1.2.3", critical=True)).code
    assert critical is ResultCode.UNAVAILABLE_CRITICAL_EXTENSION
    assert made.ask(request, UnknownControl(type="1.2.3")).code is ResultCode.SUCCESS
