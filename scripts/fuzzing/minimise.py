"""A campaign's corpus made small: the shortest inputs that still go everywhere it went.

libFuzzer's own merge starts its program again by its name, which a Python module has none of; what
Python's tracing sees, lines and the way from one to the next, tells inputs apart as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import CodeType, FrameType

from scripts.fuzzing.corpus import KEPT, inputs_in, kept_inputs, working_folder
from scripts.fuzzing.lines import watched
from scripts.fuzzing.target import Target, execute

INPUTS_MAX = 300
"""Most inputs kept of a target, so that all of them stay below 1 MB and replay in seconds."""

Edge = tuple[CodeType, int, int]


def minimise(target: Target) -> list[bytes]:
    """Keep the inputs in ``fixtures/fuzz/TARGET``; the ones that were there come first."""
    found = {*kept_inputs(target), *inputs_in(working_folder(target))} - set(target.seeds())
    chosen = covering(target, found, set().union(*(edges(target, s) for s in target.seeds())))
    folder = KEPT / target.name
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for number, data in enumerate(chosen):
        (folder / f"{number:03}").write_bytes(data)
    return chosen


def covering(target: Target, inputs: Iterable[bytes], seen: set[Edge]) -> list[bytes]:
    """The inputs, shortest first, that go where none before them went."""
    chosen = []
    for data in sorted(inputs, key=lambda data: (len(data), data)):
        ways = edges(target, data)
        if not ways <= seen:
            seen |= ways
            chosen.append(data)
        if len(chosen) == INPUTS_MAX:
            break
    return chosen


def edges(target: Target, data: bytes) -> set[Edge]:
    """The steps from line to line that an input makes in our own packages."""
    found: set[Edge] = set()
    last: dict[FrameType, int] = {}

    def seen(frame: FrameType, event: str) -> None:
        if event == "line":
            found.add((frame.f_code, last.get(frame, 0), frame.f_lineno))
            last[frame] = frame.f_lineno
        elif event == "return":
            last.pop(frame, None)

    with watched(seen):
        execute(target, data)
    return found
