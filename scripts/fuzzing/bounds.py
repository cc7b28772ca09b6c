"""What an input may cost: CPU and memory per byte, measured on inputs made to cost the most.

Each grower of a target is tried at two sizes. Cost that grows with the square shows in the ratio of
CPU per byte; the search and the tests then have limits to hold parsers to.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

from scripts.fuzzing.lines import watched
from scripts.fuzzing.target import Target, execute

SMALL = 16 * 1024
FACTOR = 4
"""The second size is so many times the first."""

CPU_US_PER_BYTE_MAX = 25.0
"""CPU that a byte of the larger input may cost, microseconds: twice the dearest known, which is a
session that refuses every line; a message of 256 KiB from a stranger is read within seconds."""

MEMORY_PER_BYTE_MAX = 200.0
"""Memory at its peak per byte of the larger input: an object for every few bytes."""

MEMORY_FREE = 24 * 1024 * 1024
"""Bytes any input may take: caches, and the million of nulls that a few bytes of NRBF may claim."""

STEPS_RATIO_MAX = 6.0
"""Lines of Python run for an input four times as large: 4 and something where cost is linear, 16
where it grows with the square."""

STEPS_FREE = 20_000
"""Lines any input may run: what is refused at once takes about as many at either size."""


@dataclass(frozen=True)
class Cost:
    """What one hostile input cost at both sizes."""

    target: str
    grower: str
    octets: int
    cpu_us_per_byte: float
    growth: float
    """CPU per byte of the larger input by that of the smaller: 1 is linear."""
    memory_per_byte: float
    is_taken: bool

    @property
    def is_within(self) -> bool:
        """Whether the larger input stayed within the limits."""
        free = MEMORY_FREE / max(self.octets, 1)
        return (
            self.cpu_us_per_byte <= CPU_US_PER_BYTE_MAX
            and self.memory_per_byte <= MEMORY_PER_BYTE_MAX + free
        )


def measure(target: Target, size: int = SMALL) -> Iterator[Cost]:
    """The cost of every grower of a target. CPU time is this thread's, so that others may work."""
    for name, grow in target.growers.items():
        small, large = grow(size), grow(size * FACTOR)
        execute(target, small)
        before = _cpu_us(target, small) / max(len(small), 1)
        after = _cpu_us(target, large) / max(len(large), 1)
        tracemalloc.start()
        try:
            is_taken = execute(target, large)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        yield Cost(
            target.name, name, len(large), round(after, 3), round(after / max(before, 0.001), 2),
            round(peak / max(len(large), 1), 1), is_taken,
        )  # fmt: skip


def _cpu_us(target: Target, data: bytes) -> float:
    started = time.thread_time_ns()
    execute(target, data)
    return (time.thread_time_ns() - started) / 1000


def steps(target: Target, data: bytes) -> int:
    """Lines of our own packages that an input makes Python run."""
    return lines_run(lambda: execute(target, data))


def lines_run(work: Callable[[], object]) -> int:
    """Lines of our own packages that some work runs: the same number on every machine."""
    count = 0

    def seen(_frame: FrameType, event: str) -> None:
        nonlocal count
        count += event == "line"

    with watched(seen):
        work()
    return count
