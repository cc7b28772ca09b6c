"""The kinds of trouble a world may be made of: what happens once, as steps of its story."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

WRITES_MAX = 30
"""Latest write of a session that a fault strikes: a first full run has about this many."""

JOURNAL_WRITES_MAX = 60
"""Latest write of a journal at which everything dies: a subscription and its first run."""

MINUTES = (1, 300)
"""Shortest and longest span between two troubles."""

DAYS = ("1d", "6d", "20d")
"""Spans in which credentials and cookies grow old."""


@dataclass(slots=True)
class Swarm:
    """What one world is drawn from, and what its story has done so far."""

    random: random.Random
    hubs: Sequence[str]
    edges: Sequence[str]
    names: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)
    """Documented repairs that this story needs before its quiet time."""

    def pair(self) -> str:
        """A Hub and an Edge."""
        return f"{self.random.choice(self.hubs)} {self.random.choice(self.edges)}"

    def edge(self) -> str:
        """An Edge."""
        return self.random.choice(self.edges)

    def server(self) -> str:
        """A Hub or an Edge."""
        return self.random.choice([*self.hubs, *self.edges])

    def directory(self) -> str:
        """AD or an Edge, whose ADAM is meant."""
        return self.random.choice(["AD", *self.edges])

    def strike(self) -> int:
        """Which write a fault hits: early ones more often, since most runs are short."""
        return int(self.random.triangular(0, WRITES_MAX, 0))

    def span(self) -> str:
        """A while, to the minute."""
        shortest, longest = MINUTES
        return f"{int(shortest * (longest / shortest) ** self.random.random())}m"


Trouble = Callable[[Swarm], list[str]]


def _hire(swarm: Swarm) -> list[str]:
    name = f"new{len(swarm.names)}"
    swarm.names.append(name)
    return [f"hire {name}" + (" inside-only" if swarm.random.random() < 0.2 else "")]


def _fire(swarm: Swarm) -> list[str]:
    if not swarm.names:
        return _hire(swarm)
    return [f"fire {swarm.random.choice(swarm.names)}"]


def _rename(swarm: Swarm) -> list[str]:
    if not swarm.names:
        return _hire(swarm)
    return [f"rename {swarm.random.choice(swarm.names)} other{swarm.random.randrange(1000)}"]


def _domain(swarm: Swarm) -> list[str]:
    name = f"domain{swarm.random.randrange(10_000)}.test"
    if name in swarm.domains:
        return [f"drop-domain {name}"]
    swarm.domains.append(name)
    return [f"domain {name}"]


def _drop_domain(swarm: Swarm) -> list[str]:
    return [f"drop-domain {swarm.random.choice(swarm.domains)}"] if swarm.domains else []


def _renew(swarm: Swarm) -> list[str]:
    return [f"cert renew {swarm.server()} --yes"]


def _enable_by_mistake(swarm: Swarm) -> list[str]:
    server = swarm.server()
    answer = swarm.random.choice(("--yes", "--no"))
    return [
        f"cert new {server} --services None --friendly-name Public --no",
        f"cert enable {server} {{newest:{server}}} --services SMTP {answer}",
    ]


def _resubscribe(swarm: Swarm) -> list[str]:
    return [f"subscribe {swarm.edge()}"]


def _forget_half(swarm: Swarm) -> list[str]:
    """The subscription is removed on one side only."""
    edge = swarm.edge()
    side = swarm.random.choice(("organization", "edge"))
    return [f"subscription remove {edge} --side {side}"]


def _by_hand(swarm: Swarm) -> list[str]:
    hub, edge = swarm.pair().split()
    full = " --full" if swarm.random.random() < 0.3 else ""
    return [f"sync run --edge {edge} --hub {hub}{full} => any"]


def _race(swarm: Swarm) -> list[str]:
    if len(swarm.hubs) < 2:
        return _by_hand(swarm)
    return [f"race {swarm.edge()} {' '.join(swarm.hubs)}"]


def _tamper(swarm: Swarm) -> list[str]:
    """ADAM edited by hand: the documented remedy is a full run."""
    edge = swarm.edge()
    swarm.remedies.append(f"sync run --edge {edge} --full => any")
    return [f"tamper {edge}"]


def _restore_edge(swarm: Swarm) -> list[str]:
    edge = swarm.edge()
    return [f"backup {edge}", f"advance {swarm.span()}", f"restore {edge}"]


def _restore_ad(swarm: Swarm) -> list[str]:
    """AD goes back: servers publish their certificates again, the same way they did first."""
    between = swarm.random.choice((_renew, _hire, _domain, _resubscribe))(swarm)
    for hub in swarm.hubs:
        swarm.remedies.append(f"cert enable {hub} {{newest:{hub}}} --services SMTP --yes => any")
    return ["backup AD", f"advance {swarm.span()}", *between, f"advance {swarm.span()}",
            "restore AD"]  # fmt: skip


def _mail(swarm: Swarm) -> list[str]:
    return [f"send {swarm.random.choice(('inbound', 'outbound'))}"]


def _fault(name: str, operands: Callable[[Swarm], str]) -> Trouble:
    def begin(swarm: Swarm) -> list[str]:
        return [f"fault {name} {operands(swarm)}".strip()]

    return begin


def _struck(swarm: Swarm) -> str:
    return f"{swarm.pair()} {swarm.strike()}"


def _meanwhile(swarm: Swarm) -> str:
    """Something that people do while a Hub is at work: another trouble's last step."""
    hub, edge = swarm.pair().split()
    doing = swarm.random.choice((_hire, _fire, _domain, _renew, _by_hand, _resubscribe))
    steps = doing(swarm) or [f"sync run --edge {edge}"]
    return f"{hub} {edge} {swarm.strike()} {steps[-1].removesuffix(' => any')}"


def _dying(swarm: Swarm) -> str:
    at = int(swarm.random.triangular(0, JOURNAL_WRITES_MAX, 0))
    return f"{swarm.directory()} {at} {swarm.random.choice(('before', 'within', 'after'))}"


def _bad_line(name: str) -> Trouble:
    """The next connection breaks, and a message that takes it comes at once."""

    def begin(swarm: Swarm) -> list[str]:
        hub, edge = swarm.pair().split()
        inbound = swarm.random.random() < 0.5
        way = f"{edge} {hub}" if inbound else f"{hub} {edge}"
        at = swarm.random.randrange(12)
        return [f"fault {name} {way} {at}", f"send {'inbound' if inbound else 'outbound'}"]

    return begin


def _skewed(swarm: Swarm) -> str:
    return f"{swarm.server()} {swarm.random.choice(('-40m', '-3m', '5m', '2h'))}"


TROUBLES: dict[str, Trouble] = {
    "recipients": _hire,
    "departures": _fire,
    "renamed": _rename,
    "domains": _domain,
    "dropped-domains": _drop_domain,
    "renewals": _renew,
    "mistakes": _enable_by_mistake,
    "resubscriptions": _resubscribe,
    "half-removed": _forget_half,
    "manual-runs": _by_hand,
    "races": _race,
    "edits-in-adam": _tamper,
    "restores": _restore_edge,
    "restores-of-ad": _restore_ad,
    "mail": _mail,
    "partitions": _fault("cut", Swarm.pair),
    "lost-requests": _fault("lose-request", _struck),
    "lost-acknowledgements": _fault("lose-ack", _struck),
    "repeats": _fault("repeat", _struck),
    "interruptions": _fault("during", _meanwhile),
    "crashes": _fault("crash", _struck),
    "crashes-after": _fault("crash-after", _struck),
    "crashes-at-writes": _fault("crash-write", _dying),
    "skews": _fault("skew", _skewed),
    "drifts": _fault("drift", lambda s: f"{s.server()} {s.random.choice((-300, 200, 900))}"),
    "controllers": _fault("failover-dc", lambda _s: ""),
    "full-disks": _fault("disk-full", Swarm.directory),
    "stripped-tls": _fault("strip-tls", Swarm.pair),
    "garbled-tls": _fault("garble-tls", Swarm.pair),
    "resigned-tls": _fault("resign-tls", Swarm.pair),
    "impostors": _fault("impostor", Swarm.server),
    "broken-mail": _bad_line("break-mail"),
    "lost-receipts": _bad_line("lose-mail-ack"),
    "long-times": lambda swarm: [f"advance {swarm.random.choice(DAYS)}"],
}  # fmt: skip
"""Kinds of trouble by name; a world uses about half of them."""

CRASHES = frozenset({"crashes", "crashes-after", "crashes-at-writes"})
"""With these, a world's lab is kept on disk."""
