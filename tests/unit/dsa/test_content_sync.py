"""Content synchronization (RFC 4533) and notification: what a consumer is told, and when."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from directory.dsa.session import Session
from directory.errors import ResultCode
from directory.model import messages as m
from directory.model.controls import (
    Control,
    Notification,
    SyncDone,
    SyncEntryState,
    SyncMode,
    SyncRequest,
    SyncState,
)
from directory.model.dn import DN
from directory.model.filter import parse_filter
from directory.model.messages import Reply
from directory.model.modification import replace
from tests.support.directories import DOMAIN, SUFFIX, USERS, Bench, ad, generic

PEOPLE = SUFFIX.child("ou", "people")
FRY, LEELA = PEOPLE.child("uid", "fry"), PEOPLE.child("uid", "leela")


@pytest.fixture
def made() -> Bench:
    bench = generic()
    bench.add(PEOPLE, objectClass="organizationalUnit")
    for dn in (FRY, LEELA):
        bench.add(dn, objectClass="inetOrgPerson", cn=dn.rdn.value, sn="x")
    return bench


class Consumer:
    """Keeps a copy as RFC 4533 section 3.3 and 3.4 tell a consumer to."""

    def __init__(self, made: Bench, text: str = "(uid=*)") -> None:
        self.made = made
        self.request = m.SearchRequest(SUFFIX, m.Scope.SUBTREE, parse_filter(text))
        self.copy: dict[UUID, DN] = {}
        self.cookie: bytes | None = None
        self.present: set[UUID] = set()
        self.messages = 0
        self.session = Session(identity=made.session.identity, deliver=self.deliver)

    def refresh(self, mode: SyncMode = SyncMode.REFRESH_ONLY) -> ResultCode | None:
        self.present = set()
        control = SyncRequest(critical=True, mode=mode, cookie=self.cookie)
        replies = self.made.agent.execute(self.session, self.request, (control,), message_id=3)
        for reply in replies:
            code = self.take(reply)
            if code is not None:
                return code
        return None

    def deliver(self, message_id: int, reply: Reply) -> None:
        assert message_id == 3
        self.take(reply)

    def take(self, reply: Reply) -> ResultCode | None:
        self.messages += 1
        match reply.operation:
            case m.SearchResultEntry(entry):
                (state,) = reply.controls
                assert isinstance(state, SyncState)
                if state.state is SyncEntryState.DELETE:
                    self.copy.pop(state.entry_uuid, None)
                else:
                    self.copy[state.entry_uuid] = entry.dn
                    self.present.add(state.entry_uuid)
                self.cookie = state.cookie or self.cookie
            case m.SyncInfo(entry_uuids=uuids) as info if uuids is not None:
                assert info.refresh_deletes
                for uuid in uuids:
                    self.copy.pop(uuid, None)
            case m.SyncInfo() as info:
                self.end(info.cookie, present=info.phase is m.SyncPhase.PRESENT)
            case m.SearchResultDone(result):
                for control in reply.controls:
                    if isinstance(control, SyncDone):
                        self.end(control.cookie, present=not control.refresh_deletes)
                return result.code
        return None

    def end(self, cookie: bytes | None, *, present: bool) -> None:
        self.cookie = cookie or self.cookie
        if present:
            self.copy = {uuid: dn for uuid, dn in self.copy.items() if uuid in self.present}

    def agrees(self) -> bool:
        found = self.made.ask(self.request)
        return sorted(map(str, self.copy.values())) == sorted(found.names)


def churn(made: Bench) -> None:
    """An add, a change, a rename, a delete, and one that comes and goes."""
    made.add(PEOPLE.child("uid", "bender"), objectClass="inetOrgPerson", cn="B", sn="B")
    made.ask(m.ModifyRequest(LEELA, (replace("title", b"captain"),)))
    made.ask(m.ModifyDnRequest(LEELA, DN.of(("uid", "turanga"))))
    made.ask(m.DeleteRequest(FRY))
    made.add(PEOPLE.child("uid", "nibbler"), objectClass="inetOrgPerson", cn="N", sn="N")
    made.ask(m.DeleteRequest(PEOPLE.child("uid", "nibbler")))


def test_polling_keeps_a_copy_in_step(made: Bench) -> None:
    consumer = Consumer(made)
    assert consumer.refresh() is ResultCode.SUCCESS
    assert consumer.agrees()
    churn(made)
    consumer.messages = 0
    assert consumer.refresh() is ResultCode.SUCCESS
    assert consumer.agrees()
    assert consumer.messages == 4  # two entries, one set of deletions, the end


def test_a_poll_with_nothing_new_says_nothing(made: Bench) -> None:
    consumer = Consumer(made)
    consumer.refresh()
    consumer.messages = 0
    consumer.refresh()
    assert consumer.messages == 1


def test_persisting_keeps_a_copy_in_step_without_asking(made: Bench) -> None:
    consumer = Consumer(made)
    assert consumer.refresh(SyncMode.REFRESH_AND_PERSIST) is None
    churn(made)
    assert consumer.agrees()
    made.agent.abandon(consumer.session, 3)
    made.ask(m.DeleteRequest(PEOPLE.child("uid", "bender")))
    assert not consumer.agrees()


def test_what_is_committed_during_the_refresh_comes_after_it(made: Bench) -> None:
    consumer = Consumer(made)
    control = SyncRequest(critical=True, mode=SyncMode.REFRESH_AND_PERSIST)
    replies = iter(made.agent.execute(consumer.session, consumer.request, (control,), message_id=3))
    consumer.take(next(replies))
    made.ask(m.ModifyDnRequest(LEELA, DN.of(("uid", "turanga"))))
    made.ask(m.DeleteRequest(FRY))
    for reply in replies:
        consumer.take(reply)
    assert consumer.agrees()


def test_an_entry_that_leaves_the_content_is_deleted_from_the_copy(made: Bench) -> None:
    consumer = Consumer(made, "(title=captain)")
    made.ask(m.ModifyRequest(LEELA, (replace("title", b"captain"),)))
    consumer.refresh()
    assert len(consumer.copy) == 1
    made.ask(m.ModifyRequest(LEELA, (replace("title", b"cook"),)))
    consumer.refresh()
    assert consumer.copy == {}


def test_a_cookie_survives_a_restart(tmp_path: Path) -> None:
    made = generic(tmp_path / "a.db")
    made.add(PEOPLE, objectClass="organizationalUnit")
    for dn in (FRY, LEELA):
        made.add(dn, objectClass="inetOrgPerson", cn=dn.rdn.value, sn="x")
    consumer = Consumer(made)
    consumer.refresh()
    made.ask(m.DeleteRequest(FRY))
    made.agent.shutdown()
    again = generic(tmp_path / "a.db", seed=2)
    consumer.made = again
    consumer.messages = 0
    assert consumer.refresh() is ResultCode.SUCCESS
    assert consumer.agrees()
    assert consumer.messages == 2
    again.agent.shutdown()


def test_a_cookie_of_another_directory_needs_a_new_refresh(made: Bench) -> None:
    consumer = Consumer(made)
    consumer.cookie = b"rid=001,csn=20990101000000.000000Z#ffffff#000#000000,usn=9,inv=00000000"
    assert consumer.refresh() is ResultCode.SYNC_REFRESH_REQUIRED


def test_a_consumer_that_keeps_only_the_csn_is_understood(made: Bench) -> None:
    consumer = Consumer(made)
    consumer.refresh()
    assert consumer.cookie is not None
    consumer.cookie = b",".join(consumer.cookie.split(b",")[:2])
    churn(made)
    consumer.messages = 0
    assert consumer.refresh() is ResultCode.SUCCESS
    assert consumer.agrees()
    assert consumer.messages == 4


def test_notification_reports_entries_as_they_change() -> None:
    made = ad()
    heard: list[str] = []

    def deliver(message_id: int, reply: Reply) -> None:
        assert isinstance(reply.operation, m.SearchResultEntry)
        heard.append(f"{message_id} {reply.operation.entry.dn.rdn.value}")

    session = Session(identity=made.session.identity, deliver=deliver)
    request = m.SearchRequest(USERS, m.Scope.SUBTREE, attributes=("cn",))
    controls: tuple[Control, ...] = (Notification(critical=True),)
    assert list(made.agent.execute(session, request, controls, message_id=9)) == []
    made.add(USERS.child("CN", "Fry"), objectClass="user")
    made.add(DOMAIN.child("CN", "elsewhere"), objectClass="container")
    made.ask(m.ModifyRequest(USERS.child("CN", "Fry"), (replace("title", b"x"),)))
    assert heard == ["9 Fry", "9 Fry"]
    made.agent.close(session)
    made.ask(m.ModifyRequest(USERS.child("CN", "Fry"), (replace("title", b"y"),)))
    assert len(heard) == 2


def test_going_back_to_a_snapshot_ends_persisting_searches(made: Bench) -> None:
    consumer = Consumer(made)
    snapshot = made.agent.snapshot()
    consumer.refresh(SyncMode.REFRESH_AND_PERSIST)
    made.agent.restore(snapshot)
    consumer.messages = 0
    made.ask(m.DeleteRequest(FRY))
    assert consumer.messages == 0


def test_a_caller_that_cannot_be_delivered_to_cannot_persist(made: Bench) -> None:
    control = SyncRequest(critical=True, mode=SyncMode.REFRESH_AND_PERSIST)
    answer = made.search(SUFFIX, "(uid=*)", control)
    assert answer.code is ResultCode.UNWILLING_TO_PERFORM
