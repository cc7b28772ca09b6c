"""Exchange's cmdlet names as commands, any case, with -PascalCase options (contract section 2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from edgesync.errors import UsageError
from edgesync.operations.registry import Cmdlet, Operation, Parameter, all_operations

_CMDLET = re.compile(r"[A-Za-z]+-[A-Za-z]+\Z")
_SWITCHED_OFF = {"$false", "false", "0"}
_SWITCHED_ON = {"$true", "true", "1"}


def looks_like_cmdlet(word: str) -> bool:
    """Whether a first word is Verb-Noun."""
    return bool(_CMDLET.match(word)) and not word.startswith("-")


def find_cmdlet(name: str) -> tuple[Operation, Cmdlet]:
    """The operation behind a cmdlet name.

    Raises:
        UsageError: when no operation has that name.
    """
    known: list[str] = []
    for operation in all_operations():
        for cmdlet in operation.cmdlets:
            if cmdlet.name.lower() == name.lower():
                return operation, cmdlet
            known.append(cmdlet.name)
    raise UsageError(
        f"{name} is not a cmdlet of the lab", f"known are {', '.join(sorted(set(known)))}"
    )


def parse(
    operation: Operation, cmdlet: Cmdlet, words: Sequence[str]
) -> tuple[dict[str, Any], bool | None]:
    """Parameters of a cmdlet call, and the answer that -Force or -Confirm:$false gives."""
    given: dict[str, Any] = dict(cmdlet.fixed)
    answer: bool | None = None
    ours = {p.name: p for p in operation.parameters}
    names = {name.lower(): target for name, target in cmdlet.parameters.items()}
    ignored = {name.lower() for name in cmdlet.ignored}
    positional = [cmdlet.parameters[n] for n in cmdlet.positional if n in cmdlet.parameters]
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("-"):
            if not positional:
                raise UsageError(f"{cmdlet.name} takes no value {word!r} there", _known(cmdlet))
            _put(given, ours[positional.pop(0)], word)
            continue
        name, colon, value = word[1:].partition(":")
        key = name.lower()
        if key in {"confirm", "force"} and key not in names:
            off = value.lower() in _SWITCHED_OFF
            answer = True if (key == "force" and not off) or (key == "confirm" and off) else answer
            continue
        if key in ignored:
            if not colon and queue and not queue[0].startswith("-"):
                queue.pop(0)
            continue
        matches = [n for n in names if n == key] or [n for n in names if n.startswith(key)]
        if len(matches) != 1:
            raise UsageError(f"{cmdlet.name} has no parameter -{name}", _known(cmdlet))
        parameter = ours[names[matches[0]]]
        if parameter.kind is bool and not colon:
            following = queue[0].lower() if queue else ""
            value = queue.pop(0) if following in _SWITCHED_ON | _SWITCHED_OFF else "$true"
        elif not colon:
            if not queue:
                raise UsageError(f"{cmdlet.name} -{name} needs a value", _known(cmdlet))
            value = queue.pop(0)
        _put(given, parameter, value)
    return given, answer


def _put(given: dict[str, Any], parameter: Parameter, word: str) -> None:
    if parameter.kind is bool:
        given[parameter.name] = word.lower() not in _SWITCHED_OFF
        return
    try:
        values = [
            parameter.kind(part) for part in (word.split(",") if parameter.is_list else [word])
        ]
    except ValueError:
        raise UsageError(
            f"{parameter.name} must be {parameter.kind.__name__}, not {word!r}", parameter.help.text
        ) from None
    if parameter.is_list:
        given.setdefault(parameter.name, [])
        given[parameter.name] += values
    else:
        given[parameter.name] = values[0]


def _known(cmdlet: Cmdlet) -> str:
    return f"{cmdlet.name} takes " + " ".join(f"-{name}" for name in cmdlet.parameters)
