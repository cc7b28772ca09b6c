"""Who trusts whom: matrix, drawing, and the reasons behind each cell."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console.asking import ask
from edgesync.console.drawings import trust_graph
from edgesync.console.rendering import drawing, page
from edgesync.console.trust_table import PATHS, matrix_answer, trust_table


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/trust", trust), Route("/trust/explain", explain)]


def _path(request: Request) -> str:
    asked = request.query_params.get("path", PATHS[0])
    return asked if asked in PATHS else PATHS[0]


def trust(request: Request) -> Response:
    """The matrix of one path as a table and as a drawing."""
    path = _path(request)
    answer = matrix_answer(request)
    cells = answer.rows("cells")
    judged = [cell for cell in cells if cell["path"] == path]
    values = {
        "matrix": answer,
        "path_": path,
        "paths": PATHS,
        "table": trust_table(cells, path),
        "graph": drawing(trust_graph(judged, path)),
        "footnotes": answer.rows("footnotes"),
    }
    return page(request, "trust.html", "trust", "Trust", values)


def explain(request: Request) -> Response:
    """One cell: the chain of steps, the cause, and what mends it."""
    asked = request.query_params
    verifier, peer, path = asked.get("verifier", ""), asked.get("peer", ""), _path(request)
    answer = None
    if verifier and peer:
        answer = ask(request, "trust.explain", verifier=verifier, peer=peer, path=path)
    values = {
        "answer": answer,
        "verifier": verifier,
        "peer": peer,
        "path_": path,
        "paths": PATHS,
        "names": [server.name for server in request.app.state.lab.servers()],
    }
    status = int(answer.error["status"]) if answer is not None and answer.error else 200
    return page(request, "explain.html", "trust", "Explanation", values, status=status)
