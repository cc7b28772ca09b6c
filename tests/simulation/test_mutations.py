"""Each checker catches its fault: the code is broken in one place, and the right alarm rings."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from directory.dsa import authenticate
from directory.model import modification as change
from directory.model.messages import ModifyRequest
from directory.model.modification import Modification
from edgesync.config import Policy
from edgesync.lab.description import LabDescription
from edgesync.lab.edge_sync import EdgeSync
from edgesync.operations.performer import perform
from edgesync.organization.names import ForestNames
from edgesync.organization.servers import ServerObject
from edgesync.port.port import DirectoryPort
from edgesync.simulation import checkers
from edgesync.simulation.play import play
from edgesync.simulation.scenario import LabOptions, Scenario
from edgesync.subscription import subscribe
from edgesync.subscription.credentials import CredentialRecord
from edgesync.sync import lease as leases
from edgesync.sync import transform
from edgesync.sync.engine import JobRun
from edgesync.sync.feed import Feed
from edgesync.sync.kinds import Job
from edgesync.sync.lease import Lease, LeaseKind, LeaseManager
from edgesync.sync.report import Result, SyncRun
from edgesync.transport import queue
from edgesync.transport.delivery import MailboxStore
from edgesync.transport.message import Submission
from edgesync.transport.queue import MailQueue, QueuedMessage
from edgesync.trust import direct
from edgesync.trust.verdict import Reason, Verdict

pytestmark = pytest.mark.slow

Patch = pytest.MonkeyPatch

STORY = (
    "subscribe EDGE01", "advance 5m", "hire jane", "send inbound", "send outbound", "advance 5h",
    "settle",
)  # fmt: skip


def failing(*steps: str, durable: bool = False) -> set[str]:
    """Checkers that complain about a story in a small lab."""
    lab = LabOptions(sites=1, hubs=2, edges=1, recipients=4, durable=durable)
    played = play(Scenario("m", "m", "m", steps or STORY, lab=lab), perform)
    return {failure.checker for failure in played.failures}


def lease_left_out(patch: Patch) -> None:
    def acquire(_self: LeaseManager, *, now: datetime, forced: bool = False) -> Lease:
        return Lease("HUB01", LeaseKind.LOCK, now + timedelta(1), now + timedelta(1))

    def commit(
        self: LeaseManager, lease: Lease, changes: Sequence[Modification], *, now: datetime
    ) -> Lease:
        if changes:
            self._port.modify(ModifyRequest(self._edge, tuple(changes)))
        return lease

    patch.setattr(LeaseManager, "acquire", acquire)
    patch.setattr(LeaseManager, "commit", commit)
    patch.setattr(LeaseManager, "release", lambda _self, lease, *, now: lease)


def cookie_without_the_data(patch: Patch) -> None:
    whole = JobRun._write
    patch.setattr(JobRun, "_write", lambda self, steps: whole(self, steps[1:]))


def cookie_written_early(patch: Patch) -> None:
    whole = JobRun._full

    def full(self: JobRun, feed: Feed) -> None:
        self.save(feed.position(self.now))
        whole(self, feed)

    patch.setattr(JobRun, "_full", full)


def hash_skipped(patch: Patch) -> None:
    patch.setitem(transform.TRANSFORMATIONS, "hash", lambda values, _setting: values)


def writes_back_into_ad(patch: Patch) -> None:
    whole = EdgeSync.run

    def run(self: EdgeSync, edge: str, **how: object) -> SyncRun:
        dn = self.lab.ad.names.server(edge)
        note = change.replace("serialNumber", f"seen {self.lab.clock.now()}".encode())
        self.lab.ad_port().modify(ModifyRequest(dn, (note,)))
        return whole(self, edge, **how)  # type: ignore[arg-type]  # passed on as they came

    patch.setattr(EdgeSync, "run", run)


def never_synchronizes(patch: Patch) -> None:
    def run(self: EdgeSync, edge: str, **_how: object) -> SyncRun:
        for tell in self.after_run:
            for job in Job:
                tell(edge, job, self.lab.clock.now(), Result.SUCCESS)
        return SyncRun((), what_if=False)

    patch.setattr(EdgeSync, "run", run)


def mail_dropped(patch: Patch) -> None:
    whole = MailQueue.add

    def add(self: MailQueue, submission: Submission) -> QueuedMessage:
        message = whole(self, submission)
        del self._messages[message.number]
        return message

    patch.setattr(MailQueue, "add", add)


def mail_delivered_twice(patch: Patch) -> None:
    whole = MailboxStore.deliver

    def deliver(self: MailboxStore, mailbox: str, submission: Submission) -> None:
        whole(self, mailbox, submission)
        whole(self, mailbox, submission)

    patch.setattr(MailboxStore, "deliver", deliver)


@pytest.mark.parametrize(
    ("mutate", "checker"),
    [
        (lease_left_out, "one-writer"),
        (cookie_without_the_data, "cookie-ahead"),
        (cookie_written_early, "cookie-ahead"),
        (hash_skipped, "secret-in-adam"),
        (writes_back_into_ad, "one-way"),
        (never_synchronizes, "convergence"),
        (mail_dropped, "mail-lost"),
        (mail_delivered_twice, "mail-duplicated"),
    ],
    ids=lambda item: item if isinstance(item, str) else item.__name__,
)
def test_the_checker_catches_the_fault(
    mutate: Callable[[Patch], None], checker: str, monkeypatch: Patch
) -> None:
    mutate(monkeypatch)

    assert checker in failing()


def test_nobody_complains_about_the_code_as_it_is() -> None:
    assert failing() == set()


def lease_taken_without_comparing(patch: Patch) -> None:
    def swap(
        self: LeaseManager, _old: bytes | None, new: Lease, changes: Sequence[Modification]
    ) -> None:
        ours = change.replace(leases.ATTRIBUTE, leases.format_lease(new))
        self._port.modify(ModifyRequest(self._edge, (ours, *changes)))

    patch.setattr(LeaseManager, "_swap", swap)


def edge_certificate_not_renewed_in_ad(patch: Patch) -> None:
    whole = subscribe._write_edge

    def write_edge(
        port: DirectoryPort, names: ForestNames, existing: ServerObject | None, edge: ServerObject
    ) -> None:
        if existing is not None:
            edge = replace(edge, internal_certificate=existing.internal_certificate)
        whole(port, names, existing, edge)

    patch.setattr(subscribe, "_write_edge", write_edge)


def retries_forgotten(patch: Patch) -> None:
    patch.setattr(queue, "retry_after", lambda *_args, **_options: timedelta(hours=5))


def queue_kept_in_memory_only(patch: Patch) -> None:
    patch.setattr(MailQueue, "_save", lambda *_args: None)


LATE = (
    "subscribe EDGE01", "advance 5m", "fault cut HUB01 EDGE01", "fault cut HUB02 EDGE01",
    "send outbound", "advance 1m", "settle",
)  # fmt: skip

RENEWED = (
    "subscribe EDGE01", "advance 5m", "cert renew EDGE01 --yes", "subscribe EDGE01", "advance 70m",
    "settle",
)  # fmt: skip

RACES = (
    "subscribe EDGE01",
    *(
        step
        for number in range(6)
        for step in (f"domain d{number}.test", "race EDGE01 HUB01 HUB02", "advance 70m")
    ),
)

CRASHED_WITH_MAIL = (
    "subscribe EDGE01", "advance 5m", "fault cut HUB01 EDGE01", "fault cut HUB02 EDGE01",
    "send outbound", "heal all", "fault crash-write AD 0 within", "hire jane => any", "settle",
)  # fmt: skip


@pytest.mark.parametrize(
    ("mutate", "checker", "story", "durable"),
    [
        (lease_taken_without_comparing, "one-writer", RACES, False),
        (edge_certificate_not_renewed_in_ad, "pair-distrusted", RENEWED, False),
        (retries_forgotten, "mail-late", LATE, False),
        (queue_kept_in_memory_only, "mail-lost", CRASHED_WITH_MAIL, True),
    ],
    ids=lambda item: item.__name__ if callable(item) else "",
)
def test_a_fault_that_needs_its_own_story_is_caught_in_it(
    mutate: Callable[[Patch], None],
    checker: str,
    story: Sequence[str],
    durable: bool,
    monkeypatch: Patch,
) -> None:
    assert failing(*story, durable=durable) == set()
    mutate(monkeypatch)

    assert checker in failing(*story, durable=durable)


def test_every_checker_has_a_fault_that_it_catches() -> None:
    package = Path(checkers.__file__).parent
    told = re.findall(r"report\(\s*\"([a-z-]+)\"", "".join(
        path.read_text("utf-8") for path in package.glob("*.py")
    ))  # fmt: skip
    caught = Path(__file__).read_text("utf-8")

    assert len(set(told)) == 12
    assert [checker for checker in sorted(set(told)) if f'"{checker}"' not in caught] == []


CREDENTIALS_END = (
    "subscribe EDGE01", "advance 5m", "advance 3h", "fault disk-full AD", "fault disk-full EDGE01",
    "advance 44h", "heal disk-full EDGE01", "advance 2h",
)  # fmt: skip


def test_an_expired_credential_that_is_accepted_is_caught(monkeypatch: Patch) -> None:
    short = Policy(
        credential_lifetime=timedelta(hours=40),
        credential_successor=timedelta(hours=9),
        credential_effective=timedelta(hours=4),
    )
    monkeypatch.setattr(LabDescription, "trust_policy", property(lambda _self: short))
    assert "expired-credential" not in failing(*CREDENTIALS_END)

    monkeypatch.setattr(CredentialRecord, "is_usable", lambda _self, _now: True)
    later = authenticate.FILETIME_EPOCH + timedelta(days=1000)
    monkeypatch.setattr(authenticate, "FILETIME_EPOCH", later)
    monkeypatch.setattr("edgesync.subscription.credential_service._remove_stale", lambda *_args: ())
    assert "expired-credential" in failing(*CREDENTIALS_END)


def test_a_trusted_stranger_and_the_mail_he_takes_are_caught(monkeypatch: Patch) -> None:
    story = (
        "subscribe EDGE01", "advance 5m", "fault impostor HUB01", "fault impostor HUB02",
        "send inbound",
    )  # fmt: skip
    assert failing(*story) == set()
    whole = direct.check

    def check(peer: bytes | None, *args: object, **options: object) -> direct.TrustResult:
        found = whole(peer, *args, **options)  # type: ignore[arg-type]  # as they came
        return replace(found, verdict=Verdict.TRUSTED, reason=Reason.TRUSTED)

    monkeypatch.setattr(direct, "check", check)

    assert "impostor-took-mail" in failing(*story)
    assert "trusted-unpublished" in failing(
        "subscribe EDGE01", "advance 5m", "plant HUB01 look-alike", "plant EDGE01 look-alike",
        "send outbound", "send inbound", "expect trust EDGE01 HUB01 smtp trusted",
    )  # fmt: skip
