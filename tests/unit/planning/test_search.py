"""The search finds the best order there is: compared with trying every order without cleverness."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesync.planning.search import NO_FAULT, Pace, faults, pass_time, play, search
from edgesync.planning.world import (
    Flow,
    Move,
    Setting,
    Verb,
    World,
    apply,
    flows,
    is_done,
    moves,
    sync_all,
)

PACE = Pace()
ONE_EACH = Setting(("HUB01",), ("EDGE01",), ("EDGE01",))
SETTINGS = [
    ONE_EACH,
    Setting(("HUB01",), ("EDGE01",), ("HUB01",)),
    Setting(("HUB01", "HUB02"), ("EDGE01",), ("EDGE01",)),
    Setting(("HUB01", "HUB02"), ("EDGE01", "EDGE02"), ("EDGE01",)),
    Setting(("HUB01", "HUB02"), ("EDGE01", "EDGE02"), ("HUB02",)),
    Setting(("HUB01", "HUB02"), ("EDGE01", "EDGE02"), ("EDGE01", "EDGE02")),
    Setting(("HUB01",), ("EDGE01",), ("HUB01",), remove_old=False),
    Setting(("HUB01",), ("EDGE01",), ("EDGE01",), issued=frozenset({"EDGE01"})),
]


def every_order(setting: Setting, length: int) -> Iterator[tuple[Move, ...]]:
    """Every order of at most ``length`` steps that reaches the goal; nothing is pruned."""

    def extend(world: World, order: tuple[Move, ...]) -> Iterator[tuple[Move, ...]]:
        if is_done(setting, world):
            yield order
        elif len(order) < length:
            for move in moves(setting, world):
                yield from extend(apply(setting, world, move), (*order, move))

    yield from extend(World.start(setting), ())


def is_lossless(setting: Setting, order: tuple[Move, ...]) -> bool:
    """Whether no mail is lost, be the schedule silent or eager."""
    world = eager = World.start(setting)
    for move in order:
        world = apply(setting, world, move)
        eager = sync_all(setting, apply(setting, eager, move))
        if Flow.LOST in (*flows(setting, world), *flows(setting, eager)):
            return False
    return True


@pytest.mark.parametrize("target", ["EDGE01", "HUB01"])
def test_no_order_at_all_beats_the_one_that_is_found(target: str) -> None:
    setting = Setting(("HUB01",), ("EDGE01",), (target,), remove_old=False)
    best = search(setting, PACE).best
    assert best is not None
    rivals = [o for o in every_order(setting, 8) if is_lossless(setting, o)]
    assert len(rivals) > 1
    assert min(play(setting, PACE, o).delay_s for o in rivals) == best.cost.delay_s


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_the_order_found_reaches_the_goal_and_loses_no_mail_whatever_happens(
    setting: Setting,
) -> None:
    best = search(setting, PACE).best
    assert best is not None
    for fault in faults(setting, best.order):
        played = play(setting, PACE, best.order, fault)
        assert played.done, fault
        assert not played.lost, fault
        assert played.delay_s <= best.worst.delay_s


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_the_cost_of_an_order_is_what_playing_it_costs(setting: Setting) -> None:
    best = search(setting, PACE).best
    assert best is not None
    assert play(setting, PACE, best.order).delay_s == best.cost.delay_s


def test_a_second_edge_makes_the_difference() -> None:
    alone = search(Setting(("HUB01",), ("EDGE01",), ("EDGE01",)), PACE).best
    paired = search(Setting(("HUB01",), ("EDGE01", "EDGE02"), ("EDGE01",)), PACE).best
    assert alone is not None
    assert paired is not None
    assert alone.cost.delay_s > 0
    assert paired.cost.delay_s == 0


def test_the_classical_order_loses_mail() -> None:
    order = [Move(v, "EDGE01") for v in (Verb.RENEW, Verb.EXPORT, Verb.IMPORT, Verb.SYNC)]
    assert play(ONE_EACH, PACE, order, NO_FAULT).lost


@given(
    st.lists(st.sampled_from([Flow.OK, Flow.HELD]), min_size=1, max_size=20),
    st.integers(1, 900),
)
def test_a_delay_is_a_multiple_of_the_retry_and_covers_the_stretch(
    course: list[Flow], seconds: int
) -> None:
    held: tuple[float, ...] = (0.0,)
    longest, stretch, worst = 0.0, 0, 0
    for flow in course:
        _, held, delay = pass_time([flow], [300.0], held, seconds)
        longest = max(longest, delay)
        stretch = stretch + seconds if flow is Flow.HELD else 0
        worst = max(worst, stretch)
    assert longest % 300 == 0
    assert worst <= longest < worst + 300
