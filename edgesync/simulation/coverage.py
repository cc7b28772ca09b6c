"""Which kinds of trouble a campaign met, and how often: what was never met was never tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

STRUCK = "struck "
"""Before a fault's name: how often it really hit something."""

_ALONE = frozenset({
    "advance", "settle", "subscribe", "hire", "fire", "rename", "domain", "drop-domain", "tamper",
    "race",
})  # fmt: skip
"""Verbs whose operands do not make another kind of step."""


def kind_of(step: str) -> str:
    """What kind of step this is: ``fault cut``, ``cert renew``, ``backup AD``, ``hire``."""
    words = step.split()
    if not words or words[0] in _ALONE:
        return words[0] if words else ""
    if words[0] in {"backup", "restore"}:
        return f"{words[0]} {'AD' if words[1].upper() == 'AD' else 'ADAM'}"
    return " ".join(words[:2])


@dataclass(frozen=True, slots=True)
class Met:
    """One kind of trouble over a whole campaign."""

    kind: str
    worlds: int
    """In how many worlds it came."""
    times: int
    struck: int | None
    """How often it hit something; None where a step itself is all there is to it."""


def coverage(worlds: Iterable[Mapping[str, int]]) -> Iterator[Met]:
    """What was met, by kind."""
    times: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for met in worlds:
        times.update(met)
        seen.update(met.keys())
    for kind in sorted(kind for kind in times if not kind.startswith(STRUCK)):
        name = kind.removeprefix("fault ")
        struck = times[STRUCK + name] if kind.startswith("fault ") or name == "race" else None
        yield Met(kind, seen[kind], times[kind], struck)
