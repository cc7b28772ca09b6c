"""From servers to renew to a plan: commands that run as they stand, with the search's proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from directory.clock import Clock
from edgesync.certificates.certificate import thumbprint
from edgesync.errors import RefusedByRule, UsageError
from edgesync.lab.lab import Lab
from edgesync.lab.network import SMTP_PORT
from edgesync.organization.connectors import list_receive_connectors
from edgesync.organization.servers import ServerRole
from edgesync.planning import commands
from edgesync.planning.commands import Fork, Runner
from edgesync.planning.inquiry import Inquiry
from edgesync.planning.pairs import Topology
from edgesync.planning.search import NO_FAULT, Cost, Found, Pace, Played, Ranked, play, search
from edgesync.planning.truths import published_copy
from edgesync.planning.whatif import Rehearsal, rehearse
from edgesync.planning.world import Move, Setting, Verb, World, apply

SCHEMA = "edgesync.trust-plan/1"

OTHERS_MAX = 2
"""Servers beside the targets that are modelled: a third Hub or Edge adds nothing the second has
not, and every one multiplies the states."""

TARGETS_MAX = 3
"""Servers renewed in one plan; more is better done as several plans."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One command and its reason."""

    command: str
    why: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """An order somebody might have taken, and what it would have cost."""

    steps: tuple[str, ...]
    mail_delay_s: float | None
    """None: mail is delayed until somebody mends it."""
    why: str


@dataclass(frozen=True, slots=True)
class RenewalPlan:
    """The plan, what it costs, and why it is the best."""

    servers: tuple[str, ...]
    steps: tuple[PlannedStep, ...]
    mail_delay_s: float
    worst: Played
    states_explored: int
    cases_played: int
    rejected: tuple[Rejected, ...]
    pace: Pace
    rehearsal: Rehearsal | None = None
    """The plan run on a fork: how it really went there."""

    def document(self) -> dict[str, Any]:
        """The plan as the contract has it (3.4), with its assumptions."""
        last = self.rehearsal.last if self.rehearsal else None
        return {
            "schema": SCHEMA,
            "servers": list(self.servers),
            "steps": [{"command": s.command, "why": s.why} for s in self.steps],
            "mail_delay_s": self.mail_delay_s,
            "worst_case_s": self.worst.delay_s,
            "worst_case": str(self.worst.fault),
            "mail_lost": int(self.worst.lost),
            "states_explored": self.states_explored,
            "cases_played": self.cases_played,
            "rejected": [
                {"steps": list(r.steps), "mail_delay_s": r.mail_delay_s, "why": r.why}
                for r in self.rejected
            ],
            "assumptions": {
                "command_s": self.pace.command_s,
                "sync_interval_s": self.pace.sync_interval_s,
                "hub_retry_s": self.pace.hub_retry_s,
                "edge_retry_s": self.pace.edge_retry_s,
                "interruption_s": self.pace.interruption_s,
            },
            "rehearsed": {
                "trusted": not last.matrix.bad,
                "mail_delay_s": last.delay_s,
                "mail_lost": int(last.lost),
            }
            if last
            else None,
        }


def pace_of(lab: Lab, command_s: float | None = None) -> Pace:
    """The lab's version's pace, with the administrator's."""
    interval = lab.description.profile.sync.configuration_interval.total_seconds()
    default = Pace()
    return Pace(
        command_s=default.command_s if command_s is None else command_s, sync_interval_s=interval
    )


def plan_renewal(
    lab: Lab,
    servers: Sequence[str],
    *,
    fork: Fork,
    runner: Runner,
    clock: Clock,
    pace: Pace,
    certificate: str = "",
    remove_old: bool = True,
) -> RenewalPlan:
    """Search the order of steps that renews servers with the least mail delay and no loss.

    ``certificate`` is the thumbprint of one that is in the (single) server's store already, from
    an authority; without it a new self-signed one is made. The plan is run on a fork before it is
    returned.

    Raises:
        UsageError: too many servers, of several sites, or that have no internal certificate.
        RefusedByRule: direct trust is broken already, so there is nothing safe to start from.
    """
    topology = Topology.of(lab)
    names = tuple(dict.fromkeys(lab.server(s).name for s in servers))
    setting = _setting(lab, topology, names, certificate=certificate, remove_old=remove_old)
    if broken := Inquiry(lab, clock).matrix().bad:
        pair = broken[0].pair
        raise RefusedByRule(
            f"{pair.verifier} does not trust {pair.peer} now ({broken[0].reason}): "
            "a renewal has to start from where everything works",
            f"edgesync trust explain {pair.verifier} {pair.peer}",
        )
    found = search(setting, pace) if setting.edges else _unwatched(setting)
    best = found.best
    if best is None:
        raise RefusedByRule(
            "no order of steps was found within the limit", "renew fewer servers at once"
        )
    script = Script(lab, setting, certificate)
    steps = tuple(script.steps(best.order))
    rehearsal = rehearse(
        lab, [s.command for s in steps], fork=fork, runner=runner, clock=clock, pace=pace,
        settle=False,
    )  # fmt: skip
    failed = rehearsal.failed
    if failed is not None or rehearsal.last.matrix.bad:
        what = str(failed) if failed else rehearsal.last.matrix.bad[0].reason
        raise RefusedByRule(
            f"the plan did not hold when it was rehearsed: {what}",
            "edgesync trust whatif --do shows each step; please report the lab's description",
        )
    return RenewalPlan(
        names,
        steps,
        best.cost.delay_s,
        best.worst,
        found.states_explored,
        found.cases_played,
        tuple(_rejected(script, setting, pace, best.order, best.cost.delay_s)),
        pace,
        rehearsal,
    )


def _unwatched(setting: Setting) -> Found:
    """Servers that nobody knows by direct trust: any order will do."""
    first = [
        Move(verb, t)
        for t in setting.targets
        for verb in ((Verb.PREPARE, Verb.ENABLE) if t in setting.issued else (Verb.RENEW,))
    ]
    last = [Move(Verb.REMOVE, t) for t in setting.targets] if setting.remove_old else []
    order = (*first, *last)
    fine = Played(NO_FAULT, lost=False, delay_s=0.0, done=True)
    return Found(Ranked(order, Cost(lost=False, delay_s=0.0, effort=len(order)), fine, 1), 1, 1)


def _setting(
    lab: Lab,
    topology: Topology,
    names: tuple[str, ...],
    *,
    certificate: str,
    remove_old: bool,
) -> Setting:
    transport = ServerRole.HUB | ServerRole.EDGE | ServerRole.MAILBOX
    for name in names:
        if not lab.server(name).roles & transport:
            raise UsageError(
                f"{name} has no internal transport certificate", "name Hub or Edge servers"
            )
    if not 0 < len(names) <= TARGETS_MAX:
        raise UsageError(
            f"a plan renews 1 to {TARGETS_MAX} servers, not {len(names)}",
            "make several plans, one after the other",
        )
    if certificate and len(names) > 1:
        raise UsageError("a certificate is for one server", "plan one server at a time")
    sites = {_site(topology, name) for name in names} - {None}
    if len(sites) > 1:
        raise UsageError("the servers are of several AD sites", "make one plan per site")
    site = next(iter(sites), None)
    hubs = [h.name for h in topology.hubs if site is not None and h.site == site]
    edges = [e for e in topology.edges if site is not None and topology.site_of(e) == site]
    return Setting(
        _nearest([n for n in names if n not in lab.edges], hubs),
        _nearest([n for n in names if n in lab.edges], edges) if hubs else (),
        names,
        remove_old=remove_old,
        issued=frozenset(names) if certificate else frozenset(),
    )


def _site(topology: Topology, name: str) -> object:
    hub = topology.hub(name)
    return hub.site if hub is not None else topology.site_of(name)


def _nearest(targets: list[str], servers: list[str]) -> tuple[str, ...]:
    """The targets and a few others, in the order of the names."""
    others = [s for s in servers if s not in targets][:OTHERS_MAX]
    return tuple(sorted({*targets, *others}))


@dataclass(frozen=True, slots=True)
class Script:
    """Turns moves into commands and reasons."""

    lab: Lab
    setting: Setting
    certificate: str

    def steps(self, order: Sequence[Move]) -> Iterator[PlannedStep]:
        """Commands in order; a sync names the Hub that can do it then."""
        world = World.start(self.setting)
        for move in order:
            yield PlannedStep(self.command(move, world), self.why(move))
            if self.setting.edges:
                world = apply(self.setting, world, move)

    def command(self, move: Move, world: World) -> str:
        """One move as a command."""
        server = move.server
        match move.verb:
            case Verb.RENEW:
                return commands.renew(server)
            case Verb.PREPARE:
                return f"edgesync cert show {server} {self.certificate}"
            case Verb.ENABLE:
                return commands.make_default(server, self.certificate)
            case Verb.EXPORT:
                return commands.export(server)
            case Verb.IMPORT:
                return commands.import_(server, self._site(server))
            case Verb.SYNC:
                return commands.sync(server, self._syncing_hub(world, server))
            case Verb.CLOSE:
                return commands.set_connector(self._door(server), "--enabled", "false")
            case Verb.OPEN:
                return commands.set_connector(self._door(server), "--enabled", "true")
        old = published_copy(self.lab, server).der
        if server in self.lab.edges:
            old = self.lab.host(server).published()
        return commands.remove_certificate(server, thumbprint(old) if old else "")

    def why(self, move: Move) -> str:
        """One move's reason."""
        server = move.server
        return {
            Verb.RENEW: f"{server} gets a new certificate and presents it from now on",
            Verb.PREPARE: f"the new certificate is in the store of {server}",
            Verb.ENABLE: f"{server} presents the new certificate from now on",
            Verb.EXPORT: f"{server} writes its present certificate and a new bootstrap account",
            Verb.IMPORT: f"AD learns the certificate of {server}; Hubs get credentials; delete "
            "the file afterwards: it holds a password",
            Verb.SYNC: f"connectors, Hub certificates and accounts reach {server} now instead of "
            "at the next scheduled run",
            Verb.CLOSE: f"mail takes another way than {server} while it changes",
            Verb.OPEN: f"{server} takes mail again",
            Verb.REMOVE: f"nobody needs the old certificate of {server} any more",
        }[move.verb]

    def _site(self, edge: str) -> str:
        site = Topology.of(self.lab).site_of(edge)
        return site.rdn.value if site is not None else ""

    def _syncing_hub(self, world: World, edge: str) -> str:
        i = self.setting.edges.index(edge)
        able = (name for h, name in enumerate(self.setting.hubs) if world.key[i][h] == world.hub[h])
        return next(able, "")

    def _door(self, edge: str) -> str:
        """Identity of the Receive connector on port 25."""
        found = list_receive_connectors(self.lab.edge_port(edge), self.lab.edge(edge).names, edge)
        on_port = sorted((c for c in found if c.port == SMTP_PORT), key=lambda c: not c.enabled)
        return f"{edge}\\{on_port[0].name if on_port else ''}"


def _rejected(
    script: Script, setting: Setting, pace: Pace, best: Sequence[Move], delay_s: float
) -> Iterator[Rejected]:
    """The orders people take, and why the plan is better."""
    if not setting.edges:
        return
    for title, order in _obvious(setting):
        if tuple(order) == tuple(best):
            continue
        played = play(setting, pace, order)
        steps = tuple(s.command for s in script.steps(order))
        if not played.done:
            lost = "; mail is refused for good meanwhile" if played.lost else ""
            yield Rejected(steps, None, f"{title}: direct trust stays broken{lost}")
        elif played.lost:
            yield Rejected(steps, played.delay_s, f"{title}: mail is refused for good on the way")
        elif played.delay_s > delay_s:
            yield Rejected(
                steps, played.delay_s, f"{title}: mail waits {played.delay_s - delay_s:.0f} s more"
            )
        else:
            yield Rejected(steps, played.delay_s, f"{title}: no better, and less safe with a fault")


def _obvious(setting: Setting) -> Iterator[tuple[str, tuple[Move, ...]]]:
    first = tuple(
        Move(Verb.ENABLE if t in setting.issued else Verb.RENEW, t) for t in setting.targets
    )
    prepared = tuple(Move(Verb.PREPARE, t) for t in setting.targets if t in setting.issued)
    start = (*prepared, *first)
    edges = setting.edges
    syncs = tuple(Move(Verb.SYNC, e) for e in edges)
    again = tuple(Move(v, e) for e in edges for v in (Verb.EXPORT, Verb.IMPORT, Verb.SYNC))
    ahead = tuple(Move(v, e) for e in edges for v in (Verb.EXPORT, Verb.IMPORT))
    removal = tuple(Move(Verb.REMOVE, t) for t in setting.targets) if setting.remove_old else ()
    yield "renew and wait for the schedule", start
    if edges:
        yield "renew, then Start-EdgeSynchronization", (*start, *syncs)
        yield "renew, then subscribe again", (*start, *again, *removal)
        yield "subscribe again first, then renew", (*ahead, *start, *syncs)
