"""Forms made from operations: one field per parameter, and the way back from form to call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from edgesync.console.api import typed
from edgesync.errors import UsageError
from edgesync.lab.lab import Lab
from edgesync.operations.registry import Operation, Parameter

PREFIX = "p."
"""What a parameter's field begins with, so that it cannot be taken for a field of ours."""

SHOWN = "shown"
"""Marks a submitted form: a box that is absent was unticked rather than never seen."""

FIELDS_MAX = 1000
"""Most fields of one form."""


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter as a form shows it."""

    name: str
    label: str
    kind: str
    """``text``, ``number``, ``checkbox``, ``select`` or ``lines``."""
    value: str
    is_checked: bool
    choices: tuple[str, ...]
    help: str
    is_required: bool
    suggestions: tuple[str, ...]


def pairs_of(body: bytes) -> list[tuple[str, str]]:
    """The fields of an ``application/x-www-form-urlencoded`` body.

    Raises:
        UsageError: there are more than ``FIELDS_MAX``.
    """
    try:
        return parse_qsl(body.decode("utf-8", "replace"), True, max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise UsageError(f"a form has at most {FIELDS_MAX} fields", "send less at once") from error


def parameters_of(operation: Operation, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The parameters a form stands for; empty fields are left to their defaults.

    Raises:
        UsageError: when a number is none.
    """
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        texts.setdefault(name, []).append(text)
    is_submitted = SHOWN in texts
    given: dict[str, Any] = {}
    for parameter in operation.parameters:
        found = texts.get(PREFIX + parameter.name)
        if parameter.kind is bool and not parameter.is_list:
            if found or is_submitted:
                given[parameter.name] = (found or [""])[-1] not in {"", "false", "0"}
            continue
        if found is None:
            continue
        lines = [line.strip() for text in found for line in _lines(parameter, text)]
        values = [
            typed(operation.command, parameter.name, parameter.kind, line)
            if parameter.kind is not str
            else line
            for line in lines
            if line
        ]
        if values:
            given[parameter.name] = values if parameter.is_list else values[-1]
    return given


def _lines(parameter: Parameter, text: str) -> list[str]:
    return text.splitlines() if parameter.is_list else [text]


def fields_of(operation: Operation, given: Mapping[str, Any], lab: Lab) -> list[Field]:
    """The fields of an operation, filled with what is given or the defaults."""
    return [_field(parameter, given, lab) for parameter in operation.parameters]


def _field(parameter: Parameter, given: Mapping[str, Any], lab: Lab) -> Field:
    value = given.get(parameter.name, parameter.default)
    kind = "text"
    if parameter.is_list:
        kind, value = "lines", "\n".join(str(one) for one in value or ())
    elif parameter.kind is bool:
        kind = "checkbox"
    elif parameter.choices:
        kind = "select"
    elif parameter.kind is not str:
        kind = "number"
    label = parameter.name.rstrip("_").replace("_", " ")
    return Field(
        PREFIX + parameter.name, label, kind,
        "" if value is None or kind == "checkbox" else str(value), value is True,
        parameter.choices, parameter.help.text, parameter.is_required,
        suggestions(parameter.help.completes, lab),
    )  # fmt: skip


def suggestions(what: str, lab: Lab) -> tuple[str, ...]:
    """Names of the lab that may stand in a field."""
    if what == "server":
        return tuple(server.name for server in lab.servers())
    if what in {"edge", "hub"}:
        return tuple(server.name for server in lab.servers(what))
    if what == "site":
        return tuple(lab.description.sites)
    if what == "thumbprint":
        found = {
            item.thumbprint: None for store in lab.machines.values() for item in store.certificates
        }
        return tuple(found)
    return ()
