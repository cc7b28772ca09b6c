"""Answers on stdout, everything else on stderr."""

from __future__ import annotations

import csv
import io
import json
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from directory.errors import DirectoryError, JournalError, LdapError, ParseError, ResultCode
from edgesync.cli.options import Options
from edgesync.errors import (
    DiskRefused,
    EdgeSyncError,
    ExitCode,
    NoSuchThing,
    Unreachable,
    UsageError,
    of_machine,
)
from edgesync.operations.registry import Document, Operation, Outcome

ERROR_SCHEMA = "edgesync.error/1"


def write_outcome(operation: Operation, outcome: Outcome, options: Options) -> None:
    """Print an answer in the format asked for, and its notes to stderr."""
    text = _formatted(operation, outcome.document, options.output)
    if text:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    if not options.quiet:
        for note in outcome.notes:
            print(f"note: {note}", file=sys.stderr)


def _formatted(operation: Operation, document: Document, output: str) -> str:
    texts = document.get("texts", {})
    if output in texts:
        return str(texts[output])
    if output == "json":
        shown = {k: v for k, v in document.items() if k != "texts"}
        return json.dumps(shown, indent=2, ensure_ascii=False)
    if output in {"table", "list"}:
        return "\n".join(operation.render(document))
    rows = document.get(operation.rows) if operation.rows else None
    if not isinstance(rows, list) or output not in {"jsonl", "csv"}:
        raise UsageError(f"{operation.command} has no {output} output", "use -o table or -o json")
    if output == "jsonl":
        return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return _csv(rows)


def _csv(rows: list[Mapping[str, Any]]) -> str:
    headers = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headers)
    for row in rows:
        writer.writerow([_flat(row.get(header)) for header in headers])
    return out.getvalue()


def _flat(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value


def write_error(error: BaseException, options: Options) -> ExitCode:
    """The two lines of the contract, and the exit code that goes with the error."""
    if isinstance(error, EdgeSyncError):
        known = error
    elif isinstance(error, DirectoryError):
        known = of_directory(error)
    elif isinstance(error, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    else:
        known = of_machine(error) or EdgeSyncError(
            f"{type(error).__name__}: {error}",
            "this is a fault of the tool or of the machine; --debug shows where",
        )
    if options.output == "json":
        document = {
            "schema": ERROR_SCHEMA,
            "error": {"code": known.code, "message": known.message, "hint": known.hint},
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    print(f"error: {known.message}", file=sys.stderr)
    print(f"hint: {known.hint}", file=sys.stderr)
    if options.debug:
        traceback.print_exception(error, file=sys.stderr)
    return known.exit_code


def of_directory(error: DirectoryError) -> EdgeSyncError:
    """A directory's refusal, or text it cannot read, as an error with hint and exit code."""
    if isinstance(error, ParseError):
        return UsageError(str(error), "RFC 4514 says how names look, RFC 4515 how filters do")
    if isinstance(error, LdapError):
        if error.code is ResultCode.NO_SUCH_OBJECT:
            return NoSuchThing(str(error), "edgesync directory search finds names")
        if error.code in _BIND_REFUSALS:
            return Unreachable(str(error), "look at the bind name and the password file")
        if error.code is ResultCode.UNAVAILABLE:
            return DiskRefused(str(error), JournalError.hint)
        return EdgeSyncError(str(error), "the directory refused; its message says which rule")
    return EdgeSyncError(str(error), getattr(error, "hint", "edgesync doctor checks the lab"))


_BIND_REFUSALS = {
    ResultCode.INVALID_CREDENTIALS, ResultCode.INAPPROPRIATE_AUTHENTICATION,
    ResultCode.STRONGER_AUTH_REQUIRED, ResultCode.CONFIDENTIALITY_REQUIRED,
}  # fmt: skip
