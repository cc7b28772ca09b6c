"""A renewal boiled down: what each server presents, what each directory holds, what still flows.

Small enough to try every order of steps; a test replays orders on a forked lab and compares. A
certificate is a generation: 0 the one in use before, 1 its successor. Sources: certificate-facts
4.2, 4.5, 4.8; edgesync-facts 1.2, 1.5, 3.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")
OLD, NEW, NONE = 0, 1, -1


class Verb(StrEnum):
    """The primitive steps of a plan."""

    RENEW = "renew"
    """New certificate, made the default at once (Hub: AD changes with it; Edge: its own ADAM)."""
    PREPARE = "prepare"
    """New certificate in the store only; the prompt is answered No."""
    ENABLE = "enable"
    """The prepared certificate becomes the default."""
    EXPORT = "export"
    IMPORT = "import"
    SYNC = "sync"
    CLOSE = "close"
    """Drain an Edge: its Receive connector off, so that mail takes the other Edge."""
    OPEN = "open"
    REMOVE = "remove"
    """The old certificate out of the store."""


@dataclass(frozen=True, slots=True, order=True)
class Move:
    """One step on one server."""

    verb: Verb
    server: str

    def __str__(self) -> str:
        return f"{self.verb.value} {self.server}"


@dataclass(frozen=True, slots=True)
class Setting:
    """What does not change during a plan."""

    hubs: tuple[str, ...]
    """Hubs of the site, all of which take part in EdgeSync."""
    edges: tuple[str, ...]
    """Edges subscribed to the site."""
    targets: tuple[str, ...]
    """Servers whose certificate is renewed."""
    remove_old: bool = True
    """Whether the plan ends with the old certificates gone; they go once nobody needs them."""
    issued: frozenset[str] = frozenset()
    """Targets whose new certificate comes from an authority: imported first, enabled later."""

    def is_edge(self, server: str) -> bool:
        """Whether a server is one of the Edges."""
        return server in self.edges


class Flow(StrEnum):
    """What becomes of a message that sets out now."""

    OK = "ok"
    HELD = "held"
    """It waits in a queue and will go later."""
    LOST = "lost"
    """It is refused for good: the sender gets it back."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that changes during a plan. Tuples run along ``Setting.hubs`` or ``.edges``."""

    hub: tuple[int, ...]
    """Generation each Hub presents; AD has the same, since one attribute says both."""
    edge: tuple[int, ...]
    """Generation each Edge presents."""
    ad: tuple[int, ...]
    """AD's copy of each Edge."""
    adam: tuple[tuple[int, ...], ...]
    """Per Edge: its copy of each Hub."""
    key: tuple[tuple[int, ...], ...]
    """Per Edge: the generation of each Hub that the Hub's credential was made for."""
    routes: tuple[bool, ...]
    """Per Edge: whether replicated connectors and domains are there (an export deletes them)."""
    open: tuple[bool, ...]
    """Per Edge: whether it takes connections."""
    file: tuple[int, ...]
    """Per Edge: generation in a subscription file that waits to be imported; NONE without one."""
    prepared: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()

    @classmethod
    def start(cls, setting: Setting) -> World:
        """Everything agrees, on the old certificates."""
        h, e = len(setting.hubs), len(setting.edges)
        copies = ((OLD,) * h,) * e
        return cls(
            (OLD,) * h,
            (OLD,) * e,
            (OLD,) * e,
            copies,
            copies,
            (True,) * e,
            (True,) * e,
            (NONE,) * e,
        )


def moves(setting: Setting, world: World) -> list[Move]:
    """The steps that can be taken and change something, in a fixed order."""
    found: list[Move] = []
    for server in setting.targets:
        present = _generation(setting, world, server)
        if present == OLD:
            if server in world.prepared:
                found.append(Move(Verb.ENABLE, server))
            else:
                first = Verb.PREPARE if server in setting.issued else Verb.RENEW
                found.append(Move(first, server))
        elif setting.remove_old and server not in world.removed and _agrees(world):
            found.append(Move(Verb.REMOVE, server))
    for i, edge in enumerate(setting.edges):
        if world.file[i] == NONE:
            found.append(Move(Verb.EXPORT, edge))
        else:
            found.append(Move(Verb.IMPORT, edge))
        if can_sync(setting, world, edge):
            found.append(Move(Verb.SYNC, edge))
        found.append(Move(Verb.CLOSE if world.open[i] else Verb.OPEN, edge))
    return found


def apply(setting: Setting, world: World, move: Move) -> World:
    """The world after a step. A sync that cannot be made changes nothing."""
    server = move.server
    if move.verb in {Verb.RENEW, Verb.ENABLE}:
        return _enable(setting, world, server)
    if move.verb is Verb.PREPARE:
        return replace(world, prepared=world.prepared | {server})
    if move.verb is Verb.REMOVE:
        return replace(world, removed=world.removed | {server})
    i = setting.edges.index(server)
    match move.verb:
        case Verb.EXPORT:
            return replace(
                world,
                file=_set(world.file, i, world.edge[i]),
                routes=_set(world.routes, i, value=False),
            )
        case Verb.IMPORT:
            return replace(
                world,
                ad=_set(world.ad, i, world.file[i]),
                key=_set(world.key, i, world.hub),
                file=_set(world.file, i, NONE),
            )
        case Verb.SYNC:
            return sync(setting, world, server)
        case _:
            return replace(world, open=_set(world.open, i, value=move.verb is Verb.OPEN))


def can_sync(setting: Setting, world: World, edge: str, *, without: str = "") -> bool:
    """Whether some Hub (``without`` one) finds the Edge's certificate right and can log on."""
    i = setting.edges.index(edge)
    if world.ad[i] != world.edge[i] or world.file[i] != NONE:
        return False  # 10104; and an export ends the accounts of the subscription before it
    return any(
        world.key[i][h] == world.hub[h] for h, name in enumerate(setting.hubs) if name != without
    )


def sync(setting: Setting, world: World, edge: str, *, without: str = "") -> World:
    """EdgeSync for one Edge: Hub certificates and connectors arrive, if any Hub can do it."""
    if not can_sync(setting, world, edge, without=without):
        return world
    i = setting.edges.index(edge)
    return replace(
        world, adam=_set(world.adam, i, world.hub), routes=_set(world.routes, i, value=True)
    )


def sync_all(setting: Setting, world: World, *, without: str = "") -> World:
    """What the schedule does by itself."""
    for edge in setting.edges:
        world = sync(setting, world, edge, without=without)
    return world


def outbound(setting: Setting, world: World, hub: str, *, down: str = "") -> Flow:
    """Mail from a Hub to the Internet: through any Edge that takes it and can pass it on.

    An Edge that does not know the Hub's certificate treats it as a stranger and refuses to relay.
    """
    if hub == down:
        return Flow.OK  # what waits on a server that is down waits for that, not for the plan
    h = setting.hubs.index(hub)
    return out_through(
        (_hop(world.open[i] and world.ad[i] == world.edge[i], world.adam[i][h] == world.hub[h]),
         world.routes[i])
        for i in range(len(setting.edges))
    )  # fmt: skip


def _hop(reached: bool, known: bool) -> Flow:
    """One connection: the sender must find the receiver right, and be known to it."""
    if not reached:
        return Flow.HELD
    return Flow.OK if known else Flow.LOST


def out_through(edges: Iterable[tuple[Flow, bool]]) -> Flow:
    """Outbound mail, given the hop to each Edge and whether that Edge has a way on.

    A hop that cannot be made leads to the next Edge; any other may be the one that is taken, so
    the worst of those counts.
    """
    taken = [(hop, passes_on) for hop, passes_on in edges if hop is not Flow.HELD]
    if any(hop is Flow.LOST for hop, _ in taken):
        return Flow.LOST
    if not taken or not all(passes_on for _, passes_on in taken):
        return Flow.HELD  # nobody takes it, or one takes it and is stuck with it
    return Flow.OK


def in_through(hubs: Iterable[Flow], *, knows_domains: bool, has_route: bool) -> Flow:
    """Inbound mail at an Edge, given the hop to each Hub: the first that takes it decides.

    An Edge without accepted domains refuses to relay: the mail goes back to its sender.
    """
    if not knows_domains:
        return Flow.LOST
    if not has_route:
        return Flow.HELD
    return next((hop for hop in hubs if hop is not Flow.HELD), Flow.HELD)


def inbound(setting: Setting, world: World, edge: str, *, down: str = "") -> Flow:
    """Mail that reached an Edge: to any Hub both sides agree on."""
    i = setting.edges.index(edge)
    if not world.open[i]:
        return Flow.OK if any(world.open) else Flow.HELD  # senders take the other MX
    hops = (
        _hop(name != down and world.adam[i][h] == world.hub[h], world.ad[i] == world.edge[i])
        for h, name in enumerate(setting.hubs)
    )
    return in_through(hops, knows_domains=world.routes[i], has_route=world.routes[i])


def flows(setting: Setting, world: World, *, down: str = "") -> tuple[Flow, ...]:
    """Every flow of mail: out of each Hub, then in through each Edge."""
    return (
        *(outbound(setting, world, hub, down=down) for hub in setting.hubs),
        *(inbound(setting, world, edge, down=down) for edge in setting.edges),
    )


def is_done(setting: Setting, world: World) -> bool:
    """Whether every target is renewed, everything agrees, and nothing is left half open."""
    if any(_generation(setting, world, server) != NEW for server in setting.targets):
        return False
    if setting.remove_old and not set(setting.targets) <= world.removed:
        return False
    return _agrees(world)


def _agrees(world: World) -> bool:
    """Whether every copy is right and every door open."""
    return (
        world.ad == world.edge
        and all(copy == world.hub for copy in world.adam)
        and all(key == world.hub for key in world.key)
        and all(world.routes)
        and all(world.open)
        and all(file == NONE for file in world.file)
    )


def _enable(setting: Setting, world: World, server: str) -> World:
    if setting.is_edge(server):
        return replace(world, edge=_set(world.edge, setting.edges.index(server), NEW))
    return replace(world, hub=_set(world.hub, setting.hubs.index(server), NEW))


def _generation(setting: Setting, world: World, server: str) -> int:
    if setting.is_edge(server):
        return world.edge[setting.edges.index(server)]
    return world.hub[setting.hubs.index(server)]


def _set(values: tuple[T, ...], at: int, value: T) -> tuple[T, ...]:
    return (*values[:at], value, *values[at + 1 :])
