"""Client Access: what each listener presents, what the web site asks, what clients would see."""

from __future__ import annotations

from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.client_access.client_rules import ClientKind
from edgesync.console.asking import Answer, ask
from edgesync.console.rendering import page
from edgesync.lab.client_access import ClientAccess

SERVERS_SHOWN_MAX = 8
"""Servers whose clients are asked on one page; a larger lab asks for one server."""


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/clients", clients)]


def clients(request: Request) -> Response:
    """All servers that clients connect to; with ``server`` only that one."""
    lab = request.app.state.lab
    with lab.exclusive:
        names = lab.service(ClientAccess).servers()
    asked = request.query_params.get("server", "")
    chosen = next((name for name in names if name.casefold() == asked.casefold()), "")
    shown = [chosen] if chosen else list(names[:SERVERS_SHOWN_MAX])
    settings = {"server": chosen}
    directories = ask(request, "client.directory", **settings)
    rows = [row for row in directories.rows("directories") if row["server"] in shown]
    values = {
        "names": names,
        "server": chosen,
        "listeners": ask(request, "client.listeners", **settings),
        "directories": directories,
        "sites": [(name, list(group)) for name, group in groupby(rows, lambda r: r["server"])],
        "protocols": ask(request, "client.protocol", **settings),
        "servers": ask(request, "client.server", **settings),
        "authorities": ask(request, "client.ntauth"),
        "checks": [(name, kind.value, _check(request, name, kind))
                   for name in shown for kind in ClientKind],
    }  # fmt: skip
    status = 404 if asked and not chosen else 200
    return page(request, "clients.html", "clients", "Clients", values, status=status)


def _check(request: Request, server: str, kind: ClientKind) -> Answer:
    """What one kind of client would see on a server's own name; never an address from outside."""
    fqdn = request.app.state.lab.server(server).fqdn
    path = {ClientKind.ACTIVESYNC: "Microsoft-Server-ActiveSync", ClientKind.BROWSER: "owa",
            ClientKind.OUTLOOK_ANYWHERE: "Rpc", ClientKind.PROXY: "owa",
            ClientKind.AUTODISCOVER: "Autodiscover/Autodiscover.xml"}[kind]  # fmt: skip
    return ask(request, "client.check", client=kind.value, url=f"https://{fqdn}/{path}")
