"""One call of one operation on the running lab: in a worker thread, alone, progress streamed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio.to_thread

from directory.clock import SystemClock
from directory.errors import DirectoryError, ParseError
from edgesync.errors import EdgeSyncError, ExitCode, UsageError, of_machine
from edgesync.lab.folder import fork_lab
from edgesync.lab.lab import Lab
from edgesync.operations.context import ConfirmationNeeded, Context
from edgesync.operations.registry import Operation, find_operation

Message = dict[str, Any]
"""``{"progress"}``, then one of ``{"outcome"}``, ``{"question"}``, ``{"error"}``."""

WAITING_MAX = 32
"""Most calls running or waiting for the lab at once; one more is told to come back."""

PROGRESS_INTERVAL_S = 0.1
"""Shortest time between two progress messages of one call."""

STATUS_OF_EXIT = {
    ExitCode.USAGE: 400,
    ExitCode.NOT_FOUND: 404,
    ExitCode.UNREACHABLE: 502,
    ExitCode.REFUSED: 409,
    ExitCode.FAILED: 422,
    ExitCode.PARTLY: 422,
}
"""The HTTP status of an error that a person can act on; a fault of the tool is a 500."""

FAULT = 500

LOOK_S = 1.0
"""Longest that a change waits between two steps for those who look."""


class TooBusy(EdgeSyncError):
    """More calls wait for the lab than it takes."""

    exit_code = ExitCode.UNREACHABLE


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of an operation."""

    operation: Operation
    parameters: Mapping[str, Any]
    answer: bool | None = None
    note: str = ""

    @property
    def command_line(self) -> str:
        """The command that does the same."""
        return self.operation.command_line(self.parameters)


def request_of(name: str, body: Any) -> Request:
    """A checked request from a JSON body; all of the body's parts are optional.

    Raises:
        UsageError: for an operation, parameter or answer that cannot be.
    """
    operation = find_operation(name)
    if not operation.remote:
        raise UsageError(
            f"{operation.command} is not for a running lab", f"type edgesync {operation.command}"
        )
    if not isinstance(body, dict):
        raise UsageError("the body must be a JSON object", 'for example {"parameters": {}}')
    if unknown := sorted(set(body) - {"parameters", "answer", "note"}):
        raise UsageError(
            f"the body has no place for {unknown[0]!r}", "it has parameters, answer and note"
        )
    parameters = body.get("parameters", {})
    answer = body.get("answer")
    note = body.get("note", "")
    if not isinstance(parameters, dict) or not isinstance(note, str):
        raise UsageError(
            "parameters must be an object and note a text", 'for example {"parameters": {}}'
        )
    if answer is not None and not isinstance(answer, bool):
        raise UsageError("answer must be true, false or null", "it answers the question asked")
    # null stands for a parameter that is not given, as absent fields of a form do
    bound = operation.bind({name: value for name, value in parameters.items() if value is not None})
    return Request(operation, bound, answer, note or operation.command_line(bound))


class Caller:
    """Runs requests against one lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.changes = 0
        """Calls so far that may have changed the lab: what was seen before is out of date."""
        self._waiting = threading.BoundedSemaphore(WAITING_MAX)
        self._clock = SystemClock()
        self._looking = 0
        """Calls that wait to look at the lab while it is being changed."""
        self._looked = threading.Condition()

    def run(
        self, request: Request, progress: Callable[[Mapping[str, Any]], None] = lambda _: None
    ) -> Message:
        """The last message of a call, in the caller's thread. Never raises for what was asked."""
        if not self._waiting.acquire(blocking=False):
            busy = TooBusy(f"{WAITING_MAX} calls wait for the lab", "try again in a moment")
            return error_message(busy)
        try:
            operation, given = request.operation, request.parameters
            if not operation.uses_lab(given):
                return self._run(request, progress)  # a scenario's minutes block nobody
            if operation.on_copy:
                return self._run_on_copy(request, progress)
            if not operation.changes(given):
                return self._look(request, progress)
            with self.lab.changing, self.lab.exclusive:
                return self._run(request, lambda step: self._told(step, progress))
        finally:
            self._waiting.release()

    def _run_on_copy(
        self, request: Request, progress: Callable[[Mapping[str, Any]], None]
    ) -> Message:
        with self.looking(), self.lab.exclusive:
            twin = fork_lab(self.lab)
        try:
            return self._run(request, progress, twin)
        finally:
            twin.close()

    def _look(self, request: Request, progress: Callable[[Mapping[str, Any]], None]) -> Message:
        with self.looking():
            self.lab.exclusive.acquire()
        try:
            return self._run(request, progress)
        finally:
            self.lab.exclusive.release()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Wait for a turn to look: a change under way lets such in between its steps."""
        with self._looked:
            self._looking += 1
        try:
            yield
        finally:
            with self._looked:
                self._looking -= 1
                self._looked.notify_all()

    def _told(self, step: Mapping[str, Any], progress: Callable[[Mapping[str, Any]], None]) -> None:
        """A step of a change is done: those who wait to look come in before the next."""
        progress(step)
        if not self._looking:
            return
        self.lab.exclusive.release()
        try:
            with self._looked:
                self._looked.wait_for(lambda: not self._looking, LOOK_S)
        finally:
            self.lab.exclusive.acquire()

    def _run(
        self,
        request: Request,
        progress: Callable[[Mapping[str, Any]], None],
        lab: Lab | None = None,
    ) -> Message:
        """Run a call on the lab, or on a copy of it."""
        operation = request.operation
        context = Context(progress=progress, answer=request.answer, note=request.note)
        if self.lab.root is not None:
            context.lab_path = self.lab.root
        uses_lab = operation.uses_lab(request.parameters)
        if uses_lab:
            context.current = lab or self.lab
        try:
            if operation.changes(request.parameters) and uses_lab:
                self.changes += 1
                self.lab.begin_command(request.note)
            outcome = operation.run(context, **request.parameters)
        except ConfirmationNeeded as needed:
            return {"question": {"text": needed.question, "default": needed.default}}
        except Exception as error:  # noqa: BLE001 - the shell around operations, as the CLI's
            return error_message(error)
        return {
            "outcome": {
                "document": outcome.document,
                "exit_code": int(outcome.exit_code),
                "notes": list(outcome.notes),
            }
        }

    async def stream(self, request: Request) -> AsyncIterator[Message]:
        """Progress as it happens, then the last message.

        The operation goes on to its end when the reader leaves: a lab is never left half changed.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Message] = asyncio.Queue()
        last = -PROGRESS_INTERVAL_S

        def progress(step: Mapping[str, Any]) -> None:
            nonlocal last
            now = self._clock.monotonic()
            if now - last >= PROGRESS_INTERVAL_S or step.get("final"):
                last = now
                loop.call_soon_threadsafe(queue.put_nowait, {"progress": dict(step)})

        task = asyncio.create_task(anyio.to_thread.run_sync(self.run, request, progress))
        task.add_done_callback(lambda done: queue.put_nowait(_last(done)))
        while True:
            message = await queue.get()
            yield message
            if "progress" not in message:
                return


def _last(task: asyncio.Task[Message]) -> Message:
    if task.cancelled():
        return error_message(EdgeSyncError("the lab is going down", "start it again"))
    error = task.exception()
    return error_message(error) if error is not None else task.result()


def error_message(error: BaseException) -> Message:
    """An error as the control API says it, with the exit code of the command line."""
    known = as_known(error)
    return {
        "error": {
            "code": known.code,
            "message": known.message,
            "hint": known.hint,
            "exit_code": int(known.exit_code),
            "status": status_of(error),
        }
    }


def as_known(error: BaseException) -> EdgeSyncError:
    """Any error with a hint; what nobody foresaw is called a fault of the tool."""
    if isinstance(error, EdgeSyncError):
        return error
    if isinstance(error, ParseError):
        return UsageError(str(error), "correct the value; RFC 4514 and RFC 4515 say how it looks")
    if isinstance(error, DirectoryError):
        return EdgeSyncError(str(error), "the directory refused; see edgesync directory log")
    return of_machine(error) or EdgeSyncError(
        f"{type(error).__name__}: {error}", "this is a fault of the tool or of the machine"
    )


def status_of(error: BaseException) -> int:
    """The HTTP status that says the same as the exit code."""
    if isinstance(error, TooBusy):
        return 503
    if isinstance(error, EdgeSyncError | DirectoryError):
        return STATUS_OF_EXIT.get(as_known(error).exit_code, FAULT)
    return FAULT
