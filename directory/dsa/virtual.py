"""Answers from entries that no tree holds: the rootDSE and the subschema."""

from __future__ import annotations

from collections.abc import Iterator

from directory.dsa.context import Context
from directory.model.entry import Entry
from directory.model.filter import Equality, Filter, Present
from directory.model.messages import (
    LdapResult,
    Reply,
    SearchRequest,
    SearchResultDone,
    SearchResultEntry,
)


def virtual_entry(context: Context, request: SearchRequest, entry: Entry) -> Iterator[Reply]:
    """The entry as the request wants it, then the final response."""
    if matches(request.filter, entry):
        yield Reply(SearchResultEntry(selected(context, request, entry)))
    yield Reply(SearchResultDone(LdapResult()))


def matches(filter: Filter, entry: Entry) -> bool:  # noqa: A002 - the noun of RFC 4511
    """Whether it matches. Clients ask these entries for presence or class; more is not needed."""
    match filter:
        case Present(name):
            return name.lower() == "objectclass" or entry.has(name)
        case Equality(name, value):
            own = {known.lower() for known in entry.values(name)}
            return value.lower() in own
    return True


def selected(context: Context, request: SearchRequest, entry: Entry) -> Entry:
    """The attributes asked for."""
    wanted = {context.schema.canonical(name) for name in request.attributes}
    everything = not request.attributes or bool(wanted & {"*", "+"})
    return Entry(
        entry.dn,
        {
            name: () if request.types_only else values
            for name, values in entry.attributes.items()
            if everything or name.lower() in wanted
        },
    )
