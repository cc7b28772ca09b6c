"""Messages a server answers for until somebody else does; on disk before they are acknowledged.

Retry intervals and text are Exchange's (certificate-facts 4.5).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any

from edgesync.certificates.private_files import replace_durably
from edgesync.errors import InputInvalid
from edgesync.transport.command import RcptTo
from edgesync.transport.message import AuthAs, Envelope, Submission
from edgesync.transport.reply import Reply
from edgesync.transport.routing import NextHop

QUICK_TRIES = 6
"""Tries at the short interval before the long one (TransientFailureRetryCount)."""

EXPIRES_AFTER = timedelta(days=2)
"""Age at which a message is returned (MessageExpirationTimeout)."""

EXPIRED = Reply.of("550 4.4.7 QUEUE.Expired; message expired")

HopKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """One message with the recipients it still has to reach."""

    number: int
    submission: Submission
    pending: tuple[RcptTo, ...]


@dataclass(frozen=True, slots=True)
class Retry:
    """Why a queue waits, and until when."""

    attempts: int
    last_error: str
    next_retry_at: datetime


@dataclass(frozen=True, slots=True)
class QueueView:
    """One row of Get-Queue."""

    identity: str
    delivery_type: str
    next_hop_domain: str
    connector: str
    status: str
    message_count: int
    last_error: str
    next_retry_at: datetime | None


def retry_after(attempts: int, *, is_edge: bool) -> timedelta:
    """How long to wait: 5, later 10 minutes on a Hub; 10, later 30 on an Edge."""
    if attempts <= QUICK_TRIES:
        return timedelta(minutes=10 if is_edge else 5)
    return timedelta(minutes=30 if is_edge else 10)


def wrapped(answer: Reply) -> str:
    """A failure as the queue shows it."""
    text = str(answer)
    if not text.endswith("."):
        text += "."
    return (
        f'451 4.4.0 Primary target IP address responded with: "{text}" Attempted failover to'
        " alternate host, but that did not succeed. Either there are no alternate hosts, or"
        " delivery failed to all alternate hosts."
    )


class MailQueue:
    """The messages of one server; in a folder when it has one. Safe to use from threads."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = RLock()
        self._messages: dict[int, QueuedMessage] = {}
        self._retries: dict[HopKey, Retry] = {}
        self._identities: dict[HopKey, int] = {}
        self._next = 1
        if folder is not None and folder.is_dir():
            self._load(folder)

    @property
    def messages(self) -> tuple[QueuedMessage, ...]:
        """Everything that waits, oldest first."""
        with self._lock:
            return tuple(self._messages.values())

    def add(self, submission: Submission) -> QueuedMessage:
        """Take a message; it is on disk when this returns."""
        with self._lock:
            message = QueuedMessage(self._next, submission, submission.envelope.recipients)
            self._next += 1
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                replace_durably(self._folder / f"{message.number:08d}.eml", submission.content)
                self._save(message)
            self._messages[message.number] = message
            return message

    def settle(self, number: int, done: tuple[RcptTo, ...]) -> None:
        """Some recipients of a message need nothing more."""
        with self._lock:
            message = self._messages.get(number)
            if message is None:
                return
            left = tuple(r for r in message.pending if r not in done)
            if left:
                self._messages[number] = replace(message, pending=left)
                self._save(self._messages[number])
                return
            del self._messages[number]
            if self._folder is not None:
                (self._folder / f"{number:08d}.json").unlink(missing_ok=True)
                (self._folder / f"{number:08d}.eml").unlink(missing_ok=True)

    def retry(self, hop: NextHop) -> Retry | None:
        """Why a hop's queue waits; None when it does not."""
        with self._lock:
            return self._retries.get(hop.key)

    def defer(self, hop: NextHop, error: str, now: datetime, *, is_edge: bool) -> Retry:
        """A hop failed: wait."""
        with self._lock:
            attempts = (self._retries[hop.key].attempts if hop.key in self._retries else 0) + 1
            retry = Retry(attempts, error, now + retry_after(attempts, is_edge=is_edge))
            self._retries[hop.key] = retry
            self._save_retries()
            return retry

    def resume(self, hop: NextHop) -> None:
        """A hop works again."""
        with self._lock:
            if self._retries.pop(hop.key, None) is not None:
                self._save_retries()

    def next_retry_at(self) -> datetime | None:
        """When something waits no longer; None when nothing waits."""
        with self._lock:
            return min((r.next_retry_at for r in self._retries.values()), default=None)

    def forget_idle(self, active: set[HopKey]) -> None:
        """Drop the retry state of hops nothing is queued for any more."""
        with self._lock:
            idle = [key for key in self._retries if key not in active]
            for key in idle:
                del self._retries[key]
            if idle:
                self._save_retries()

    def view(self, server: str, hop: NextHop, count: int) -> QueueView:
        """A queue as Get-Queue shows it."""
        with self._lock:
            number = self._identities.setdefault(hop.key, len(self._identities) + 1)
            retry = self._retries.get(hop.key)
            return QueueView(
                f"{server}\\{number}", hop.type.value, hop.domain,
                hop.connector.name if hop.connector else "", "Retry" if retry else "Ready", count,
                retry.last_error if retry else "", retry.next_retry_at if retry else None,
            )  # fmt: skip

    # on disk ---------------------------------------------------------------------------------

    def _save(self, message: QueuedMessage) -> None:
        if self._folder is None:
            return
        submission = message.submission
        document = {
            "schema": "edgesync.queued-message/1",
            "number": message.number,
            "envelope": asdict(submission.envelope),
            "pending": [asdict(r) for r in message.pending],
            "message_id": submission.message_id,
            "received_at": submission.received_at.isoformat(),
            "auth_as": submission.auth_as.value,
            "peer": submission.peer,
            "domain_secured": submission.domain_secured,
        }
        replace_durably(self._folder / f"{message.number:08d}.json", json.dumps(document).encode())

    def _save_retries(self) -> None:
        if self._folder is None or not self._folder.is_dir():
            return
        rows = [
            {"key": list(key), "attempts": r.attempts, "last_error": r.last_error,
             "next_retry_at": r.next_retry_at.isoformat()}
            for key, r in self._retries.items()
        ]  # fmt: skip
        replace_durably(self._folder / "retries", json.dumps(rows).encode())

    def _load(self, folder: Path) -> None:
        for path in sorted(folder.glob("*.json")):
            try:
                message = _message(json.loads(path.read_bytes()), path)
            except (ValueError, KeyError, TypeError, OSError) as error:
                raise InputInvalid(
                    f"{path} is not a queued message: {error}", "move the file out of the queue"
                ) from error
            self._messages[message.number] = message
            self._next = max(self._next, message.number + 1)
        retries = folder / "retries"
        if retries.exists():
            for row in json.loads(retries.read_bytes()):
                first, second, third = row["key"]
                self._retries[first, second, third] = Retry(
                    row["attempts"], row["last_error"],
                    datetime.fromisoformat(row["next_retry_at"]),
                )  # fmt: skip


def _message(document: dict[str, Any], path: Path) -> QueuedMessage:
    def recipients(rows: list[dict[str, Any]]) -> tuple[RcptTo, ...]:
        return tuple(RcptTo(r["address"], tuple(r["notify"]), r["original"]) for r in rows)

    envelope = dict(document["envelope"])
    envelope["recipients"] = recipients(envelope["recipients"])
    submission = Submission(
        Envelope(**envelope), path.with_suffix(".eml").read_bytes(), document["message_id"],
        datetime.fromisoformat(document["received_at"]), AuthAs(document["auth_as"]),
        document["peer"], document["domain_secured"],
    )  # fmt: skip
    return QueuedMessage(document["number"], submission, recipients(document["pending"]))
