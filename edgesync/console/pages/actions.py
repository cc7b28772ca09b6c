"""Everything the command line does, as forms; and what came of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from edgesync.console import calls, forms
from edgesync.console.api import NDJSON, served_operation, served_operations, status_of_message
from edgesync.console.asking import Run
from edgesync.console.rendering import download, page
from edgesync.errors import EdgeSyncError, NoSuchThing
from edgesync.operations.registry import NOUNS, Operation

LATEST = 15
"""Runs listed beside the actions."""

FILES = {
    "ldif": ("ldif", "text/plain"),
    "csv": ("csv", "text/csv"),
    "html": ("html", "text/plain"),  # as text: a report must not run in the console's origin
    "svg": ("svg", "text/plain"),
    "ics": ("ics", "text/calendar"),
    "junit": ("xml", "application/xml"),
}
"""Other forms an answer comes in: suffix and media type of the download."""


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [
        Route("/actions", actions),
        Route("/do/{name}", form, methods=["GET"]),
        Route("/do/{name}", act, methods=["POST"]),
        Route("/do/{name}/command", command),
        Route("/runs/{number:int}", show_run),
        Route("/runs/{number:int}/as.{form}", download_run),
    ]


def actions(request: Request) -> Response:
    """Every operation by noun, and the latest answers."""
    by_noun: dict[str, list[Operation]] = {}
    for operation in served_operations():
        by_noun.setdefault(operation.noun, []).append(operation)
    groups = [(noun, NOUNS.get(noun, ""), found) for noun, found in by_noun.items()]
    values = {"groups": groups, "runs": request.app.state.runs.latest(LATEST)}
    return page(request, "actions.html", "actions", "Actions", values)


def _operation(request: Request) -> Operation:
    return served_operation(request.path_params["name"])


def form(request: Request) -> Response:
    """One operation's form, filled from the query, with the command it stands for."""
    operation = _operation(request)
    given = forms.parameters_of(operation, request.query_params.multi_items())
    return _form_page(request, operation, given)


def _form_page(
    request: Request,
    operation: Operation,
    given: dict[str, Any],
    error: EdgeSyncError | None = None,
) -> Response:
    values = {
        "operation": operation,
        "fields": forms.fields_of(operation, given, request.app.state.lab),
        "command": operation.command_line(given),
        "curl": curl(request, operation, given),
        "python": python(operation, given),
        "error": error,
        "lists": f"edgesync {operation.command}",
    }
    title = f"{operation.noun} {operation.verb}".strip()
    return page(request, "form.html", "actions", title, values, status=400 if error else 200)


def command(request: Request) -> Response:
    """The command for a form as it is filled now, for the script that keeps it in view."""
    operation = _operation(request)
    given = forms.parameters_of(operation, request.query_params.multi_items())
    return Response(operation.command_line(given), media_type="text/plain; charset=utf-8")


def curl(request: Request, operation: Operation, given: dict[str, Any]) -> str:
    """The same call by curl."""
    body = json.dumps({"parameters": given}, ensure_ascii=False)
    quoted = body.replace("'", "'\\''")
    root = request.app.state.lab.root or ".edgesync"
    return (
        f'curl -H "Authorization: Bearer $(jq -r .token {root}/run.json)" '
        f"{str(request.base_url).rstrip('/')}/api/v1/operations/{operation.name} -d '{quoted}'"
    )


def python(operation: Operation, given: dict[str, Any]) -> str:
    """The same call in a test."""
    words = [repr(operation.name), *(f"{name}={value!r}" for name, value in given.items())]
    return f"edgesync_lab.run({', '.join(words)})"


async def act(request: Request) -> Response:
    """Run what a form says, keep the answer, show it."""
    operation = _operation(request)
    pairs = forms.pairs_of(await request.body())
    try:
        given = forms.parameters_of(operation, pairs)
        answer = {"yes": True, "no": False}.get(dict(pairs).get("answer", ""))
        asked = calls.request_of(operation.name, {"parameters": given, "answer": answer})
    except EdgeSyncError as error:
        return await anyio.to_thread.run_sync(_form_page, request, operation, {}, error)
    if NDJSON in request.headers.get("accept", ""):
        return StreamingResponse(_progress(request, asked), media_type=NDJSON)
    message = await anyio.to_thread.run_sync(request.app.state.caller.run, asked)
    return RedirectResponse(f"/runs/{_keep(request, asked, message).number}", 303)


async def _progress(request: Request, asked: calls.Request) -> AsyncIterator[str]:
    async for message in request.app.state.caller.stream(asked):
        if "progress" in message:
            yield json.dumps(message) + "\n"
        else:
            run = _keep(request, asked, message)
            yield json.dumps({"location": f"/runs/{run.number}"}) + "\n"


def _keep(request: Request, asked: calls.Request, message: calls.Message) -> Run:
    run: Run = request.app.state.runs.add(request.app.state.lab.clock.now(), asked, message)
    return run


def _run(request: Request) -> Run:
    run: Run | None = request.app.state.runs.get(request.path_params["number"])
    if run is None:
        raise NoSuchThing("this answer is no longer kept", "run the action again")
    return run


def show_run(request: Request) -> Response:
    """One answer: how it ended, the text the command prints, the document."""
    run = _run(request)
    operation = run.request.operation
    document = run.answer.document
    given = dict(run.request.parameters)
    values = {
        "run": run,
        "answer": run.answer,
        "operation": operation,
        "text": run.answer.text,
        "document": {key: value for key, value in document.items() if key != "texts"},
        "forms": [word for word in document.get("texts", {}) if word in FILES],
        "fields": forms.fields_of(operation, given, request.app.state.lab),
        "again": {forms.PREFIX + name: value for name, value in given.items()},
        "curl": curl(request, operation, given),
        "python": python(operation, given),
    }
    status = status_of_message(run.answer.message) if run.answer.error else 200
    return page(request, "run.html", "actions", operation.command, values, status=status)


def download_run(request: Request) -> Response:
    """An answer as a file."""
    run = _run(request)
    word = request.path_params["form"]
    name = f"{run.request.operation.name}-{run.number}"
    document = run.answer.document
    if word == "json":
        shown = {key: value for key, value in document.items() if key != "texts"}
        text = json.dumps(shown, indent=2, ensure_ascii=False)
        return download(text, f"{name}.json", "application/json")
    if word not in FILES or word not in document.get("texts", {}):
        raise NoSuchThing(f"this answer has no form {word!r}", "see the answer's page")
    suffix, media_type = FILES[word]
    return download(str(document["texts"][word]), f"{name}.{suffix}", media_type)
