"""One server's transport service: takes mail, routes it, delivers it, waits, gives it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from directory.errors import LdapError
from edgesync import events
from edgesync.errors import PortUnavailable
from edgesync.transport.command import RcptTo
from edgesync.transport.delivery import MailboxStore
from edgesync.transport.dsn import Action, report
from edgesync.transport.headers import AUTH_AS, AUTH_SOURCE, message_id_of
from edgesync.transport.host import TransportHost
from edgesync.transport.link import Dial
from edgesync.transport.message import AuthAs, Envelope, Submission
from edgesync.transport.queue import (
    EXPIRED,
    EXPIRES_AFTER,
    HopKey,
    MailQueue,
    QueueView,
)
from edgesync.transport.relay import relay
from edgesync.transport.reply import Reply
from edgesync.transport.routing import NO_ROUTE, DeliveryType, NextHop, Router
from edgesync.transport.sender import Item

ROUNDS_MAX = 100
"""Passes over the queue in one run: each round delivers, and reports it causes join the next."""

DIRECTORY_PAUSE = timedelta(minutes=1)
"""How long a server without its directory waits before it looks again."""

MailExchangers = Callable[[str], tuple[str, ...]]
"""Hosts that take mail for a foreign domain, best first; none: the domain itself is tried."""

_UNREACHABLE = NextHop(DeliveryType.UNREACHABLE, "Unreachable Domain")
_DELIVERED = Reply.of("250 2.1.5 RESOLVER.MSGTYPE.DR; delivered to the mailbox")


def no_exchangers(_domain: str) -> tuple[str, ...]:
    """Nobody is known for any domain."""
    return ()


@dataclass
class RunReport:
    """What one run did, in recipients."""

    delivered: int = 0
    relayed: int = 0
    deferred: int = 0
    returned: int = 0

    def add(self, other: RunReport) -> None:
        """Count another run in."""
        self.delivered += other.delivered
        self.relayed += other.relayed
        self.deferred += other.deferred
        self.returned += other.returned


@dataclass
class _Batch:
    hop: NextHop
    items: list[Item]


class TransportService:
    """The queue of one server and what moves it. ``run`` does all that is due; nothing sleeps."""

    def __init__(
        self,
        host: TransportHost,
        queue: MailQueue,
        mailboxes: MailboxStore,
        dial: Dial,
        exchangers: MailExchangers = no_exchangers,
    ) -> None:
        self.host = host
        self.queue = queue
        self.mailboxes = mailboxes
        self._dial = dial
        self._exchangers = exchangers
        self._running = Lock()
        self._blind_until: datetime | None = None
        host.submit = self.accept

    def accept(self, submission: Submission) -> None:
        """Take responsibility for a message; it is safe when this returns."""
        self.queue.add(submission)

    def send(self, sender: str, recipients: Iterable[str], content: bytes) -> Submission:
        """Submit from inside, as a mailbox's store does: the sender counts as authenticated."""
        host = self.host
        message_id = message_id_of(content)
        if not message_id:
            message_id = f"<{host.server.entropy.uuid().hex}@{host.fqdn}>"
            content = f"Message-ID: {message_id}\r\n".encode() + content
        content = (
            f"{AUTH_SOURCE}: {host.fqdn}\r\n{AUTH_AS}: {AuthAs.INTERNAL}\r\n".encode() + content
        )
        envelope = Envelope(sender, tuple(RcptTo(r) for r in recipients))
        submission = Submission(
            envelope, content, message_id, host.now(), AuthAs.INTERNAL, host.name
        )
        self.accept(submission)
        return submission

    def run(self, *, force: bool = False) -> RunReport:
        """Deliver everything that is due; with ``force`` waiting queues are tried at once.

        Without its directory a server cannot route: everything waits a minute and is tried again.
        """
        done = RunReport()
        if self._blind_until is not None and self.host.now() < self._blind_until and not force:
            return done
        if not self._running.acquire(blocking=False):
            return done  # another thread is at it
        try:
            for _ in range(ROUNDS_MAX):
                batches = [b for b in self._batches(done) if force or self._is_due(b.hop)]
                if not batches:
                    break
                for batch in batches:
                    self._attempt(batch, done)
                force = False
            self._blind_until = None
        except (PortUnavailable, LdapError) as error:
            self._go_blind(str(error))
        finally:
            self._running.release()
        return done

    def queues(self) -> tuple[QueueView, ...]:
        """Get-Queue."""
        return tuple(
            self.queue.view(self.host.name, batch.hop, len(batch.items))
            for batch in self._batches(None)
        )

    def next_due_at(self) -> datetime | None:
        """When ``run`` has something to do; in the past when something is ready; None when idle."""
        messages = self.queue.messages
        if not messages:
            return None
        if self._blind_until is not None and self.host.now() < self._blind_until:
            return self._blind_until
        try:
            waits = [self.queue.retry(b.hop) for b in self._batches(None)]
        except (PortUnavailable, LdapError) as error:
            return self._go_blind(str(error))
        ready = min(m.submission.received_at for m in messages)
        if not all(waits):
            return ready
        return min((w.next_retry_at for w in waits if w), default=ready)

    def _go_blind(self, error: str) -> datetime:
        """The directory cannot be asked: say so, and when to try again."""
        self._blind_until = self.host.now() + DIRECTORY_PAUSE
        self.host.report(
            events.MESSAGE_DEFERRED, destination="everywhere", error=f"no directory: {error}",
            until=f"{self._blind_until:%FT%TZ}",
        )  # fmt: skip
        return self._blind_until

    # routing --------------------------------------------------------------------------------

    def _batches(self, done: RunReport | None) -> list[_Batch]:
        """What waits, by hop. With a report, what cannot be routed is given back on the way."""
        router = Router(self.host)
        found: dict[HopKey, _Batch] = {}
        for message in self.queue.messages:
            by_hop: dict[HopKey, tuple[NextHop, list[RcptTo]]] = {}
            refused: list[tuple[RcptTo, Reply]] = []
            for recipient in message.pending:
                hop = router.route(recipient.address, message.submission.auth_as)
                if isinstance(hop, Reply) and hop != NO_ROUTE:
                    refused.append((recipient, hop))
                    continue
                target = _UNREACHABLE if isinstance(hop, Reply) else hop
                by_hop.setdefault(target.key, (target, []))[1].append(recipient)
            for hop, recipients in by_hop.values():
                item = Item(message.number, message.submission, tuple(recipients))
                found.setdefault(hop.key, _Batch(hop, [])).items.append(item)
            if refused and done is not None:
                self._give_back(Item(message.number, message.submission, ()), refused, done)
        if done is not None:
            self.queue.forget_idle(set(found))
        return list(found.values())

    def _is_due(self, hop: NextHop) -> bool:
        retry = self.queue.retry(hop)
        return retry is None or retry.next_retry_at <= self.host.now()

    # delivering -----------------------------------------------------------------------------

    def _attempt(self, batch: _Batch, done: RunReport) -> None:
        oldest = self.host.now() - EXPIRES_AFTER
        for item in [i for i in batch.items if i.submission.received_at < oldest]:
            self._give_back(item, [(r, EXPIRED) for r in item.recipients], done)
            batch.items.remove(item)
        if not batch.items:
            return
        if batch.hop.type is DeliveryType.MAPI:
            self._to_mailboxes(batch, done)
        elif batch.hop.type is DeliveryType.UNREACHABLE:
            self._defer(batch, str(NO_ROUTE), done)
        else:
            self._relay(batch, done)

    def _to_mailboxes(self, batch: _Batch, done: RunReport) -> None:
        assert self.host.lookup is not None
        for item in batch.items:
            reached: list[tuple[RcptTo, Reply]] = []
            for recipient in item.recipients:
                found = self.host.lookup(recipient.address)
                if found is None:
                    continue  # gone since it was routed: the next round gives it back
                self.mailboxes.deliver(found.mailbox, item.submission)
                reached.append((recipient, _DELIVERED))
                done.delivered += 1
            self._finish(item, reached, Action.DELIVERED, "to the mailbox")

    def _relay(self, batch: _Batch, done: RunReport) -> None:
        targets = batch.hop.hosts or self._exchangers(batch.hop.domain) or (batch.hop.domain,)
        attempt = relay(self.host, batch.hop, targets, batch.items, self._dial)
        for item in batch.items:
            said = attempt.answers.get(item.number, [])
            taken = [(r, answer) for r, answer in said if answer.is_positive]
            refused = [(r, answer) for r, answer in said if answer.code >= 500]
            done.relayed += len(taken)
            action = None if attempt.offers_dsn else Action.RELAYED
            self._finish(item, taken, action, f"by {attempt.target}")
            if refused:
                self._give_back(item, refused, done)
        if attempt.error:
            self._defer(batch, attempt.error, done)
        else:
            self.queue.resume(batch.hop)

    def _finish(
        self, item: Item, reached: list[tuple[RcptTo, Reply]], action: Action | None, how: str
    ) -> None:
        """Recipients that are somebody else's now; who asked for a report gets it."""
        for recipient, _ in reached:
            self.host.report(
                events.MESSAGE_DELIVERED, message=item.submission.message_id,
                recipient=recipient.address, how=how,
            )  # fmt: skip
        if action is not None:
            self._tell(item, action, reached)
        self.queue.settle(item.number, tuple(r for r, _ in reached))

    def _give_back(self, item: Item, refused: list[tuple[RcptTo, Reply]], done: RunReport) -> None:
        """Recipients that cannot be reached; the report is queued before the message goes."""
        for recipient, answer in refused:
            self.host.report(
                events.MESSAGE_RETURNED, message=item.submission.message_id,
                recipient=recipient.address, error=str(answer),
            )  # fmt: skip
        self._tell(item, Action.FAILED, refused)
        self.queue.settle(item.number, tuple(r for r, _ in refused))
        done.returned += len(refused)

    def _tell(self, item: Item, action: Action, said: list[tuple[RcptTo, Reply]]) -> None:
        told = report(self.host, item.submission, action, said)
        if told is not None:
            self.accept(told)

    def _defer(self, batch: _Batch, error: str, done: RunReport) -> None:
        retry = self.queue.defer(batch.hop, error, self.host.now(), is_edge=self.host.is_edge)
        done.deferred += len(batch.items)
        self.host.report(
            events.MESSAGE_DEFERRED, destination=batch.hop.domain, error=error,
            until=f"{retry.next_retry_at:%FT%TZ}",
        )  # fmt: skip
