"""Linked attributes: values that name entries stay true when those are renamed or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from directory.dsa import content
from directory.dsa.context import Context
from directory.dsa.names import no_such_object
from directory.errors import ParseError
from directory.model.dn import DN
from directory.model.names import AttributeName
from directory.store.entry import StoredEntry
from directory.store.writer import Writer


def check_targets(context: Context, attributes: Mapping[AttributeName, tuple[bytes, ...]]) -> None:
    """Pass when every link names an entry; only AD and ADAM insist (MS-ADTS 3.1.1.1.6).

    Raises:
        LdapError: noSuchObject.
    """
    if context.configuration.is_generic:
        return
    for name in attributes.keys() & context.store.profile.links.keys():
        for value in attributes[AttributeName(name)]:
            dn = DN.parse(value.decode())
            if dn.alternative is None and context.store.find(dn) is None:
                raise no_such_object(context, dn)


def follow_renames(
    context: Context, writer: Writer, renamed: Iterable[tuple[str, StoredEntry]]
) -> None:
    """Rewrite links to entries that have new names: (normal name before, version now)."""
    for before, entry in renamed:
        for name, index in context.store.indexes.by_name.items():
            if not index.attribute.is_dn:
                continue
            for id_ in list(index.ids(before.encode())):
                source = context.store.dit.by_id(id_)
                if source is not None:
                    _replace(context, writer, source, AttributeName(name), before, entry.name)


def drop_links(context: Context, writer: Writer, entry: StoredEntry) -> None:
    """Take an entry that goes out of all links to it."""
    normal = entry.normal
    for name in context.store.profile.links:
        index = context.store.indexes.index(name)
        for id_ in list(index.ids(normal.encode())) if index is not None else ():
            source = context.store.dit.by_id(id_)
            if source is not None and source.id != entry.id:
                _replace(context, writer, source, AttributeName(name), normal, None)


def _replace(
    context: Context,
    writer: Writer,
    source: StoredEntry,
    name: AttributeName,
    before: str,
    after: bytes | None,
) -> None:
    values: list[bytes] = []
    for value in source.values(name):
        if _normal(value) != before:
            values.append(value)
        elif after is not None:
            values.append(after)
    blob = content.encode(context, name, tuple(values)) if values else None
    writer.modify(source, {name: blob})


def _normal(value: bytes) -> str:
    try:
        return DN.parse(value.decode()).normal
    except (ParseError, UnicodeDecodeError):
        return ""
