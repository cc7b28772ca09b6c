"""LDIF into a directory: in portions, and as if it were read record by record."""

from __future__ import annotations

from pathlib import Path

import pytest

from directory.dsa.bulk_add import RUN_MAX
from directory.errors import InvalidLdif
from directory.net.loading import LdifLoadFailed, load_ldif
from tests.support.directories import SUFFIX, Bench, generic


def person(number: int, *, name: str = "") -> str:
    named = name or f"n{number}"
    return (
        f"dn: cn={named},{SUFFIX}\nobjectClass: top\nobjectClass: inetOrgPerson\n"
        f"cn: {named}\nsn: x\nmail: m{number}@example.org\n"
    )


def people(count: int, *, first: int = 0) -> list[str]:
    return [person(number) for number in range(first, first + count)]


def file_of(folder: Path, records: list[str]) -> Path:
    path = folder / "people.ldif"
    path.write_text("\n".join(records))
    return path


def found(made: Bench) -> int:
    return len(made.search(SUFFIX, "(sn=x)").names)


def test_all_records_of_a_large_file_are_there(tmp_path: Path) -> None:
    made, count = generic(), 2 * RUN_MAX + 3
    report = load_ldif(made.agent, file_of(tmp_path, people(count)))
    assert (report.loaded, report.errors, found(made)) == (count, [], count)
    assert made.search(SUFFIX, "(mail=M300@example.org)").names == [f"cn=n300,{SUFFIX}"]
    assert made.agent.store.verify() == []


def test_the_first_refusal_ends_a_load_and_nothing_is_kept(tmp_path: Path) -> None:
    made = generic()
    usn = made.agent.store.usn
    records = [*people(300), person(1), *people(100, first=300)]
    with pytest.raises(LdifLoadFailed) as refused:
        load_ldif(made.agent, file_of(tmp_path, records))
    assert refused.value.refusal.line == 300 * 7 + 1
    assert refused.value.refusal.dn == f"cn=n1,{SUFFIX}"
    assert (found(made), made.agent.store.usn) == (0, usn)


def test_a_load_that_goes_on_names_every_refusal(tmp_path: Path) -> None:
    made = generic()
    records = [*people(300), person(1), person(2), *people(100, first=300)]
    report = load_ldif(made.agent, file_of(tmp_path, records), go_on=True)
    assert (report.loaded, found(made)) == (400, 400)
    assert [refusal.line for refusal in report.errors] == [300 * 7 + 1, 301 * 7 + 1]


def test_what_stands_before_something_else_than_ldif_is_carried_out(tmp_path: Path) -> None:
    made = generic()
    path = file_of(tmp_path, [*people(10), "dn: cn=z\nthis is not LDIF\n", *people(5, first=10)])
    with pytest.raises(InvalidLdif):
        load_ldif(made.agent, path)
    assert found(made) == 0
    with pytest.raises(InvalidLdif):
        load_ldif(made.agent, path, go_on=True)
    assert found(made) == 10


def test_a_refusal_is_told_before_what_follows_it_is_read(tmp_path: Path) -> None:
    path = file_of(tmp_path, [person(1), person(1), "dn: cn=z\nthis is not LDIF\n"])
    with pytest.raises(LdifLoadFailed):
        load_ldif(generic().agent, path)


def test_changes_are_made_where_they_stand(tmp_path: Path) -> None:
    made = generic()
    change = f"dn: cn=n3,{SUFFIX}\nchangetype: modify\nreplace: sn\nsn: y\n"
    gone = f"dn: cn=n4,{SUFFIX}\nchangetype: delete\n"
    report = load_ldif(
        made.agent, file_of(tmp_path, [*people(9), change, gone, person(4), *people(9, first=9)])
    )
    assert (report.loaded, report.errors) == (21, [])
    assert found(made) == 17
