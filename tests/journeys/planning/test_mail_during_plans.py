"""Real messages, sent by a stranger after every step of a plan, arrive within what it promises."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from directory.clock import SystemClock
from edgesync.lab.folder import fork_lab
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.planning.planner import pace_of, plan_renewal
from edgesync.transport.client import DialogueFailed
from edgesync.transport.command import RcptTo
from edgesync.transport.link import LinkFailed
from edgesync.transport.message import AuthAs, Envelope, Submission
from edgesync.transport.outsider import send_as_outsider
from tests.support.trust_lab import runner, trusting_lab

TICK = timedelta(seconds=30)
SENDER_RETRY = timedelta(minutes=10)


class Correspondent:
    """Someone on the Internet who writes to somebody inside, and what becomes of it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.mail = lab.service(Network).mail()
        self.address = f"user0@{lab.description.forest}"
        self.pending: dict[str, tuple[datetime, datetime]] = {}
        """Not handed over yet: when written, when to try next."""
        self.written: dict[str, datetime] = {}
        self.arrived: dict[str, datetime] = {}
        self.refused: list[str] = []

    def write(self) -> None:
        now = self.lab.clock.now()
        number = f"m{len(self.written)}"
        self.written[number] = now
        self.pending[number] = (now, now)
        self.look()

    def look(self) -> None:
        """Hand over what is due, and see what has arrived."""
        now = self.lab.clock.now()
        for number, (written, due) in list(self.pending.items()):
            if due > now:
                continue
            if self._hand_over(number):
                del self.pending[number]
            else:
                self.pending[number] = (written, now + SENDER_RETRY)
        for mailbox in self.mail.mailboxes.mailboxes():
            for message in self.mail.mailboxes.messages(mailbox):
                for number in self.written:
                    if f"Subject: {number}\r\n".encode() in message.content:
                        self.arrived.setdefault(number, now)

    def _hand_over(self, number: str) -> bool:
        content = (
            f"Message-ID: <{number}@out.example>\r\nSubject: {number}\r\n\r\nhello\r\n".encode()
        )
        submission = Submission(
            Envelope("friend@out.example", (RcptTo(self.address),)), content,
            f"<{number}@out.example>", self.lab.clock.now(), AuthAs.ANONYMOUS, "out.example",
        )  # fmt: skip
        for edge in sorted(self.lab.edges):  # the MX records, in order
            try:
                link = self.lab.service(Network).dial("HUB01", edge)
                answers, _ = send_as_outsider(link, submission, helo="out.example")
            except (LinkFailed, DialogueFailed):
                continue
            replies = [reply for _, reply in answers]
            if any(reply.code >= 500 for reply in replies):
                self.refused.append(number)
            return True
        return False

    def wait(self, span: timedelta) -> None:
        until = self.lab.clock.now() + span
        while self.lab.clock.now() < until:
            self.lab.agenda.advance(min(TICK, until - self.lab.clock.now()))
            self.look()


@pytest.mark.slow
@pytest.mark.parametrize(("edges", "server"), [(2, "EDGE01"), (1, "EDGE01"), (2, "HUB01")], ids=str)
def test_every_message_written_during_a_plan_arrives_within_its_promise(
    edges: int, server: str
) -> None:
    with trusting_lab(edges=edges) as lab, runner() as hands:
        pace = pace_of(lab)
        plan = plan_renewal(
            lab, (server,), fork=fork_lab, runner=hands, clock=SystemClock(), pace=pace
        )
        friend = Correspondent(lab)
        friend.write()
        for step in plan.steps:
            friend.wait(timedelta(seconds=pace.command_s))
            assert hands.run(lab, step.command).went_well
            friend.write()
        friend.wait(timedelta(hours=1))

        assert friend.refused == []
        assert set(friend.arrived) == set(friend.written), "mail is lost"
        longest = max(friend.arrived[n] - friend.written[n] for n in friend.written)
        assert longest <= timedelta(seconds=plan.mail_delay_s) + 2 * TICK


def test_the_classical_order_really_loses_mail() -> None:
    with trusting_lab(edges=1) as lab, runner() as hands:
        friend = Correspondent(lab)
        assert hands.run(lab, "cert renew EDGE01 --yes").went_well
        friend.write()
        friend.wait(timedelta(hours=1))
        assert friend.arrived == {}
