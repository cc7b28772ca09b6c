"""AD and the Edges' ADAMs: trees side by side, entries in words, searches, history, comparison."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from directory.model.dn import DN
from edgesync.console import browse
from edgesync.console.asking import Answer, ask
from edgesync.console.masking import masked_ldif
from edgesync.console.rendering import download, fragment, page
from edgesync.errors import EdgeSyncError, NoSuchThing, UsageError

LDIF_MAX = 10_000
"""Entries of one LDIF download; the export command has no limit."""

ANY = "(objectClass=*)"


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [
        Route("/directory", directory),
        Route("/directory/children", children),
        Route("/directory/search", search),
        Route("/directory/history", history),
        Route("/directory/compare", compare),
        Route("/directory/entries.ldif", ldif),
    ]


@dataclass(frozen=True, slots=True)
class Pane:
    """One directory with one entry open."""

    server: str
    dn: str
    suffix: str
    """What is appended to this pane's parameters in addresses: nothing, or ``2``."""
    ancestors: tuple[browse.Branch, ...]
    branches: browse.Children | None
    attributes: list[Any]
    commands: Mapping[str, str]
    error: EdgeSyncError | None = None


def directory(request: Request) -> Response:
    """One or two directories, each with its tree and an entry."""
    asked = request.query_params
    panes = [_pane(request, asked.get("server", browse.AD), asked.get("dn", ""), "")]
    if beside := asked.get("server2"):
        panes.append(_pane(request, beside, asked.get("dn2", ""), "2"))
    values = {
        "panes": panes,
        "directories": browse.directories(request.app.state.lab),
        "asked": dict(asked),
    }
    return page(request, "directory.html", "directory", "Directory", values)


def _pane(request: Request, server: str, dn: str, suffix: str) -> Pane:
    try:
        port = browse.port_of(request, server)
        if not dn:
            tops = tuple(browse.branch(port, top, str(top)) for top in browse.contexts(port))
            return Pane(server, "", suffix, (), browse.Children(tops, is_cut=False), [], {})
        name = DN.parse(dn)
        entry = browse.entry_of(port, name)
        top = next((c for c in browse.contexts(port) if name.is_within(c)), name)
        ancestors: list[browse.Branch] = []
        above = name
        while above != top and len(ancestors) < len(name.rdns):
            above = above.parent
            label = str(above) if above == top else str(above.rdn)
            ancestors.append(browse.Branch(str(above), label, has_children=True))
        return Pane(
            server, str(name), suffix, tuple(reversed(ancestors)), browse.children(port, name),
            browse.attributes_of(entry), commands(request, server, name, "base", ANY),
        )  # fmt: skip
    except EdgeSyncError as error:
        return Pane(server, dn, suffix, (), None, [], {}, error)
    except ValueError as error:
        wrong = UsageError(str(error), "write a distinguished name: CN=EDGE01,CN=Servers,...")
        return Pane(server, dn, suffix, (), None, [], {}, wrong)


def children(request: Request) -> Response:
    """The branches below one entry, for the script that opens them in place."""
    server, dn = request.query_params.get("server", ""), request.query_params.get("dn", "")
    found = browse.children(browse.port_of(request, server), DN.parse(dn))
    base = {key: value for key, value in request.query_params.items() if key.startswith("keep.")}
    values = {
        "branches": found, "server": server, "dn": dn,
        "suffix": request.query_params.get("suffix", "")[:1],
        "asked": {key.removeprefix("keep."): value for key, value in base.items()},
    }  # fmt: skip
    return fragment("branches.html", values)


def commands(
    request: Request, server: str, base: DN, scope: str, filter_: str, attributes: str = ""
) -> dict[str, str]:
    """The same question for other tools: ours, ldapsearch, an LDAP URL, PowerShell."""
    lab = request.app.state.lab
    url = lab.addresses.get(server, {}).get("ldap", "ldap://127.0.0.1:389")
    names = attributes.split()
    words = ["-H", url, "-b", str(base), "-s", scope, filter_, *names]
    ours = ["edgesync", "directory", "search", filter_, "--server", server, "--base", str(base),
            "--scope", scope]  # fmt: skip
    for name in names:
        ours += ["--attribute", name]
    login = '-x -D "$LDAPBINDDN" -y "$EDGESYNC_PASSWORD_FILE"'
    power = {"base": "Base", "one": "OneLevel", "sub": "Subtree"}[scope]
    return {
        "edgesync": shlex.join(ours),
        "ldapsearch": f'eval "$(edgesync env {server})"; ldapsearch {login} {shlex.join(words)}',
        "LDAP URL": f"{url}/{quote(str(base))}?{','.join(map(quote, names))}?{scope}"
                    f"?{quote(filter_)}",
        "Get-ADObject": f"Get-ADObject -LDAPFilter {_powershell(filter_)} -SearchBase "
                        f"{_powershell(str(base))} -SearchScope {power}",
    }  # fmt: skip


def _powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def search(request: Request) -> Response:
    """Find entries by filter; copy the question, or take the answer as LDIF."""
    asked = {key: request.query_params.get(key, "") for key in ("base", "filter", "attributes")}
    server = request.query_params.get("server", browse.AD)
    scope = request.query_params.get("scope", "sub")
    scope = scope if scope in browse.SCOPES else "sub"
    found: list[dict[str, Any]] = []
    is_cut, error, ways = False, None, {}
    try:
        port = browse.port_of(request, server)
        base = DN.parse(asked["base"]) if asked["base"] else browse.contexts(port)[0]
        filter_ = asked["filter"] or ANY
        ways = commands(request, server, base, scope, filter_, asked["attributes"])
        asked["base"] = str(base)
        if asked["filter"]:
            names = tuple(asked["attributes"].split())
            entries, is_cut = browse.find_entries(port, base, scope, filter_, names or ("1.1",))
            found = [
                {"dn": str(entry.dn), "attributes": browse.attributes_of(entry)}
                for entry in entries
            ]
    except EdgeSyncError as problem:
        error = problem
    except ValueError as problem:
        error = UsageError(
            str(problem), "RFC 4515 writes filters like (&(objectClass=user)(cn=k*))"
        )
    values = {
        **asked, "server": server, "scope": scope, "found": found, "is_cut": is_cut,
        "error": error, "commands": ways,
        "directories": browse.directories(request.app.state.lab),
    }  # fmt: skip
    status = 400 if error else 200
    return page(request, "search.html", "directory", "Search", values, status=status)


def history(request: Request) -> Response:
    """Who changed an entry, when, doing what, from what to what."""
    asked = request.query_params
    server, attribute = asked.get("server", browse.AD), asked.get("attribute", "")
    dn = DN.parse(asked.get("dn", ""))
    values = {
        "server": server,
        "dn": str(dn),
        "attribute": attribute,
        "changes": browse.history_of(request, server, dn, attribute),
        "limit": browse.HISTORY_MAX,
    }
    return page(request, "history.html", "directory", "History", values)


def compare(request: Request) -> Response:
    """Two entries, of one directory or two; equal attributes hidden."""
    asked = {
        key: request.query_params.get(key, "")
        for key in ("server", "left", "other_server", "right")
    }
    answer = None
    if asked["left"] and asked["right"]:
        answer = ask(
            request, "directory.diff", left=asked["left"], right=asked["right"],
            server=asked["server"] or browse.AD, other_server=asked["other_server"],
        )  # fmt: skip
    lab = request.app.state.lab
    values = {
        **asked, "answer": answer, "rows": _differences(request, answer),
        "directories": browse.directories(lab),
        "names": [server.name for server in lab.servers()],
    }  # fmt: skip
    return page(request, "compare.html", "directory", "Compare", values)


def _differences(request: Request, answer: Answer | None) -> list[dict[str, Any]]:
    """The attributes that differ, their values decoded and masked as on an entry's page."""
    if answer is None or answer.error:
        return []
    sides = {}
    for side in ("left", "right"):
        server, _, name = str(answer.document[side]).partition(" ")
        entry = browse.entry_of(browse.port_of(request, server), DN.parse(name))
        sides[side] = {found.name.lower(): found for found in browse.attributes_of(entry)}
    return [
        {
            "attribute": row["attribute"],
            **{side: known.get(row["attribute"].lower()) for side, known in sides.items()},
        }
        for row in answer.rows("differences")
    ]


def ldif(request: Request) -> Response:
    """Entries as an LDIF file."""
    asked = request.query_params
    answer = ask(
        request, "directory.search", filter_=asked.get("filter", ANY) or ANY,
        server=asked.get("server", browse.AD), base=asked.get("base", ""),
        scope=asked.get("scope", "base"), limit=LDIF_MAX,
        attribute=asked.get("attributes", "").split(),
    )  # fmt: skip
    if answer.error:
        raise NoSuchThing(str(answer.error["message"]), str(answer.error["hint"]))
    return download(masked_ldif(str(answer.document["texts"]["ldif"])), "entries.ldif")
