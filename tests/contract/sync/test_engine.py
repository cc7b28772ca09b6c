"""One engine, any directories: every kind of source with every kind of target does the same."""

from __future__ import annotations

import contextlib
import shutil
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from directory.clock import ManualClock
from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.instance import DirectoryConfiguration, local_session, open_directory
from directory.entropy import SeededEntropy
from directory.model.controls import Control
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    SearchRequest,
)
from directory.model.modification import replace as replace_values
from directory.net.server import Address
from edgesync.organization.address_hash import hash_with_type
from edgesync.port.embedded import EmbeddedPort
from edgesync.port.ldap import LdapPort
from edgesync.port.port import DirectoryIdentity, DirectoryPort, SearchOutcome, find, read
from edgesync.sync.cursor import FeedKind
from edgesync.sync.foreign import ForeignOptions, run_jobs
from edgesync.sync.foreign_config import Endpoint, ForeignConfig, ForeignJob
from edgesync.sync.kinds import AttributeRule, Identity, ReplicatedKind
from edgesync.sync.report import JobReport, Mode, Result
from edgesync.sync.source import choose_feed
from edgesync.sync.transform import Setting
from tests.support.listener import serve
from tests.support.openldap import slapd
from tests.support.samba import domain_controller
from tests.support.tls import certificate_files

SOURCE = DN.parse("dc=source,dc=test")
PEOPLE = SOURCE.child("ou", "people")
TARGET = DN.parse("o=target")
CREW = TARGET.child("ou", "crew")
PASSWORD = b"contract-only"
CLASSES = (b"top", b"person", b"organizationalPerson", b"inetOrgPerson")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

Opener = Callable[[Path], contextlib.AbstractContextManager[DirectoryPort]]


class Watched:
    """A source without change tracking, as some appliances are."""

    def __init__(self, inner: DirectoryPort) -> None:
        self.inner = inner

    @property
    def identity(self) -> DirectoryIdentity:
        plain = frozenset({"1.2.840.113556.1.4.319"})
        return replace(self.inner.identity, supported_controls=plain, highest_usn=None)

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        return self.inner.search(request, controls)

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        self.inner.add(request, controls)

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        self.inner.modify(request, controls)

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        self.inner.modify_dn(request, controls)

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        self.inner.delete(request, controls)

    def close(self) -> None:
        self.inner.close()


class WithoutDirSync(Watched):
    """An AD-like source that has only uSNChanged."""

    @property
    def identity(self) -> DirectoryIdentity:
        controls = self.inner.identity.supported_controls - {"1.2.840.113556.1.4.841"}
        return replace(self.inner.identity, supported_controls=controls)


def _agent(suffix: DN, profile: str = "generic") -> DirectoryServiceAgent:
    configuration = DirectoryConfiguration(
        profile=profile,  # type: ignore[arg-type]  # one of its words
        naming_contexts=(suffix,),
        admin_dn=suffix.child("cn", "admin"),
        admin_password=PASSWORD,
        password_cost_log2=4,
    )
    return open_directory(configuration, clock=ManualClock(NOW), entropy=SeededEntropy(3))


def _embedded(suffix: DN, profile: str = "generic") -> EmbeddedPort:
    agent = _agent(suffix, profile)
    return EmbeddedPort(agent, local_session(agent))


def _ensure(port: DirectoryPort, dn: DN, *classes: bytes) -> None:
    if read(port, dn) is None:
        values = {dn.rdn.type: (dn.rdn.value.encode(),)}
        if b"dcObject" in classes:
            values["o"] = (b"source",)
        port.add(AddRequest(Entry(dn, {"objectClass": (b"top", *classes), **values})))


def embedded_ad(_folder: Path) -> contextlib.AbstractContextManager[DirectoryPort]:
    return contextlib.nullcontext(_embedded(SOURCE, "ad"))


def embedded_usn(_folder: Path) -> contextlib.AbstractContextManager[DirectoryPort]:
    return contextlib.nullcontext(WithoutDirSync(_embedded(SOURCE, "ad")))


def embedded_full(_folder: Path) -> contextlib.AbstractContextManager[DirectoryPort]:
    return contextlib.nullcontext(Watched(_embedded(SOURCE, "ad")))


@contextlib.contextmanager
def _over_ldaps(folder: Path, suffix: DN, profile: str) -> Iterator[DirectoryPort]:
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = certificate_files(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text("ascii"))
    agent = _agent(suffix, profile)
    admin = str(suffix.child("cn", "admin"))
    listen = (Address("127.0.0.1", 0, is_tls=True),)
    with (
        serve(agent, listen=listen, tls=context) as running,
        contextlib.closing(LdapPort.connect(running.url(), admin, PASSWORD, pin=der)) as port,
    ):
        yield port


def ad_over_ldaps(folder: Path) -> contextlib.AbstractContextManager[DirectoryPort]:
    return _over_ldaps(folder, SOURCE, "ad")


@contextlib.contextmanager
def openldap_source(folder: Path) -> Iterator[DirectoryPort]:
    with slapd(folder, str(SOURCE)) as server, contextlib.closing(server.port()) as port:
        _ensure(port, SOURCE, b"dcObject", b"organization")
        yield port


@contextlib.contextmanager
def samba_source(folder: Path) -> Iterator[DirectoryPort]:
    with domain_controller(folder) as server, contextlib.closing(server.port()) as port:
        yield port
    shutil.rmtree(folder)  # 30 MB each


def embedded_target(_folder: Path) -> contextlib.AbstractContextManager[DirectoryPort]:
    return contextlib.nullcontext(_embedded(TARGET))


def target_over_ldaps(folder: Path) -> contextlib.AbstractContextManager[DirectoryPort]:
    return _over_ldaps(folder, TARGET, "generic")


@contextlib.contextmanager
def openldap_target(folder: Path) -> Iterator[DirectoryPort]:
    with (
        slapd(folder, str(TARGET), provider=False) as server,
        contextlib.closing(server.port()) as port,
    ):
        yield port


peers = pytest.mark.peers
SOURCES = [
    pytest.param((embedded_ad, FeedKind.DIRSYNC), id="AD in process"),
    pytest.param((ad_over_ldaps, FeedKind.DIRSYNC), id="AD over LDAPS"),
    pytest.param((embedded_usn, FeedKind.USN), id="uSNChanged"),
    pytest.param((embedded_full, FeedKind.FULL), id="no tracking"),
    pytest.param((openldap_source, FeedKind.CONTENT_SYNC), id="OpenLDAP", marks=peers),
    pytest.param((samba_source, FeedKind.DIRSYNC), id="Samba AD", marks=peers),
]
TARGETS = [
    pytest.param(embedded_target, id="in process"),
    pytest.param(target_over_ldaps, id="over LDAPS"),
    pytest.param(openldap_target, id="OpenLDAP", marks=peers),
]


class Pair:
    """A source and a target with one job between them."""

    def __init__(self, source: DirectoryPort, target: DirectoryPort, folder: Path) -> None:
        self.source, self.target = source, target
        kind = ReplicatedKind(
            name="people", job="people", source_base=PEOPLE,
            source_scope=SearchRequest(PEOPLE).scope,
            source_filter=Equality("objectClass", b"person"), target_base=CREW, classes=CLASSES,
            rules=(AttributeRule("sn", "sn"), AttributeRule("description", "description"),
                   AttributeRule("mail", "mail", "hash")),
            identity=Identity.GUID_ATTRIBUTE, setting=Setting(((PEOPLE, CREW),), hash_with_type),
            target_filter=Equality("objectClass", b"inetOrgPerson"), key="employeeNumber",
            key_is_text=True,
        )  # fmt: skip
        self.config = ForeignConfig(
            Endpoint("ldap://source"), Endpoint("ldap://target"), (ForeignJob("people", kind),),
            folder / "state.db", timedelta(days=21),
        )  # fmt: skip
        self.clock = ManualClock(NOW)

    def run(self, **options: Any) -> JobReport:
        return run_jobs(
            self.config, self.source, self.target, ForeignOptions(**options), self.clock
        ).runs[0]

    def hire(self, name: str) -> None:
        values = {
            "cn": (name.encode(),),
            "sn": (b"Somebody",),
            "mail": (f"{name}@a.test".encode(),),
        }
        self.source.add(
            AddRequest(Entry(PEOPLE.child("cn", name), {"objectClass": CLASSES, **values}))
        )

    def crew(self) -> dict[str, Entry]:
        found = find(self.target, CREW, Equality("objectClass", b"inetOrgPerson"))
        return {entry.text("cn"): entry for entry in found}


@pytest.fixture(params=SOURCES)
def source(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[DirectoryPort, FeedKind]]:
    opener, kind = request.param
    with opener(tmp_path / "source") as port:
        _ensure(port, PEOPLE, b"organizationalUnit")
        yield port, kind


@pytest.fixture(params=TARGETS)
def pair(
    request: pytest.FixtureRequest, source: tuple[DirectoryPort, FeedKind], tmp_path: Path
) -> Iterator[Pair]:
    with request.param(tmp_path / "target") as port:
        _ensure(port, TARGET, b"organization")
        _ensure(port, CREW, b"organizationalUnit")
        made = Pair(source[0], port, tmp_path)
        for name in ("anna", "bert", "cleo"):
            made.hire(name)
        yield made


def test_the_source_says_itself_how_it_tracks_changes(
    source: tuple[DirectoryPort, FeedKind],
) -> None:
    feed, _ = choose_feed(source[0], "people", PEOPLE)
    assert feed.kind is source[1]


def test_adds_changes_renames_and_deletes_follow(
    pair: Pair, source: tuple[DirectoryPort, FeedKind]
) -> None:
    first = pair.run()
    assert (first.result, first.mode, first.tally.added) == (Result.SUCCESS, Mode.FULL, 3), first
    assert pair.crew()["anna"].values("mail") == (hash_with_type("anna@a.test"),)
    pair.source.modify(
        ModifyRequest(PEOPLE.child("cn", "anna"), (replace_values("description", b"new"),))
    )
    pair.source.modify_dn(ModifyDnRequest(PEOPLE.child("cn", "bert"), DN.parse("cn=bertram")))
    pair.source.delete(DeleteRequest(PEOPLE.child("cn", "cleo")))
    pair.hire("dora")
    pair.clock.advance(timedelta(minutes=3))
    second = pair.run()
    tally = second.tally
    assert second.result is Result.SUCCESS, second.reason
    assert (tally.added, tally.updated, tally.moved, tally.deleted) == (1, 1, 1, 1)
    assert second.mode is (Mode.FULL if source[1] is FeedKind.FULL else Mode.INCREMENTAL)
    assert set(pair.crew()) == {"anna", "bertram", "dora"}
    assert pair.crew()["anna"].text("description") == "new"


def test_a_quiet_source_writes_nothing(pair: Pair) -> None:
    pair.run()
    assert pair.run().tally.written == 0


def test_a_full_run_repairs_what_was_edited_at_the_target(pair: Pair) -> None:
    pair.run()
    anna = pair.crew()["anna"].dn
    pair.target.modify(ModifyRequest(anna, (replace_values("sn", b"Wrong"),)))
    pair.target.delete(DeleteRequest(pair.crew()["bert"].dn))
    report = pair.run(full=True)
    assert (report.tally.added, report.tally.updated) == (1, 1)
    assert pair.crew()["anna"].text("sn") == "Somebody"
