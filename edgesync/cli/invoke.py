"""One call of one operation: in this process, or by the running lab. Never two writers."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from directory.clock import SystemClock
from edgesync.cli.options import Options
from edgesync.cli.output import write_outcome
from edgesync.cli.progress import ProgressLine
from edgesync.errors import ExitCode
from edgesync.lab.control import call, find_running
from edgesync.operations.registry import Operation, Outcome


def invoke(operation: Operation, given: Mapping[str, Any], options: Options) -> ExitCode:
    """Run an operation and print its answer; the exit code says how it ended."""
    parameters = operation.bind(given)
    note = operation.command_line(parameters)
    progress = ProgressLine(options, SystemClock())
    answer = options.answer
    try:
        while True:
            question, default, outcome = _once(
                operation, parameters, note, answer, options, progress
            )
            if outcome is not None:
                break
            answer = _ask(question, options, default=default)
    finally:
        progress.close()
    write_outcome(operation, outcome, options)
    return outcome.exit_code


def _once(
    operation: Operation,
    parameters: Mapping[str, Any],
    note: str,
    answer: bool | None,
    options: Options,
    progress: ProgressLine,
) -> tuple[str, bool, Outcome | None]:
    running = (
        find_running(options.lab) if operation.remote and operation.uses_lab(parameters) else None
    )
    if running is not None:
        message = call(
            running,
            operation.name,
            _from_here(operation, parameters),
            answer=answer,
            note=note,
            progress=progress,
        )
        if "question" in message:
            return message["question"]["text"], message["question"]["default"], None
        got = message["outcome"]
        return "", False, Outcome(got["document"], ExitCode(got["exit_code"]), tuple(got["notes"]))
    return _local(operation, parameters, note, answer, options, progress)


def _from_here(operation: Operation, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Files as seen from this folder: the running lab stands in another."""
    files = {p.name for p in operation.parameters if p.help.metavar in _PATHS}
    return {
        name: os.path.abspath(value) if name in files and isinstance(value, str) else value  # noqa: PTH100 - Path.absolute keeps ".."
        for name, value in parameters.items()
    }


_PATHS = {"FILE", "DIR"}


def _local(
    operation: Operation,
    parameters: Mapping[str, Any],
    note: str,
    answer: bool | None,
    options: Options,
    progress: ProgressLine,
) -> tuple[str, bool, Outcome | None]:
    from edgesync.lab.folder import open_lab
    from edgesync.operations.context import ConfirmationNeeded, Context

    context = Context(lab_path=options.lab, progress=progress, answer=answer, note=note)
    lab = open_lab(options.lab) if operation.uses_lab(parameters) else None
    try:
        context.current = lab
        if lab is not None and operation.changes(parameters):
            lab.begin_command(note)
        return "", False, operation.run(context, **parameters)
    except ConfirmationNeeded as needed:
        return needed.question, needed.default, None
    finally:
        if lab is not None:
            lab.close()


def _ask(question: str, options: Options, *, default: bool) -> bool:
    """Ask on the terminal; without one take Exchange's default answer and say so."""
    choices = "[Y] Yes  [N] No" + f'  (default is "{"Y" if default else "N"}")'
    if not sys.stdin.isatty():
        if not options.quiet:
            print(
                f"{question}\nanswered {'Yes' if default else 'No'} (no terminal)", file=sys.stderr
            )
        return default
    while True:
        print(f"{question}\n{choices}: ", end="", file=sys.stderr, flush=True)
        word = sys.stdin.readline().strip().lower()
        if not word:
            return default
        if word in {"y", "yes", "a"}:
            return True
        if word in {"n", "no", "l"}:
            return False
