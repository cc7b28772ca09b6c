"""A row of the table: what is measured, in which unit, against which target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.benchmark.bench import Bench


class NotHere(Exception):
    """A row cannot be measured on this machine; says what is missing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one contender. ``figure`` is in the row's unit; what is unknown is None."""

    figure: float
    cpu_us: float | None = None
    """CPU of the server per operation, microseconds."""
    p50_us: float | None = None
    p99_us: float | None = None
    stall_ms: float | None = None
    """The longest another client had to wait meanwhile, milliseconds: what a probe saw."""
    turn_ms: float | None = None
    """The longest turn of our event loop, milliseconds of CPU: what of that was ours."""
    errors: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What the figure, or with ``times`` the ratio to the second contender, should be."""

    bound: float
    is_minimum: bool
    times: str = ""

    def is_met(self, value: float) -> bool:
        """Whether a figure or ratio is on the right side."""
        return value >= self.bound if self.is_minimum else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.is_minimum else '≤'} {self.bound:g}{' ×' if self.times else ''}"


def at_least(bound: float, *, times: str = "") -> Target:
    """More is better."""
    return Target(bound, is_minimum=True, times=times)


def at_most(bound: float, *, times: str = "") -> Target:
    """Less is better."""
    return Target(bound, is_minimum=False, times=times)


Contenders = Mapping[str, Callable[[], Sample]]
"""What is measured in turn: ours first, then what it is compared to."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. ``rounds`` where a round is too long to repeat as often as others."""

    name: str
    unit: str
    open: Callable[[Bench], AbstractContextManager[Contenders]]
    target: Target | None = None
    rounds: int | None = None
    grows: bool = False
    """Whether its cost is plotted over the number of entries."""
