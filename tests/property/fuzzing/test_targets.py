"""Every fuzz target on the inputs kept of campaigns, on changed ones, and on those that cost most.

A short run of what scripts/fuzz does for hours (docs/fuzzing.md). It starts from inputs that were
found by coverage and needs no tool.
"""

from __future__ import annotations

import tracemalloc
from importlib import import_module

import pytest

from directory.errors import DecodeError, InvalidDN
from edgesync.errors import InputInvalid
from scripts.fuzzing.bounds import (
    FACTOR,
    MEMORY_FREE,
    MEMORY_PER_BYTE_MAX,
    STEPS_FREE,
    STEPS_RATIO_MAX,
    steps,
)
from scripts.fuzzing.corpus import kept_inputs
from scripts.fuzzing.mutation import mutated
from scripts.fuzzing.target import PromiseBroken, Target, execute
from scripts.fuzzing.targets import MODULES, NAMES, find_target

MUTATIONS = 2000
"""Changed inputs of each target in one run: campaigns try ten million."""

SLOW = {"smtp-session": 200, "http": 800, "command-line": 800}
"""Targets that take most of a millisecond for each input, and how many they get."""

SMALL = 4 * 1024
"""Octets of the smaller hostile input: enough for a square to show, little enough to be traced."""

ANSWERS_NOTHING = {"scram"}
"""Targets whose parser takes no seed: nobody can prove a password that was not made for us."""

GROWERS = [(name, grower) for name in NAMES for grower in find_target(name).growers]


@pytest.mark.parametrize("name", NAMES)
def test_a_parser_takes_or_refuses_whatever_comes(name: str) -> None:
    target = find_target(name)
    inputs = [*target.seeds(), *kept_inputs(target)]
    count = SLOW.get(name, MUTATIONS)
    for data in (*inputs, *mutated(target, inputs, count, seed=len(inputs))):
        execute(target, data)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ANSWERS_NOTHING])
def test_there_is_a_seed_that_the_parser_takes(name: str) -> None:
    target = find_target(name)
    taken = [execute(target, seed) for seed in target.seeds()]
    assert any(taken)


@pytest.mark.parametrize(("name", "grower"), GROWERS)
def test_a_hostile_input_costs_what_it_weighs(name: str, grower: str) -> None:
    target = find_target(name)
    grow = target.growers[grower]
    small, large = grow(SMALL), grow(SMALL * FACTOR)
    execute(target, grow(SMALL // 2))  # what is worked out once
    limit = STEPS_RATIO_MAX * steps(target, small) + STEPS_FREE
    assert steps(target, large) < limit
    tracemalloc.start()
    try:
        execute(target, large)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_FREE + MEMORY_PER_BYTE_MAX * len(large)


def test_every_target_is_in_the_module_that_the_register_says() -> None:
    found = {
        module: {t.name for t in import_module(f"scripts.fuzzing.targets.{module}").TARGETS}
        for module in MODULES
    }
    assert found == {module: set(names) for module, names in MODULES.items()}
    assert len(set(NAMES)) == len(NAMES)


def _target(error: Exception | None) -> Target:
    def run(_: bytes) -> None:
        if error is not None:
            raise error

    refusals = (InvalidDN, DecodeError, InputInvalid)
    return Target("t", "", "", run, refusals, lambda: (b"",), words=(b"w",))


def test_an_error_that_is_no_answer_is_a_crash() -> None:
    assert execute(_target(None), b"")
    assert not execute(_target(InvalidDN("abc", 3, "why")), b"")
    with pytest.raises(KeyError):
        execute(_target(KeyError("x")), b"")


@pytest.mark.parametrize(
    "error", [InvalidDN("abc", 4, "why"), DecodeError(-1, "", "why"), InputInvalid("what", "")]
)
def test_a_refusal_that_does_not_say_where_or_what_to_do_is_a_crash(error: Exception) -> None:
    with pytest.raises(PromiseBroken):
        execute(_target(error), b"")


def test_the_same_seed_gives_the_same_inputs() -> None:
    inputs = [b"some input", b"another"]
    first = list(mutated(_target(None), inputs, 50, seed=1))
    assert first == list(mutated(_target(None), inputs, 50, seed=1))
    assert first != list(mutated(_target(None), inputs, 50, seed=2))
    assert len(set(first)) > 40
