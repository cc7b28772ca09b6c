"""Tries every order of steps and keeps the one that delays mail least and loses none.

Uniform-cost search over worlds: the cost of an order is (lost, delay, effort), where a message's
delay is the longest stretch its flow was held, rounded up to the queue's next try. The best
orders are then played again with the schedule and with one fault at every place, and the worst
outcome decides between them.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgesync.planning.world import (
    Flow,
    Move,
    Setting,
    Verb,
    World,
    apply,
    can_sync,
    flows,
    is_done,
    moves,
    sync_all,
)

STATES_MAX = 400_000
"""Most states explored before the search gives up; one Edge and two Hubs need a few hundred."""

LENGTH_MAX = 24
"""Longest plan: six steps for each of four servers."""

EFFORT = {Verb.EXPORT: 2, Verb.IMPORT: 2}
"""Steps that weigh more than one: a subscription leaves a file with a password to carry."""

FINALISTS_MAX = 40
"""Orders of equal cost that are played again with faults."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, seconds: the first is the administrator's, the rest the version's."""

    command_s: float = 60.0
    """From one command to the next: a person reads, types and looks."""
    sync_interval_s: float = 180.0
    """Between scheduled configuration syncs (edgesync-facts 4.3)."""
    hub_retry_s: float = 300.0
    """A Hub's queue tries again (certificate-facts 4.5)."""
    edge_retry_s: float = 600.0
    """An Edge's queue tries again (certificate-facts 4.5)."""
    interruption_s: float = 3600.0
    """The fault "somebody calls the administrator away"."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an order costs. Ordered: no loss first, then delay, then effort."""

    lost: bool
    delay_s: float
    effort: int
    """Steps, each by how much it disturbs."""

    @property
    def key(self) -> tuple[bool, float, int]:
        """For comparison."""
        return self.lost, self.delay_s, self.effort


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, before a step of the order."""

    kind: str
    """``none``, ``interrupted``, ``sync fails``, ``hub down``, ``scheduled sync``."""
    before: int = -1
    server: str = ""

    def __str__(self) -> str:
        place = f" before step {self.before + 1}" if self.before >= 0 else ""
        return f"{self.kind}{' of ' + self.server if self.server else ''}{place}"


NO_FAULT = Fault("none")


@dataclass(frozen=True, slots=True)
class Played:
    """What an order came to under one fault."""

    fault: Fault
    lost: bool
    delay_s: float
    done: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """An order with its cost, and with the worst of everything that may happen meanwhile."""

    order: tuple[Move, ...]
    cost: Cost
    worst: Played
    cases: int


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of a search. ``best`` None: no order reaches the goal."""

    best: Ranked | None
    states_explored: int
    cases_played: int
    runners_up: tuple[Ranked, ...] = ()


Held = tuple[float, ...]
"""How long each flow has been held without a break, seconds."""

_Twins = tuple[World, World]
"""The same order where the schedule never runs in between, and where it runs after every step."""
_Reached = tuple[bool, float, int, Held]
_Node = tuple[tuple[bool, float, int], int, _Twins, Held, tuple[Move, ...]]


def search(setting: Setting, pace: Pace) -> Found:
    """The best order of steps, with the proof: how many states were looked at."""
    start = World.start(setting)
    nothing: Held = (0.0,) * (len(setting.hubs) + len(setting.edges))
    counter = itertools.count()
    queue: list[_Node] = [((False, 0.0, 0), next(counter), (start, start), nothing, ())]
    settled: dict[_Twins, list[_Reached]] = {}
    finalists: list[tuple[tuple[Move, ...], Cost]] = []
    explored = 0
    while queue and explored < STATES_MAX:
        key, _, twins, held, order = heapq.heappop(queue)
        lost, delay, effort = key
        world, eager = twins
        if finalists and (lost, delay, effort) > finalists[0][1].key:
            break
        if is_done(setting, world) and is_done(setting, eager):
            finalists.append((order, Cost(lost, delay, effort)))
            if len(finalists) >= FINALISTS_MAX:
                break
            continue
        if _dominated(settled.setdefault(twins, []), (lost, delay, effort, held)):
            continue
        explored += 1
        if len(order) >= LENGTH_MAX:
            continue
        for move in moves(setting, world):
            after = apply(setting, world, move)
            if after == world:
                continue
            busy = sync_all(setting, apply(setting, eager, move))
            now_lost, now_held, longest = _dwell(setting, after, held, pace.command_s, pace)
            now_lost = now_lost or Flow.LOST in flows(setting, busy)
            cost = (lost or now_lost, max(delay, longest), effort + EFFORT.get(move.verb, 1))
            entry = (cost, next(counter), (after, busy), now_held, (*order, move))
            heapq.heappush(queue, entry)
    ranked = [rank(setting, pace, order, cost) for order, cost in finalists]
    ranked.sort(key=lambda r: (r.cost.lost or r.worst.lost, r.cost.delay_s, r.worst.delay_s))
    cases = sum(item.cases for item in ranked)
    return Found(ranked[0] if ranked else None, explored, cases, tuple(ranked[1:]))


def rank(setting: Setting, pace: Pace, order: Sequence[Move], cost: Cost) -> Ranked:
    """An order with the worst that may happen on the way."""
    played = [play(setting, pace, order, fault) for fault in faults(setting, order)]
    worst = max(played, key=lambda p: (p.lost, not p.done, p.delay_s))
    return Ranked(tuple(order), cost, worst, len(played))


def faults(setting: Setting, order: Sequence[Move]) -> Iterator[Fault]:
    """Everything one may meet on the way: the schedule at any moment, one fault at any moment."""
    yield NO_FAULT
    for at, move in enumerate(order):
        yield Fault("scheduled sync", at)
        yield Fault("interrupted", at)
        if move.verb is Verb.SYNC:
            yield Fault("sync fails", at, move.server)
        if len(setting.hubs) > 1:
            for hub in setting.hubs:
                yield Fault("hub down", at, hub)


def play(setting: Setting, pace: Pace, order: Sequence[Move], fault: Fault = NO_FAULT) -> Played:
    """Run an order under one fault. A step that cannot be made is waited for and made again."""
    world = World.start(setting)
    held: Held = (0.0,) * (len(setting.hubs) + len(setting.edges))
    lost, delay = False, 0.0

    def dwell(seconds: float, down: str = "") -> None:
        nonlocal held, lost, delay
        now_lost, held, longest = _dwell(setting, world, held, seconds, pace, down=down)
        lost, delay = lost or now_lost, max(delay, longest)

    for at, move in enumerate(order):
        down = ""
        if at == fault.before:
            if fault.kind == "scheduled sync":
                world = sync_all(setting, world)
            elif fault.kind == "interrupted":
                dwell(pace.interruption_s)
            elif fault.kind == "sync fails":
                dwell(pace.sync_interval_s)  # the lock has to run out, then the schedule does it
            elif fault.kind == "hub down":
                down = fault.server
        if move.verb is Verb.SYNC and not can_sync(setting, world, move.server, without=down):
            dwell(pace.sync_interval_s, down)
            down = ""
        world = apply(setting, world, move)
        dwell(pace.command_s, down)
    return Played(fault, lost, delay, is_done(setting, world))


def _dwell(
    setting: Setting, world: World, held: Held, seconds: float, pace: Pace, *, down: str = ""
) -> tuple[bool, Held, float]:
    hubs, edges = len(setting.hubs), len(setting.edges)
    retries = (pace.hub_retry_s,) * hubs + (pace.edge_retry_s,) * edges
    return pass_time(flows(setting, world, down=down), retries, held, seconds)


def pass_time(
    now: Sequence[Flow], retries: Sequence[float], held: Held, seconds: float
) -> tuple[bool, Held, float]:
    """Let time pass: whether mail was lost, how long each flow is held by then, the longest delay.

    A message that was held goes with its queue's next try, so a delay is a multiple of that.
    """
    lost, longest = False, 0.0
    after: list[float] = []
    for flow, retry, so_far in zip(now, retries, held, strict=True):
        if flow is Flow.OK:
            after.append(0.0)
            continue
        lost = lost or flow is Flow.LOST
        total = so_far + seconds if flow is Flow.HELD else so_far
        if total:
            longest = max(longest, math.ceil(total / retry) * retry)
        after.append(total)
    return lost, tuple(after), longest


def _dominated(known: list[_Reached], new: _Reached) -> bool:
    """Whether the same world was reached at no higher cost; else remember this way."""
    lost, delay, effort, held = new
    for other in known:
        if (
            other[0] <= lost
            and other[1] <= delay
            and other[2] <= effort
            and all(a <= b for a, b in zip(other[3], held, strict=True))
        ):
            return True
    known.append(new)
    return False
