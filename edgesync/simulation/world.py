"""A seed becomes a world: which lab, which faults may happen, and what happens in which order.

Swarm testing: each seed draws first which kinds of trouble it may use at all, so that some worlds
are all partitions and others all certificates, and then a story made of those. The story is a
scenario like any other, so it is played, shrunk and read like one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgesync.config import Version
from edgesync.organization.names import DEFAULT_SITE
from edgesync.simulation.scenario import LabOptions, Scenario

STEPS_MIN, STEPS_MAX = 6, 24
"""Length of a story before quiet time."""

OPTIONS_SHARE = 0.5
"""Chance that a world may use a kind of trouble."""

WRITES_MAX = 30
"""Latest write of a session that a fault strikes: a first full run has about this many."""

_SPANS = ("1m", "4m", "7m", "31m", "1h", "2.5h", "5h")
_LONG_SPANS = ("1d", "6d", "20d")


@dataclass(frozen=True, slots=True)
class Swarm:
    """What one world is drawn from."""

    random: random.Random
    hubs: Sequence[str]
    edges: Sequence[str]
    names: list[str]
    domains: list[str]

    def pair(self) -> str:
        """A Hub and an Edge."""
        return f"{self.random.choice(self.hubs)} {self.random.choice(self.edges)}"

    def edge(self) -> str:
        """An Edge."""
        return self.random.choice(self.edges)

    def server(self) -> str:
        """A Hub or an Edge."""
        return self.random.choice([*self.hubs, *self.edges])

    def strike(self) -> int:
        """Which write a fault hits."""
        return self.random.randrange(WRITES_MAX)


Trouble = Callable[[Swarm], list[str]]


def _hire(swarm: Swarm) -> list[str]:
    name = f"new{len(swarm.names)}"
    swarm.names.append(name)
    return [f"hire {name}" + (" inside-only" if swarm.random.random() < 0.2 else "")]


def _fire(swarm: Swarm) -> list[str]:
    if not swarm.names:
        return []
    return [f"fire {swarm.names.pop(swarm.random.randrange(len(swarm.names)))}"]


def _domain(swarm: Swarm) -> list[str]:
    name = f"domain{swarm.random.randrange(10_000)}.test"
    if name in swarm.domains:
        return []
    swarm.domains.append(name)
    return [f"domain {name}"]


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


def _by_hand(swarm: Swarm) -> list[str]:
    hub, edge = swarm.pair().split()
    full = " --full" if swarm.random.random() < 0.3 else ""
    return [f"sync run --edge {edge} --hub {hub}{full} => any"]


def _backup(swarm: Swarm) -> list[str]:
    edge = swarm.edge()
    span = swarm.random.choice(_SPANS)
    return [f"backup {edge}", f"advance {span}", f"restore {edge}"]


def _mail(swarm: Swarm) -> list[str]:
    return [f"send {swarm.random.choice(('inbound', 'outbound'))}"]


def _fault(name: str, operands: Callable[[Swarm], str]) -> Trouble:
    def begin(swarm: Swarm) -> list[str]:
        return [f"fault {name} {operands(swarm)}".strip()]

    return begin


def _struck(swarm: Swarm) -> str:
    return f"{swarm.pair()} {swarm.strike()}"


def _struck_inbound(swarm: Swarm) -> str:
    hub, edge = swarm.pair().split()
    return f"{edge} {hub} {swarm.strike()}"


def _skewed(swarm: Swarm) -> str:
    return f"{swarm.server()} {swarm.random.choice(('-40m', '-3m', '5m', '2h'))}"


TROUBLES: dict[str, Trouble] = {
    "recipients": _hire,
    "departures": _fire,
    "domains": _domain,
    "renewals": _renew,
    "mistakes": _enable_by_mistake,
    "resubscriptions": _resubscribe,
    "manual-runs": _by_hand,
    "restores": _backup,
    "mail": _mail,
    "partitions": _fault("cut", Swarm.pair),
    "lost-requests": _fault("lose-request", _struck),
    "lost-acknowledgements": _fault("lose-ack", _struck),
    "repeats": _fault("repeat", _struck),
    "crashes": _fault("crash", _struck),
    "crashes-after": _fault("crash-after", _struck),
    "skews": _fault("skew", _skewed),
    "drifts": _fault("drift", lambda s: f"{s.server()} {s.random.choice((-300, 200, 900))}"),
    "controllers": _fault("failover-dc", lambda _s: ""),
    "full-disks": _fault("disk-full", Swarm.edge),
    "stripped-tls": _fault("strip-tls", Swarm.pair),
    "garbled-tls": _fault("garble-tls", Swarm.pair),
    "impostors": _fault("impostor", Swarm.server),
    "broken-mail": _fault("break-mail", _struck_inbound),
    "lost-receipts": _fault("lose-mail-ack", _struck_inbound),
    "long-times": lambda swarm: [f"advance {swarm.random.choice(_LONG_SPANS)}"],
}  # fmt: skip
"""Kinds of trouble by name; a world uses about half of them."""

_LASTING = {"skews", "drifts", "partitions", "full-disks"}
"""With these, long times would be days of runs that fail or cannot be left out."""


def _attempt(step: str) -> str:
    """What people try amid faults may be refused; that is no failure of the world."""
    is_play = step.partition(" ")[0] in {"advance", "fault", "heal", "send"}
    return step if is_play or step.endswith("=> any") else f"{step} => any"


def world(seed: int) -> Scenario:
    """The world of a seed: the same on every machine."""
    draw = random.Random(seed)
    hubs, edges = draw.randint(1, 3), draw.randint(1, 2)
    chosen = [name for name in TROUBLES if draw.random() < OPTIONS_SHARE] or ["recipients"]
    if _LASTING & set(chosen) and "long-times" in chosen:
        chosen.remove("long-times")
    chosen = chosen or ["recipients"]
    lab = LabOptions(
        sites=1, hubs=hubs, edges=edges, recipients=draw.choice((0, 3, 8)) or 3,
        version=draw.choice((Version.EXCHANGE_2007, Version.EXCHANGE_2016)).value,
        durable=bool({"crashes", "crashes-after"} & set(chosen)),
    )  # fmt: skip
    swarm = Swarm(
        draw,
        [f"HUB{i + 1:02}" for i in range(hubs)],
        [f"EDGE{i + 1:02}" for i in range(edges)],
        [],
        [],
    )
    steps = [
        line for edge in swarm.edges for line in (f"subscribe {edge} {DEFAULT_SITE}", "advance 5m")
    ]
    for _ in range(draw.randint(STEPS_MIN, STEPS_MAX)):
        steps += map(_attempt, TROUBLES[draw.choice(chosen)](swarm))
        if draw.random() < 0.6:
            steps.append(f"advance {draw.choice(_SPANS)}")
        if draw.random() < 0.15:
            steps.append("heal all")
    # the documented remedy for every certificate job and restore: subscribe again
    steps += ["heal all", *(f"subscribe {edge}" for edge in swarm.edges), "advance 1h", "settle"]
    steps += [f"sync run --edge {edge} --full => any" for edge in swarm.edges]
    steps += ["expect trusted", "expect in-sync", "expect queue 0"]
    return Scenario(
        f"seed-{seed}", f"World of seed {seed}: {', '.join(chosen)}", "world", tuple(steps),
        seed=seed, lab=lab,
    )  # fmt: skip
