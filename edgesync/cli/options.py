"""Options that every command takes, before or after the sub-command (contract section 2)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgesync.errors import UsageError

FORMATS = ("table", "list", "json", "jsonl", "csv", "ldif", "html", "svg", "ics", "junit")
COLOURS = ("auto", "always", "never")

HELP = """Global options, before or after the sub-command:
  --lab PATH            the lab's folder (default $EDGESYNC_LAB or ./.edgesync)
  -o, --output FORMAT   table, list, json, jsonl, csv, ldif (default table)
  -y, --yes / --no      answer the command's question
  -q, --quiet           no notes or progress on stderr
  -v, --verbose         more of them
  --progress json       progress as one JSON line a second on stderr
  --color WHEN          auto, always, never
  --debug               a traceback when the tool fails"""


@dataclass(frozen=True, slots=True)
class Options:
    """The global options of one call."""

    lab: Path
    output: str = "table"
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    color: str = "auto"
    progress: str = ""
    answer: bool | None = None


def split(
    argv: Sequence[str], environment: Mapping[str, str] = os.environ
) -> tuple[Options, list[str]]:
    """Global options wherever they stand, and the rest. Nothing after ``--`` is looked at.

    Raises:
        UsageError: when an option lacks its value or the value is none of its words.
    """
    values: dict[str, str] = {}
    switches: set[str] = set()
    rest: list[str] = []
    queue = list(argv)
    while queue:
        word = queue.pop(0)
        if word == "--":
            rest += [word, *queue]
            break
        name, equals, value = word.partition("=")
        if name in _VALUED:
            if not equals:
                if not queue:
                    raise UsageError(f"{name} needs a value", "see edgesync --help")
                value = queue.pop(0)
            values[_VALUED[name]] = value
        elif word in _SWITCHES:
            switches.add(_SWITCHES[word])
        else:
            rest.append(word)
    output = _one_of("--output", values.get("output", "table"), FORMATS)
    color = _one_of("--color", values.get("color", "auto"), COLOURS)
    answer = True if "yes" in switches else False if "no" in switches else None
    options = Options(
        lab=Path(values.get("lab") or environment.get("EDGESYNC_LAB") or ".edgesync"),
        output=output,
        quiet="quiet" in switches,
        verbose="verbose" in switches,
        debug="debug" in switches,
        color=color,
        progress=values.get("progress", ""),
        answer=answer,
    )
    return options, rest


_VALUED = {
    "--lab": "lab", "-o": "output", "--output": "output", "--color": "color",
    "--progress": "progress",
}  # fmt: skip
_SWITCHES = {
    "-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose",
    "--debug": "debug", "-y": "yes", "--yes": "yes", "--no": "no",
}  # fmt: skip


def _one_of(name: str, value: str, words: Sequence[str]) -> str:
    if value not in words:
        raise UsageError(f"{name} cannot be {value!r}", f"use one of {', '.join(words)}")
    return value
