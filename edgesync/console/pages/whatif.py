"""Try commands on a copy of the lab: the matrix and the mail after each, nothing changed."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console import forms
from edgesync.console.asking import ask
from edgesync.console.rendering import page
from edgesync.console.trust_table import PATHS, trust_table
from edgesync.operations.registry import Operation, all_operations
from edgesync.operations.runner import ELSEWHERE

STEPS_MAX = 100
"""Most commands of one rehearsal, as trust whatif takes."""


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/whatif", show, methods=["GET"]), Route("/whatif", rehearse, methods=["POST"])]


def changing() -> list[Operation]:
    """Operations that make a step: those that change the lab's servers."""
    found = (item for item in all_operations() if item.writes and item.remote and item.needs_lab)
    return [item for item in found if item.noun not in ELSEWHERE]


def show(request: Request) -> Response:
    """The builder, filled from the query; nothing runs before it is asked to."""
    return _page(request, _steps(request.query_params.getlist("do")), None)


async def rehearse(request: Request) -> Response:
    """Run the steps on a fork and show each stage; or add a step and show the builder."""
    pairs = forms.pairs_of(await request.body())
    steps = _steps([text for name, text in pairs if name == "do"])
    given = dict(pairs)
    if given.get("add"):
        step = next((o.example for o in changing() if o.name == given.get("step")), "")
        steps = [*steps, step.removeprefix("edgesync ")] if step else steps
        return await anyio.to_thread.run_sync(_page, request, steps, None)
    return await anyio.to_thread.run_sync(_rehearsed, request, steps)


def _steps(texts: list[str]) -> list[str]:
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [line for line in lines if line][:STEPS_MAX]


def _rehearsed(request: Request, steps: list[str]) -> Response:
    return _page(request, steps, ask(request, "trust.whatif", do=steps) if steps else None)


def _page(request: Request, steps: list[str], answer: Any) -> Response:
    stages = []
    for stage in answer.rows("stages") if answer is not None else ():
        cells = stage["matrix"]["cells"]
        tables = [trust_table(cells, path) for path in PATHS]
        stages.append({**stage, "tables": [table for table in tables if table.applicable]})
    values = {
        "steps": steps,
        "answer": answer,
        "stages": stages,
        "operations": changing(),
    }
    return page(request, "whatif.html", "whatif", "What if", values)
