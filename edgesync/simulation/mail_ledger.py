"""Mail as the mailboxes and the outside world see it: lost, doubled, late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from edgesync.lab.lab import Lab
from edgesync.lab.network import Network

Report = Callable[[str, str], None]


@dataclass
class MailLedger:
    """Messages that were accepted, and what became of them: counted in the mailboxes."""

    sent: dict[str, tuple[datetime, str, bool]] = field(default_factory=dict)
    """Message-ID to when, recipient, and whether it goes to a mailbox of the lab."""
    ended: dict[str, datetime] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)

    def check(self, lab: Lab, lost_acks: int, report: Report) -> None:
        """Never twice, except for each receipt that got lost."""
        copies = self._copies(lab)
        twice = sum(count - 1 for count in copies.values() if count > 1)
        if twice > lost_acks:
            report("mail-duplicated", f"{twice} copies too many")

    def check_end(self, lab: Lab, report: Report) -> None:
        """After quiet time: every message arrived or came back."""
        copies = self._copies(lab)
        for message_id, (_, recipient, inside) in self.sent.items():
            arrived = copies[message_id] if inside else message_id in self.ended
            if not arrived and message_id not in self.returned:
                report("mail-lost", f"mail to {recipient} neither arrived nor came back")

    def check_delay(self, well_since: datetime, budget: timedelta, report: Report) -> None:
        """No message took longer than the budget; time in which something was wrong is free.

        ``well_since`` is when the last trouble was taken away.
        """
        for message_id, (at, recipient, _) in self.sent.items():
            ended = self.ended.get(message_id)
            if ended is not None and ended - max(at, well_since) > budget:
                minutes = (ended - max(at, well_since)).total_seconds() / 60
                report("mail-late", f"mail to {recipient} took {minutes:.0f} minutes too long")

    def longest_delay(self) -> timedelta:
        """Longest time from acceptance to arrival so far."""
        spans = (self.ended[m] - at for m, (at, _, _) in self.sent.items() if m in self.ended)
        return max(spans, default=timedelta(0))

    def _copies(self, lab: Lab) -> Counter[str]:
        boxes = lab.service(Network).mail().mailboxes
        found: Counter[str] = Counter()
        for mailbox in boxes.mailboxes():
            for message in boxes.messages(mailbox):
                head = message.content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
                for line in head.splitlines():
                    if line.lower().startswith("message-id:"):
                        found[line.partition(":")[2].strip()] += 1
        return found
