"""DirSync tells what changed since a cookie, and nothing else."""

from __future__ import annotations

import pytest

from directory.dsa.session import Session
from directory.errors import ResultCode
from directory.model import messages as m
from directory.model.controls import DirSync
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.modification import add, delete, replace
from tests.support.directories import (
    CONFIGURATION,
    DOMAIN,
    PASSWORD,
    USERS,
    Answer,
    Bench,
    ad,
)

FRY = USERS.child("CN", "Fry")


@pytest.fixture
def forest() -> Bench:
    made = ad()
    made.add(FRY, objectClass="user", sAMAccountName="fry", mail="fry@x", givenName="Philip",
             userAccountControl="512", unicodePwd='"pw"'.encode("utf-16-le"))  # fmt: skip
    return made


def poll(made: Bench, cookie: bytes, *attributes: str, flags: int = 0, base: DN = DOMAIN,
         text: str = "(objectClass=*)", max_bytes: int = 0) -> tuple[Answer, DirSync]:  # fmt: skip
    control = DirSync(critical=True, cookie=cookie, flags=flags, max_bytes=max_bytes)
    answer = made.search(base, text, control, attributes=attributes)
    assert answer.code is ResultCode.SUCCESS, answer.result
    (response,) = answer.controls
    assert isinstance(response, DirSync)
    return answer, response


def everything(made: Bench) -> bytes:
    _, control = poll(made, b"")
    assert control.flags == 0
    return control.cookie


def shown(entry: Entry) -> set[str]:
    return set(entry.attributes) - {"objectGUID", "instanceType"}


def test_a_poll_with_nothing_changed_is_empty_and_keeps_its_place(forest: Bench) -> None:
    cookie = everything(forest)
    answer, control = poll(forest, cookie)
    assert (answer.entries, control.flags) == ([], 0)
    assert control.cookie == cookie


def test_only_what_changed_is_shown(forest: Bench) -> None:
    cookie = everything(forest)
    forest.ask(m.ModifyRequest(FRY, (replace("mail", b"new@x"),)))
    (entry,) = poll(forest, cookie)[0].entries
    assert shown(entry) == {"mail"}
    assert entry.has("objectGUID")


def test_a_removed_attribute_comes_without_values(forest: Bench) -> None:
    cookie = everything(forest)
    forest.ask(m.ModifyRequest(FRY, (delete("givenName"),)))
    (entry,) = poll(forest, cookie)[0].entries
    assert entry.attributes["givenName"] == ()


def test_a_new_entry_comes_whole_and_says_when_it_was_made(forest: Bench) -> None:
    cookie = everything(forest)
    forest.add(USERS.child("CN", "Leela"), objectClass="user", mail="l@x")
    (entry,) = poll(forest, cookie)[0].entries
    assert {"mail", "whenCreated", "name", "parentGUID", "objectClass"} <= shown(entry)
    assert not entry.has("cn")  # the RDN attribute travels as the name


def test_a_rename_shows_the_new_name(forest: Bench) -> None:
    cookie = everything(forest)
    forest.ask(m.ModifyDnRequest(FRY, DN.of(("CN", "Philip"))))
    (entry,) = poll(forest, cookie, "mail")[0].entries
    assert entry.dn == USERS.child("CN", "Philip")


def test_a_deleted_entry_comes_as_its_tombstone(forest: Bench) -> None:
    cookie = everything(forest)
    guid = (forest.read(FRY) or pytest.fail("Fry is gone")).first("objectGUID")
    forest.ask(m.DeleteRequest(FRY))
    (entry,) = poll(forest, cookie, "mail")[0].entries
    assert entry.first("objectGUID") == guid
    assert entry.boolean("isDeleted")


def test_an_attribute_list_leaves_out_entries_in_which_none_of_it_changed(forest: Bench) -> None:
    cookie = everything(forest)
    forest.ask(m.ModifyRequest(FRY, (replace("title", b"x"),)))
    assert poll(forest, cookie, "mail")[0].entries == []


def test_an_answer_that_is_too_large_goes_on_with_its_cookie(forest: Bench) -> None:
    cookie = everything(forest)
    for n in range(20):
        forest.add(USERS.child("CN", f"u{n}"), objectClass="user")
    seen: list[str] = []
    rounds = 0
    while True:
        answer, control = poll(forest, cookie, max_bytes=2000)
        seen += answer.names
        cookie = control.cookie
        rounds += 1
        if rounds == 1:  # a change behind the window is not lost
            forest.ask(m.ModifyRequest(USERS.child("CN", "u0"), (replace("title", b"x"),)))
        if not control.flags:
            break
    assert rounds > 2
    assert len(seen) == len(set(seen)) == 20 or seen.count(f"CN=u0,{USERS}") == 2
    answer, _ = poll(forest, cookie)
    assert set(answer.names) <= {f"CN=u0,{USERS}"}
    assert f"CN=u0,{USERS}" in seen + answer.names


def test_superiors_come_first_when_asked(forest: Bench) -> None:
    cookie = everything(forest)
    outer, inner = DOMAIN.child("OU", "outer"), DOMAIN.child("OU", "outer").child("OU", "inner")
    forest.add(outer, objectClass="organizationalUnit")
    forest.add(inner, objectClass="organizationalUnit")
    forest.ask(m.ModifyRequest(outer, (replace("description", b"later"),)))
    plain = poll(forest, cookie)[0].names
    ordered = poll(forest, cookie, flags=DirSync.ANCESTORS_FIRST_ORDER)[0].names
    assert plain == [str(inner), str(outer)]
    assert ordered == [str(outer), str(inner)]


def test_incremental_values_show_single_links(forest: Bench) -> None:
    crew = USERS.child("CN", "Crew")
    others = [USERS.child("CN", name) for name in ("A", "B", "C")]
    for other in others:
        forest.add(other, objectClass="contact")
    forest.add(crew, objectClass="group", member=(str(others[0]), str(others[1])))
    cookie = everything(forest)
    change = (delete("member", str(others[0]).encode()), add("member", str(others[2]).encode()))
    forest.ask(m.ModifyRequest(crew, change))
    (whole,) = poll(forest, cookie, "member")[0].entries
    assert set(whole.texts("member")) == {str(others[1]), str(others[2])}
    (single,) = poll(forest, cookie, "member", flags=DirSync.INCREMENTAL_VALUES)[0].entries
    assert single.texts("member;range=1-1") == (str(others[2]),)
    assert single.texts("member;range=0-0") == (str(others[0]),)


def test_naming_contexts_are_apart(forest: Bench) -> None:
    cookie = everything(forest)
    forest.add(CONFIGURATION.child("CN", "x"), objectClass="container")
    assert poll(forest, cookie)[0].entries == []
    assert poll(forest, cookie, base=CONFIGURATION)[0].names == [f"CN=x,{CONFIGURATION}"]


def test_passwords_do_not_travel(forest: Bench) -> None:
    answer, _ = poll(forest, b"", "unicodePwd", "mail")
    assert all(not entry.has("unicodePwd") for entry in answer.entries)


def refused(
    made: Bench, cookie: bytes, base: DN = DOMAIN, session: Session | None = None
) -> ResultCode:
    control = DirSync(cookie=cookie)
    return made.search(base, "(objectClass=*)", control, session=session).code


def test_a_cookie_of_another_directory_is_refused(forest: Bench) -> None:
    other = everything(ad(seed=2))
    assert refused(forest, other) is ResultCode.UNWILLING_TO_PERFORM
    assert refused(forest, b"rubbish") is ResultCode.UNWILLING_TO_PERFORM


def test_a_cookie_from_a_future_that_was_undone_is_refused(forest: Bench) -> None:
    snapshot = forest.agent.snapshot()
    forest.add(USERS.child("CN", "x"), objectClass="user")
    cookie = everything(forest)
    forest.agent.restore(snapshot)
    assert refused(forest, cookie) is ResultCode.UNWILLING_TO_PERFORM


def test_dirsync_starts_at_a_naming_context_and_is_for_administrators(forest: Bench) -> None:
    assert refused(forest, b"", USERS) is ResultCode.UNWILLING_TO_PERFORM
    user = forest.bound("fry", b"pw")
    assert refused(forest, b"", session=user) is ResultCode.INSUFFICIENT_ACCESS_RIGHTS
    admin = forest.bound("CONTOSO\\Administrator", PASSWORD)
    assert refused(forest, b"", session=admin) is ResultCode.SUCCESS


def test_the_usn_filter_finds_the_tail_of_changes(forest: Bench) -> None:
    before = forest.agent.store.usn
    forest.ask(m.ModifyRequest(FRY, (replace("title", b"x"),)))
    assert forest.search(DOMAIN, f"(uSNChanged>={before + 1})").names == [str(FRY)]
