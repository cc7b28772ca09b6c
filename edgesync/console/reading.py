"""What a GET may do: look at the lab, and at nothing but the lab.

A link on any page can make a browser send a GET, and programs read without the token; so an
operation is offered to GET only when its verb is known to read, and without the parameters that
name files or hosts or set something going.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgesync.console.protection import RequestRefused
from edgesync.operations.registry import Operation, Parameter

VERBS = frozenset({
    "", "check", "clock", "diff", "expiry", "explain", "find", "get", "history", "inbox", "lease",
    "list", "log", "matrix", "plan", "queue", "search", "select", "show", "status", "tree",
    "verify",
})  # fmt: skip
"""Verbs that only look, in whatever noun."""

_FILE_METAVARS = frozenset({"FILE", "FOLDER", "DIR", "PATH"})
_REFUSED = frozenset({
    "url", "config", "ldif", "clixml", "folder", "path_", "host", "do", "dask", "output", "retry",
})  # fmt: skip


def is_readable(operation: Operation) -> bool:
    """Whether GET offers an operation, or what of it only looks."""
    return operation.verb in VERBS and not operation.changes({})


def reaches_outside(parameter: Parameter) -> bool:
    """Whether a parameter names a file or a host, or sets work going: only for the token."""
    is_file = parameter.help.metavar in _FILE_METAVARS or parameter.name.endswith("file")
    return is_file or parameter.name in _REFUSED


def refuse_outside(operation: Operation, given: Mapping[str, Any]) -> None:
    """Let a GET look at the lab only.

    Raises:
        RequestRefused: when the operation changes something or a parameter reaches outside.
    """
    if not is_readable(operation) or operation.changes(given):
        raise RequestRefused(
            405, f"{operation.command} may change something", "send POST with the lab's token"
        )
    for parameter in operation.parameters:
        if parameter.name in given and reaches_outside(parameter):
            raise RequestRefused(
                405, f"{parameter.name} reaches outside the lab", "send POST with the lab's token"
            )
