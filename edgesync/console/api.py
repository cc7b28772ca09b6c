"""The control API: every operation of the command line, events as they happen, health.

``POST /api/v1/operations/NAME`` takes ``{"parameters", "answer", "note"}``. With ``Accept:
application/x-ndjson`` the answer is one JSON line per step of progress and a last line with the
outcome, the question or the error; otherwise it is that last one alone, and the HTTP status says
how it ended. ``GET`` does the same for operations that change nothing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio.to_thread
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from edgesync.console.calls import Caller, Message, Request, as_known, request_of, status_of
from edgesync.console.masking import masked
from edgesync.console.openapi import document
from edgesync.console.protection import RequestRefused, refusal
from edgesync.console.reading import is_readable, refuse_outside
from edgesync.errors import EdgeSyncError, NoSuchThing, UsageError
from edgesync.operations.registry import Operation, all_operations, find_operation

NDJSON = "application/x-ndjson"
QUESTION_STATUS = 409
"""A question is open: ask the person, call again with ``answer``."""


def routes() -> list[BaseRoute]:
    """What the API serves."""
    return [
        Route("/healthz", healthz),
        Route("/openapi.json", openapi),
        Route("/api/v1/operations", list_operations),
        Route("/api/v1/operations/{name}", OneOperation),
        Route("/api/v1/shutdown", shutdown, methods=["POST"]),
    ]


def healthz(request: HttpRequest) -> Response:
    """200 once every listener of the lab passed its self-test, 503 before."""
    is_ready = bool(request.app.state.lab.addresses)
    state = "ok" if is_ready else "starting"
    return JSONResponse({"schema": "edgesync.health/1", "state": state}, 200 if is_ready else 503)


def openapi(request: HttpRequest) -> Response:
    """The API described for programs."""
    return JSONResponse(document(served_operations(), str(request.base_url).rstrip("/")))


def list_operations(_: HttpRequest) -> Response:
    """Every operation with its summary and parameters."""
    rows = [
        {
            "name": item.name,
            "command": f"edgesync {item.command}",
            "summary": item.summary,
            "writes": item.writes,
            "parameters": {p.name: p.schema() for p in item.parameters},
        }
        for item in served_operations()
    ]
    return JSONResponse({"schema": "edgesync.operations/1", "operations": rows})


def served_operations() -> tuple[Operation, ...]:
    """The operations a running lab offers."""
    return tuple(item for item in all_operations() if item.remote)


def served_operation(name: str) -> Operation:
    """One of them by name.

    Raises:
        NoSuchThing: when a running lab offers none of that name.
    """
    try:
        found = find_operation(name)
    except UsageError as error:
        raise NoSuchThing(error.message, "GET /api/v1/operations lists them") from error
    if not found.remote:
        raise NoSuchThing(
            f"{found.command} is not for a running lab", f"type edgesync {found.command}"
        )
    return found


class OneOperation(HTTPEndpoint):
    """``/api/v1/operations/NAME``: POST runs it; GET too, where it only looks."""

    async def post(self, request: HttpRequest) -> Response:
        """Run an operation and answer with its outcome."""
        try:
            name = served_operation(_name(request)).name
            asked = request_of(name, _json(await request.body()))
        except EdgeSyncError as error:
            return _refused(request, error)
        return await _answer(request, asked)

    async def get(self, request: HttpRequest) -> Response:
        """Run an operation that changes nothing, its parameters in the query."""
        try:
            operation = served_operation(_name(request))
            given = query_parameters(operation, request)
            refuse_outside(operation, given)
            asked = request_of(operation.name, {"parameters": given})
        except EdgeSyncError as error:
            return _refused(request, error)
        return await _answer(request, asked, shown=masked)

    async def method_not_allowed(self, request: HttpRequest) -> Response:
        """Say which methods there are."""
        refused = RequestRefused(405, "an operation has no such method", "send POST")
        return _refused(request, refused)


def query_parameters(operation: Operation, request: HttpRequest) -> dict[str, Any]:
    """Parameters from a query string or a form, typed as the operation declares them.

    Raises:
        UsageError: when a number is none.
    """
    given: dict[str, Any] = {}
    known = {parameter.name: parameter for parameter in operation.parameters}
    for name, text in request.query_params.multi_items():
        parameter = known.get(name)
        value: Any = text
        if parameter is not None and parameter.kind is not str:
            value = typed(operation.command, name, parameter.kind, text)
        if parameter is not None and parameter.is_list:
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    return given


def typed(command: str, name: str, kind: type, text: str) -> Any:
    """A word as the number or yes-or-no it stands for.

    Raises:
        UsageError: when it stands for none.
    """
    if kind is bool:
        if text.lower() not in {"true", "1", "on", "yes", "false", "0", "off", "no"}:
            raise UsageError(f"{command}: {name} must be true or false", "for example true")
        return text.lower() in {"true", "1", "on", "yes"}
    try:
        return kind(text)
    except ValueError:
        raise UsageError(
            f"{command}: {name} must be {kind.__name__}, not {text!r}", "give a number"
        ) from None


async def shutdown(request: HttpRequest) -> Response:
    """Stop the lab as SIGTERM would."""
    if request.app.state.stop is None:
        return refusal(RequestRefused(409, "this lab is stopped by who started it", "end it there"))
    request.app.state.stop()
    return JSONResponse({"schema": "edgesync.shutdown/1", "state": "stopping"}, 202)


async def _answer(
    request: HttpRequest, asked: Request, shown: Callable[[Message], Message] = lambda given: given
) -> Response:
    """Run it and answer; ``shown`` is what the reader may see of a message."""
    caller: Caller = request.app.state.caller
    if _wants_lines(request):
        return StreamingResponse(_lines(caller, asked, shown), media_type=NDJSON)
    message = shown(await anyio.to_thread.run_sync(caller.run, asked))
    return JSONResponse(message, status_of_message(message))


async def _lines(
    caller: Caller, asked: Request, shown: Callable[[Message], Message]
) -> AsyncIterator[str]:
    async for message in caller.stream(asked):
        yield json.dumps(shown(message), ensure_ascii=False) + "\n"


def status_of_message(message: Message) -> int:
    """The HTTP status of a last message: 200 for every answer, also for the answer no."""
    if "error" in message:
        return int(message["error"]["status"])
    return QUESTION_STATUS if "question" in message else 200


def _wants_lines(request: HttpRequest) -> bool:
    return NDJSON in request.headers.get("accept", "")


def _name(request: HttpRequest) -> str:
    return str(request.path_params["name"])


def _json(body: bytes) -> Any:
    if not body:
        return {}
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the body is not JSON: {error}", 'for example {"parameters": {}}') from (
            error
        )


def _refused(request: HttpRequest, error: EdgeSyncError) -> Response:
    status = error.status if isinstance(error, RequestRefused) else status_of(error)
    answer = refusal(as_known(error), status)
    if _wants_lines(request):
        answer.headers["content-type"] = NDJSON
    if status == 405:
        answer.headers["allow"] = ", ".join(_methods(_name(request)))
    return answer


def _methods(name: str) -> tuple[str, ...]:
    try:
        is_read = is_readable(served_operation(name))
    except EdgeSyncError:
        is_read = False
    return ("GET", "HEAD", "POST") if is_read else ("POST",)
