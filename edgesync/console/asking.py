"""What pages ask of the lab: the operations of the command line, and what people ran here."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request as HttpRequest

from edgesync.console.calls import Caller, Message, Request, error_message, request_of
from edgesync.console.masking import masked
from edgesync.errors import EdgeSyncError, ExitCode
from edgesync.operations.registry import Operation

RUNS_MAX = 200
"""Answers of actions kept for looking at again; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An operation's last message, read by name."""

    message: Message
    command: str
    operation: Operation | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The document; empty when there is none."""
        found: dict[str, Any] = self.message.get("outcome", {}).get("document", {})
        return found

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Code, message and hint when it failed."""
        found: Mapping[str, Any] | None = self.message.get("error")
        return found

    @property
    def question(self) -> Mapping[str, Any] | None:
        """Text and default answer when it asks back."""
        found: Mapping[str, Any] | None = self.message.get("question")
        return found

    @property
    def text(self) -> str:
        """What the command would print."""
        if self.operation is None or not self.document:
            return ""
        return "\n".join(self.operation.render(self.document))

    @property
    def exit_code(self) -> int:
        """How the command would end."""
        part = self.message.get("outcome") or self.message.get("error") or {}
        return int(part.get("exit_code", ExitCode.REFUSED))

    @property
    def notes(self) -> list[str]:
        """Remarks beside the data."""
        return list(self.message.get("outcome", {}).get("notes", ()))

    def rows(self, key: str) -> list[dict[str, Any]]:
        """A list of the document; empty when the operation failed."""
        found = self.document.get(key) or []
        return found if isinstance(found, list) else []


def ask(request: HttpRequest, name: str, **parameters: Any) -> Answer:
    """Call an operation for a page; a refusal is an answer too."""
    given = {key: value for key, value in parameters.items() if value not in (None, "")}
    try:
        asked = request_of(name, {"parameters": given})
    except EdgeSyncError as error:
        return Answer(error_message(error), f"edgesync {name.replace('.', ' ')}")
    caller: Caller = request.app.state.caller
    return Answer(caller.run(asked), asked.command_line, asked.operation)


@dataclass(frozen=True, slots=True)
class Run:
    """Something a person did here, with its answer."""

    number: int
    at: datetime
    request: Request
    answer: Answer


class RunLog:
    """The latest things people did here."""

    def __init__(self) -> None:
        self._runs: deque[Run] = deque(maxlen=RUNS_MAX)
        self._lock = threading.Lock()
        self._number = 0

    def add(self, at: datetime, request: Request, message: Message) -> Run:
        """Keep an answer and give it a number."""
        with self._lock:
            self._number += 1
            answer = Answer(masked(message), request.command_line, request.operation)
            run = Run(self._number, at, request, answer)
            self._runs.append(run)
        return run

    def get(self, number: int) -> Run | None:
        """A kept answer."""
        with self._lock:
            return next((run for run in self._runs if run.number == number), None)

    def latest(self, count: int) -> list[Run]:
        """The newest ones, newest first."""
        with self._lock:
            return list(self._runs)[-count:][::-1]
