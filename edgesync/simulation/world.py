"""A seed becomes a world: which lab, which faults may happen, and what happens in which order.

Swarm testing: each seed draws first which kinds of trouble it may use at all, so that some worlds
are all partitions and others all certificates, and then a story made of those. The story is a
scenario like any other, so it is played, shrunk and read like one.
"""

from __future__ import annotations

import random

from edgesync.config import Version
from edgesync.organization.names import DEFAULT_SITE
from edgesync.simulation.scenario import LabOptions, Scenario
from edgesync.simulation.troubles import CRASHES, TROUBLES, Swarm

STEPS_MIN, STEPS_MAX = 6, 24
"""Length of a story before quiet time."""

OPTIONS_SHARE = 0.5
"""Chance that a world may use a kind of trouble."""

PAUSE_SHARE, HEAL_SHARE = 0.6, 0.15
"""Chances that time passes after a trouble, and that all faults are healed."""

_PLAYED = frozenset({"advance", "fault", "heal", "send"})

_WRONG_CLOCKS = frozenset({"skews", "drifts"})


def _attempt(step: str) -> str:
    """What people try amid faults may be refused; that is no failure of the world."""
    is_play = step.partition(" ")[0] in _PLAYED
    return step if is_play or step.endswith("=> any") else f"{step} => any"


def _chosen(draw: random.Random) -> list[str]:
    """Kinds of trouble a world may use."""
    chosen = [name for name in TROUBLES if draw.random() < OPTIONS_SHARE]
    if _WRONG_CLOCKS & set(chosen):
        # a Hub whose clock is ahead takes another one's lock for expired: no lease can prevent that
        chosen = [name for name in chosen if name not in {"races", "interruptions"}]
    return chosen or ["recipients"]


def world(seed: int) -> Scenario:
    """The world of a seed: the same on every machine."""
    draw = random.Random(seed)
    chosen = _chosen(draw)
    lab = LabOptions(
        sites=1, hubs=draw.randint(1, 3), edges=draw.randint(1, 2), recipients=draw.choice((3, 8)),
        version=draw.choice((Version.EXCHANGE_2007, Version.EXCHANGE_2016)).value,
        durable=bool(CRASHES & set(chosen)),
    )  # fmt: skip
    swarm = Swarm(
        draw,
        [f"HUB{i + 1:02}" for i in range(lab.hubs)],
        [f"EDGE{i + 1:02}" for i in range(lab.edges)],
    )
    steps = [
        line for edge in swarm.edges for line in (f"subscribe {edge} {DEFAULT_SITE}", "advance 5m")
    ]
    for _ in range(draw.randint(STEPS_MIN, STEPS_MAX)):
        steps += map(_attempt, TROUBLES[draw.choice(chosen)](swarm))
        if draw.random() < PAUSE_SHARE:
            steps.append(f"advance {swarm.span()}")
        if draw.random() < HEAL_SHARE:
            steps.append("heal all")
    # the documented remedies; for every certificate job and restore: subscribe again
    steps += ["heal all", *dict.fromkeys(swarm.remedies)]
    steps += [*(f"subscribe {edge}" for edge in swarm.edges), "advance 1h", "settle"]
    steps += [f"sync run --edge {edge} --full => any" for edge in swarm.edges]
    steps += ["expect trusted", "expect in-sync", "expect queue 0"]
    return Scenario(
        f"seed-{seed}", f"World of seed {seed}: {', '.join(chosen)}", "world", tuple(steps),
        seed=seed, lab=lab,
    )  # fmt: skip
