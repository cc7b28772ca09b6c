"""A fork goes its own way, and when nobody holds it any more it is gone."""

from __future__ import annotations

import gc
import weakref

from directory.clock import ManualClock
from directory.dsa.instance import local_session
from directory.entropy import SeededEntropy
from directory.model.filter import parse_filter
from directory.model.messages import Scope, SearchRequest
from directory.store.entry import MARKS_MAX, Shapes
from tests.support.directories import USERS, Bench, ad


def asked_fork(bench: Bench) -> weakref.ref[object]:
    """Fork a directory, ask the fork for its users, and let go of it.

    What is watched is its store's own lock: a compiled store itself cannot be.
    """
    agent = bench.agent.fork(clock=ManualClock(bench.clock.now()), entropy=SeededEntropy(1))
    fork = Bench(agent, bench.clock, local_session(agent))
    assert len(fork.search(USERS).entries) > 1
    fork.search(USERS, attributes=("cn", "createTimeStamp"))
    request = SearchRequest(USERS, Scope.SUBTREE, parse_filter("(cn=Administrator)"), ("mail",))
    fork.ask(request)
    return weakref.ref(agent.context.store.lock)


def test_what_a_fork_and_its_directory_share_does_not_keep_the_fork() -> None:
    bench = ad()
    forks = [asked_fork(bench) for _ in range(3)]
    gc.collect()
    assert [fork() for fork in forks] == [None] * 3


def test_a_fork_answers_from_what_its_directory_has_made_ready() -> None:
    bench = ad()
    agent = bench.agent.fork(clock=bench.clock, entropy=SeededEntropy(2))
    ours, theirs = bench.agent.context.selections.of(()), agent.context.selections.of(())
    assert ours is not theirs
    assert ours.mark is theirs.mark


def test_questions_without_end_are_not_remembered_without_end() -> None:
    shapes = Shapes()
    shape = shapes.of(())
    for number in range(MARKS_MAX + 1):
        shape.selected[shapes.mark(number)] = number
    assert len(shape.selected) < MARKS_MAX
