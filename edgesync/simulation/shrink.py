"""A failing story made short: steps are left out as long as the same checker still fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edgesync.simulation.scenario import Scenario

TRIES_MAX = 200
"""Most plays one shrinking may cost: stories have about 60 steps."""


def shrink(scenario: Scenario, still_fails: Callable[[Scenario], bool]) -> Scenario:
    """The shortest scenario found that still fails (delta debugging, chunks of falling size)."""
    steps, tries = list(scenario.steps), 0
    size = max(1, len(steps) // 2)
    while tries < TRIES_MAX:
        start, cut = 0, False
        while start < len(steps) and tries < TRIES_MAX:
            fewer = steps[:start] + steps[start + size :]
            tries += 1
            if fewer and still_fails(replace(scenario, steps=tuple(fewer))):
                steps, cut = fewer, True
            else:
                start += size
        if not cut and size == 1:
            break
        size = max(1, size // 2)
    return replace(scenario, name=f"{scenario.name}-short", steps=tuple(steps))
