"""Revocation lists of the lab's authorities, as their distribution points would serve them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edgesync.lab.lab import Lab

CONTENT_TYPE = "application/pkix-crl"
"""Media type of a revocation list (RFC 2585 section 4)."""


def revocation_list(request: Request) -> Response:
    """``/crl/public.crl``: the list of one authority, DER, current at the lab's time."""
    lab: Lab = request.app.state.lab
    with lab.exclusive:
        authority = lab.authorities.get(request.path_params["name"])
        return Response(authority.crl(now=lab.clock.now()), media_type=CONTENT_TYPE)


def routes() -> list[Route]:
    """The addresses of the lists; anybody may read them."""
    return [Route("/crl/{name}.crl", revocation_list)]
