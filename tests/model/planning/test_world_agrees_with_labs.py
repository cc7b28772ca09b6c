"""The small world that plans are searched in does what a real lab does, step by step."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from directory.clock import SystemClock
from edgesync.config import Version
from edgesync.lab.lab import Lab
from edgesync.planning.ask import Asker
from edgesync.planning.flow import flows_now
from edgesync.planning.matrix import build_matrix
from edgesync.planning.observation import Path
from edgesync.planning.pairs import Topology, all_pairs
from edgesync.planning.planner import Script
from edgesync.planning.world import (
    NEW,
    Flow,
    Move,
    Setting,
    Verb,
    World,
    apply,
    flows,
    moves,
)
from tests.support.trust_lab import runner, trusting_lab

HUBS, EDGES = ("HUB01", "HUB02"), ("EDGE01", "EDGE02")


def on_a_lab(lab: Lab) -> dict[str, Flow]:
    pairs = [p for p in all_pairs(Topology.of(lab)) if p.path is Path.SMTP]
    matrix = build_matrix(pairs, Asker(lab, SystemClock()), now=lab.clock.now())
    return {f.name: f.flow for f in flows_now(lab, matrix)}


def in_the_world(setting: Setting, world: World) -> dict[str, Flow]:
    names = (
        *(f"{hub} to the Internet" for hub in setting.hubs),
        *(f"Internet by {edge}" for edge in setting.edges),
    )
    return dict(zip(names, flows(setting, world), strict=True))


@settings(max_examples=15)
@given(
    targets=st.sampled_from([("EDGE01",), ("HUB01",), ("EDGE01", "HUB02"), EDGES]),
    choices=st.lists(st.integers(0, 30), min_size=3, max_size=8),
    version=st.sampled_from([Version.EXCHANGE_2007, Version.EXCHANGE_2019]),
)
def test_every_order_of_steps_moves_mail_alike_in_the_world_and_on_a_lab(
    targets: tuple[str, ...], choices: list[int], version: Version
) -> None:
    setting = Setting(HUBS, EDGES, targets)
    world = World.start(setting)
    with trusting_lab(version) as lab, runner() as hands:
        script = Script(lab, setting, "")
        done: list[Move] = []
        for choice in choices:
            possible = moves(setting, world)
            move = possible[choice % len(possible)]
            assert hands.run(lab, script.command(move, world)).went_well, (done, move)
            world = apply(setting, world, move)
            done.append(move)
            assert on_a_lab(lab) == in_the_world(setting, world), [str(m) for m in done]


def test_a_sync_the_world_calls_impossible_fails_on_a_lab_too() -> None:
    setting = Setting(HUBS, EDGES, ("EDGE01",))
    world = apply(setting, World.start(setting), Move(Verb.RENEW, "EDGE01"))
    assert world.edge[0] == NEW
    assert Move(Verb.SYNC, "EDGE01") not in moves(setting, world)
    with trusting_lab() as lab, runner() as hands:
        assert hands.run(lab, "cert renew EDGE01 --yes").went_well
        for hub in HUBS:
            assert not hands.run(lab, f"sync run --edge EDGE01 --hub {hub}").went_well
