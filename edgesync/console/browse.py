"""Looking into the lab's directories for pages: children, entries, searches, history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from starlette.requests import Request

from directory.errors import LdapError, ResultCode
from directory.model.controls import PagedResults
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import ANY_ENTRY, parse_filter
from directory.model.messages import Scope, SearchRequest
from edgesync.console.values import ShownAttribute, is_secret, shown_attribute
from edgesync.errors import NoSuchThing
from edgesync.lab.lab import Lab
from edgesync.port.port import DirectoryPort, iterate, read

CHILDREN_MAX = 200
"""Children of one entry in a tree; the rest is found by a search."""

FOUND_MAX = 500
"""Entries of one search on a page; LDIF holds all of them up to its own limit."""

HISTORY_MAX = 200
"""Changes of one entry on a page, newest first."""

AD = "AD"
SCOPES = {"base": Scope.BASE, "one": Scope.ONE, "sub": Scope.SUBTREE}


@dataclass(frozen=True, slots=True)
class Branch:
    """An entry in a tree."""

    dn: str
    name: str
    has_children: bool


@dataclass(frozen=True, slots=True)
class Children:
    """Entries directly below one, and whether there are more."""

    branches: tuple[Branch, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute changed by one change."""

    usn: int
    at: datetime
    kind: str
    by: str
    doing: str
    name: str
    before: ShownAttribute
    after: ShownAttribute


def directories(lab: Lab) -> tuple[str, ...]:
    """Names of the lab's directories: AD first."""
    return (AD, *lab.edges)


def port_of(request: Request, server: str) -> DirectoryPort:
    """A directory of the lab by name, any case.

    Raises:
        NoSuchThing: when the lab has no such directory.
    """
    lab: Lab = request.app.state.lab
    if server.upper() == AD:
        return lab.ad.port("console")
    return lab.edge(server).port("console")


def contexts(port: DirectoryPort) -> tuple[DN, ...]:
    """The naming contexts that lie below no other."""
    found = port.identity.naming_contexts
    return tuple(dn for dn in found if not any(dn.is_under(other) for other in found))


def branch(port: DirectoryPort, dn: DN, name: str = "") -> Branch:
    """An entry as a tree shows it."""
    return Branch(str(dn), name or str(dn.rdn), _has_children(port, dn))


def _has_children(port: DirectoryPort, dn: DN) -> bool:
    request = SearchRequest(dn, Scope.ONE, ANY_ENTRY, ("1.1",))
    try:
        return bool(port.search(request, (PagedResults(size=1, cookie=b""),)).entries)
    except LdapError:
        return False


def children(port: DirectoryPort, dn: DN) -> Children:
    """The entries directly below one, by name."""
    request = SearchRequest(dn, Scope.ONE, ANY_ENTRY, ("1.1",))
    found = list(islice(iterate(port, request), CHILDREN_MAX + 1))
    names = sorted((entry.dn for entry in found[:CHILDREN_MAX]), key=lambda d: d.normal)
    return Children(tuple(branch(port, name) for name in names), len(found) > CHILDREN_MAX)


def entry_of(port: DirectoryPort, dn: DN) -> Entry:
    """One entry with everything it shows.

    Raises:
        NoSuchThing: when it is not there.
    """
    entry = read(port, dn, ("*", "+"))
    if entry is None:
        raise NoSuchThing(f"no entry {dn}", "search for it, or look at its history")
    return entry


def attributes_of(entry: Entry) -> list[ShownAttribute]:
    """An entry's attributes: the object class first, the rest by name."""
    names = sorted(entry.attributes, key=lambda n: (n.lower() != "objectclass", n.lower()))
    return [shown_attribute(name, entry.values(name)) for name in names]


def find_entries(
    port: DirectoryPort, base: DN, scope: str, filter_: str, attributes: tuple[str, ...]
) -> tuple[list[Entry], bool]:
    """Entries that fit, and whether there are more.

    Raises:
        InvalidFilter: when the filter is none.
        NoSuchThing: when the base is not there.
    """
    request = SearchRequest(base, SCOPES[scope], parse_filter(filter_), attributes)
    try:
        found = list(islice(iterate(port, request), FOUND_MAX + 1))
    except LdapError as error:
        if error.code is ResultCode.NO_SUCH_OBJECT:
            raise NoSuchThing(f"no entry {base}", "choose another base") from error
        raise
    return found[:FOUND_MAX], len(found) > FOUND_MAX


def history_of(request: Request, server: str, dn: DN, attribute: str = "") -> list[AttributeChange]:
    """Who changed an entry's attributes, when and doing what; newest first.

    Raises:
        NoSuchThing: when the entry is not there.
    """
    lab: Lab = request.app.state.lab
    agent = lab.ad.agent if server.upper() == AD else lab.edge(server).agent
    entry = agent.store.find(dn)
    if entry is None:
        raise NoSuchThing(f"no entry {dn} in {server}", "removed entries are in the change log")
    rows = []
    for change in agent.store.latest_changes(entry):
        for name, values in change.attributes.items():
            if attribute and name.lower() != attribute.lower():
                continue
            hidden = is_secret(name)
            before = () if hidden else values.before
            after = () if hidden else values.after
            old, new = shown_attribute(name, before), shown_attribute(name, after)
            by, doing = change.author.identity, change.author.note
            kind = change.kind.value
            rows.append(AttributeChange(change.usn, change.at, kind, by, doing, name, old, new))
            if len(rows) == HISTORY_MAX:
                return rows
    return rows
