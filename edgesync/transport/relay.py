"""One attempt at a hop: its servers in turn, until one takes the messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgesync.transport.command import RcptTo
from edgesync.transport.host import TransportHost
from edgesync.transport.link import Dial
from edgesync.transport.queue import wrapped
from edgesync.transport.reply import Reply
from edgesync.transport.routing import NextHop
from edgesync.transport.sender import Item, deliver

HOSTS_MAX = 5
"""Servers of one hop tried in one attempt."""


@dataclass
class Attempt:
    """What the servers said, by message number; ``error`` is why the rest waits."""

    target: str = ""
    answers: dict[int, list[tuple[RcptTo, Reply]]] = field(default_factory=dict)
    error: str = ""
    offers_dsn: bool = False


def relay(
    host: TransportHost, hop: NextHop, targets: Sequence[str], items: Sequence[Item], dial: Dial
) -> Attempt:
    """Hand messages to the first server of a hop that takes them."""
    attempt = Attempt()
    waiting = list(items)
    for target in targets[:HOSTS_MAX]:
        attempt.target = target
        attempt.error = ""
        while waiting and not attempt.error:
            outcome = deliver(host, hop, target, waiting, dial)
            attempt.offers_dsn = outcome.offers_dsn
            for item, recipient, said in outcome.answers:
                attempt.answers.setdefault(item.number, []).append((recipient, said))
                if said.is_transient:
                    attempt.error = str(said)
            waiting = [item for item in waiting if item.number not in attempt.answers]
            if outcome.failure is not None:
                attempt.error = wrapped(outcome.failure)
        if not waiting:
            break
    return attempt
