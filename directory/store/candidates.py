"""What an index can say about a filter: nothing, a superset, or the answer; and how it came to it.

An index may be useless, never wrong: whoever takes candidates must test each of them against
the filter, unless they are Exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from directory.model.filter import Filter, format_filter


class Certainty(Enum):
    """How good candidates are."""

    ALL_IDS = "all entries"
    SUPERSET = "superset"
    EXACT = "exact"


class Candidates(NamedTuple):
    """Ids of entries that may match; meaningless for ALL_IDS."""

    certainty: Certainty
    ids: Sequence[int] = ()


ALL_IDS = Candidates(Certainty.ALL_IDS)
NOTHING = Candidates(Certainty.EXACT)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a filter is answered, as a tree that prints itself."""

    kind: str
    item: Filter | None
    """What it is the plan of; written out only when the plan is printed."""
    candidates: Candidates = field(repr=False)
    parts: tuple[Plan, ...] = ()
    rest: Filter | None = None
    """What is left to test of each candidate, where that is less than the whole."""

    def lines(self, depth: int = 0) -> list[str]:
        """One line for each step, indented."""
        certainty = self.candidates.certainty
        size = "" if certainty is Certainty.ALL_IDS else f" ({len(self.candidates.ids)} ids)"
        text = "" if self.item is None else format_filter(self.item)
        own = f"{'  ' * depth}{self.kind} {text}: {certainty.value}{size}"
        return [own, *[line for part in self.parts for line in part.lines(depth + 1)]]

    def __str__(self) -> str:
        return "\n".join(self.lines())
