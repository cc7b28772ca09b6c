"""Who trusts whom: matrix, drawing, and the reasons behind each cell."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console.asking import ask
from edgesync.console.drawings import trust_graph
from edgesync.console.rendering import drawing, page
from edgesync.console.trust_table import (
    ALL_PATHS,
    PATHS,
    matrix_answer,
    path_table,
    trust_table,
)
from edgesync.planning.client_view import BROWSING
from edgesync.planning.paths import MEANING, questions


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/trust", trust), Route("/trust/explain", explain)]


def _path(request: Request, *more: str) -> str:
    asked = request.query_params.get("path", PATHS[0])
    return asked if asked in (*PATHS, *more) else PATHS[0]


def trust(request: Request) -> Response:
    """The matrix of one path as a table and as a drawing, or every path in one table."""
    path = _path(request, ALL_PATHS)
    if path == ALL_PATHS:
        return _every_path(request)
    answer = matrix_answer(request)
    cells = answer.rows("cells")
    judged = [cell for cell in cells if cell["path"] == path]
    values = {
        "matrix": answer,
        "path_": path,
        "paths": (*PATHS, ALL_PATHS),
        "table": trust_table(cells, path),
        "graph": drawing(trust_graph(judged, path)),
        "footnotes": answer.rows("footnotes"),
    }
    return page(request, "trust.html", "trust", "Trust", values)


def _every_path(request: Request) -> Response:
    table = path_table(request, tuple(MEANING))
    rows = table.rows
    values = {
        "left_out": table.left_out,
        "path_": ALL_PATHS,
        "paths": (*PATHS, ALL_PATHS),
        "groups": [
            (word, meaning, found)
            for word, meaning in MEANING.items()
            if (found := [row for row in rows if row["path"] == word])
        ],
        "bad": sum(not row["ok"] for row in rows),
        "warned": sum(row["ok"] and bool(row["note"]) for row in rows),
        "total": len(rows),
    }
    return page(request, "paths.html", "trust", "Every path", values)


def explain(request: Request) -> Response:
    """One cell or row: the chain of steps, the cause, and what mends it."""
    asked = request.query_params
    verifier, peer = asked.get("verifier", ""), asked.get("peer", "")
    path = _path(request, *MEANING)
    answer = None
    if verifier and peer:
        answer = ask(request, "trust.explain", verifier=verifier, peer=peer, path=path)
    values = {
        "answer": answer,
        "verifier": verifier,
        "peer": peer,
        "path_": path,
        "paths": (*PATHS, *MEANING),
        **_ends(request),
    }
    status = int(answer.error["status"]) if answer is not None and answer.error else 200
    return page(request, "explain.html", "trust", "Explanation", values, status=status)


def _ends(request: Request) -> dict[str, list[str]]:
    """What may stand at the two ends: servers, and who connects from elsewhere."""
    lab = request.app.state.lab
    names = [server.name for server in lab.servers()]
    with lab.exclusive:
        others = dict.fromkeys(q.source for q in questions(lab) if q.source not in names)
    kinds = [kind.value for kind in BROWSING]
    return {"names": names, "sources": [*names, *others, *kinds]}
