"""The same engine between two real OpenLDAP servers, on real people."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import AddRequest, DeleteRequest, ModifyDnRequest, ModifyRequest
from directory.model.modification import replace
from edgesync.errors import PortUnavailable
from edgesync.port.port import find, read
from edgesync.sync.foreign import run_foreign
from edgesync.sync.report import JobReport, Mode, Result
from tests.support.openldap import PASSWORD, Slapd, load_ldif, slapd, start
from tests.support.peers import require_data

pytestmark = pytest.mark.peers

SOURCE = "dc=planetexpress,dc=com"
TARGET = "o=crew"
PEOPLE = f"ou=people,{SOURCE}"
CREW = DN.parse(f"ou=staff,{TARGET}")

CONFIG = """
[source]
url = "{source.url}"
bind_dn = "{source.admin}"
password_file = "password"

[target]
url = "{target.url}"
bind_dn = "{target.admin}"
password_file = "password"

[[job]]
name = "people"
source_base = "ou=people,dc=planetexpress,dc=com"
source_filter = "(objectClass=inetOrgPerson)"
target_base = "ou=staff,o=crew"
object_classes = ["top", "person", "organizationalPerson", "inetOrgPerson"]
rdn = "cn"
key = "employeeNumber"

[job.attributes]
sn = "sn"
givenName = "givenName"
title = "employeeType"
jpegPhoto = "jpegPhoto"
displayName = "displayName"
mail = {{ from = "mail", as = "hash" }}
"""


def _add(server: Slapd, dn: str, *classes: str, **attributes: str) -> None:
    name = DN.parse(dn).rdn
    values = {name.type: (name.value.encode(),)}
    values |= {key: (value.encode(),) for key, value in attributes.items()}
    entry = Entry(DN.parse(dn), {"objectClass": tuple(c.encode() for c in classes), **values})
    port = server.port()
    port.add(AddRequest(entry))
    port.close()


@pytest.fixture(params=["delete phase", "present phase"])
def servers(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Slapd, Slapd, Path]]:
    """With a session log OpenLDAP names what went; without one, what is left (RFC 4533)."""
    data = require_data("planet-express")
    with (
        slapd(tmp_path / "source", SOURCE, session_log=request.param == "delete phase") as source,
        slapd(tmp_path / "target", TARGET, provider=False) as target,
    ):
        _add(source, SOURCE, "dcObject", "organization", o="Planet Express")
        load_ldif(source, data / "00_people.ldif", *sorted(data.glob("10_people_*.ldif")))
        _add(target, TARGET, "organization")
        _add(target, str(CREW), "organizationalUnit")
        (tmp_path / "password").write_bytes(PASSWORD)
        config = tmp_path / "crew.toml"
        config.write_text(CONFIG.format(source=source, target=target))
        yield source, target, config


def run(config: Path, **options: object) -> JobReport:
    done = run_foreign(config, **options)  # type: ignore[arg-type]  # options of run_foreign
    return done.runs[0]


def names(server: Slapd) -> set[str]:
    port = server.port()
    found = {entry.text("cn") for entry in find(port, CREW) if entry.dn != CREW}
    port.close()
    return found


def test_people_arrive_with_mapped_attributes_and_hashed_addresses(
    servers: tuple[Slapd, Slapd, Path],
) -> None:
    source, target, config = servers
    report = run(config)
    assert report.result is Result.SUCCESS, report.reason
    assert report.mode is Mode.FULL
    assert report.tally.added == 7
    port, origin = target.port(), source.port()
    fry = read(port, CREW.child("cn", "Philip J. Fry"))
    real = read(origin, DN.parse(f"cn=Philip J. Fry,{PEOPLE}"), ("*", "entryUUID"))
    assert fry is not None
    assert real is not None
    assert fry.text("title") == "Delivery boy"
    assert fry.values("jpegPhoto") == real.values("jpegPhoto")
    assert fry.text("employeeNumber") == real.text("entryUUID")
    assert all(value.startswith(b"sha256:") for value in fry.values("mail"))
    assert not fry.has("uid")
    port.close()
    origin.close()


def test_after_the_first_run_only_changes_are_looked_at(
    servers: tuple[Slapd, Slapd, Path],
) -> None:
    source, target, config = servers
    run(config)
    origin = source.port()
    origin.modify(
        ModifyRequest(DN.parse(f"cn=Philip J. Fry,{PEOPLE}"), (replace("employeeType", b"Hero"),))
    )
    origin.modify_dn(
        ModifyDnRequest(DN.parse(f"cn=Turanga Leela,{PEOPLE}"), DN.parse("cn=Captain Leela"))
    )
    origin.delete(DeleteRequest(DN.parse(f"cn=John A. Zoidberg,{PEOPLE}")))
    origin.close()
    _add(source, f"cn=Nibbler,{PEOPLE}", "inetOrgPerson", sn="Nibbler")
    report = run(config)
    assert report.mode is Mode.INCREMENTAL
    assert report.result is Result.SUCCESS, report.reason
    tally = report.tally
    assert (tally.added, tally.updated, tally.moved, tally.deleted) == (1, 1, 1, 1)
    crew = names(target)
    assert {"Captain Leela", "Nibbler"} <= crew
    assert not {"John A. Zoidberg", "Turanga Leela"} & crew
    port = target.port()
    fry = read(port, CREW.child("cn", "Philip J. Fry"))
    port.close()
    assert fry is not None
    assert fry.text("title") == "Hero"


def test_nothing_changed_means_nothing_written(servers: tuple[Slapd, Slapd, Path]) -> None:
    _, _, config = servers
    run(config)
    report = run(config)
    assert report.mode is Mode.INCREMENTAL
    assert report.tally.written == 0


def test_strangers_at_the_target_are_left_alone(servers: tuple[Slapd, Slapd, Path]) -> None:
    _, target, config = servers
    _add(target, f"cn=Stranger,{CREW}", "inetOrgPerson", sn="Stranger")
    run(config)
    run(config, full=True)
    assert "Stranger" in names(target)


def test_what_if_writes_nothing_and_names_every_change(
    servers: tuple[Slapd, Slapd, Path],
) -> None:
    _, target, config = servers
    report = run(config, what_if=True)
    assert len(report.changes) == 7
    assert not names(target)


def test_a_mass_delete_stops_before_the_first_one(servers: tuple[Slapd, Slapd, Path]) -> None:
    source, target, config = servers
    run(config)
    origin = source.port()
    for entry in find(origin, DN.parse(PEOPLE)):
        if entry.dn != DN.parse(PEOPLE):
            origin.delete(DeleteRequest(entry.dn))
    origin.close()
    report = run(config, delete_threshold=3)
    assert report.result is Result.FAILED
    assert "threshold" in report.reason
    assert len(names(target)) == 7
    assert run(config, delete_threshold=7).tally.deleted == 7


@pytest.mark.parametrize("which", ["source", "target"])
def test_a_server_that_was_killed_and_started_again_is_caught_up_with(
    servers: tuple[Slapd, Slapd, Path], which: str
) -> None:
    source, target, config = servers
    run(config)
    _add(source, f"cn=Nibbler,{PEOPLE}", "inetOrgPerson", sn="Nibbler")
    killed = source if which == "source" else target
    killed.kill()
    with pytest.raises(PortUnavailable):
        run(config)
    port = urlsplit(killed.url).port or 0
    again = start(killed.folder, killed.suffix, provider=which == "source", port=port)
    try:
        report = run(config)
        assert report.result is Result.SUCCESS, report.reason
        assert run(config, full=True).tally.written == 0
    finally:
        again.stop()


@pytest.mark.parametrize(
    ("directive", "says"),
    [("readonly on", "operation restricted"), ("maxsize 131072", "store failed")],
    ids=["read-only", "full"],
)
def test_a_target_that_takes_no_writes_is_caught_up_with_when_it_does(
    servers: tuple[Slapd, Slapd, Path], directive: str, says: str
) -> None:
    _, target, config = servers
    port = urlsplit(target.url).port or 0
    target.stop()
    stubborn = start(
        target.folder, target.suffix, provider=False, port=port, directives=(directive,)
    )
    report = run(config)
    stubborn.stop()
    assert report.result is not Result.SUCCESS
    assert report.cookie_after == report.cookie_before
    assert any(says in error.message for error in report.tally.errors) or says in report.reason
    again = start(target.folder, target.suffix, provider=False, port=port)
    try:
        report = run(config)
        assert report.result is Result.SUCCESS, report.reason
        assert len(names(again)) == 7
        assert run(config, full=True).tally.written == 0
    finally:
        again.stop()


@pytest.mark.slow
def test_writes_that_race_the_poll_are_not_lost(servers: tuple[Slapd, Slapd, Path]) -> None:
    """OpenLDAP's own refreshOnly consumer loses some of these (out-of-order commits)."""
    source, target, config = servers
    run(config)
    people = [f"cn=Racer {number},{PEOPLE}" for number in range(40)]
    for dn in people:
        _add(source, dn, "inetOrgPerson", sn="Racer")
    run(config)

    def write(some: list[str], turn: int) -> None:
        port = source.port()
        for dn in some:
            change = replace("employeeType", f"turn {turn}".encode())
            port.modify(ModifyRequest(DN.parse(dn), (change,)))
        port.close()

    for turn in range(5):
        writers = [threading.Thread(target=write, args=(people[i::8], turn)) for i in range(8)]
        for writer in writers:
            writer.start()
        run(config)
        for writer in writers:
            writer.join()
        run(config)
        port = target.port()
        titles = {entry.text("title") for entry in find(port, CREW) if entry.text("sn") == "Racer"}
        port.close()
        assert titles == {f"turn {turn}"}
