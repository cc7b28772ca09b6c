"""Many adds that are alike, carried out attribute by attribute instead of entry by entry.

A first synchronization and a load hand over thousands of entries of a pattern that ``quick_add``
knows. They are checked and indexed here in lists, one for each attribute. If anything of any of
them is not certain at a glance, a refusal included, nothing is done, and the caller adds them one
after the other. Both must leave the same directory; ``tests/property/dsa/test_bulk_add.py``
compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice

from directory.dsa import content
from directory.dsa.add_tables import AddParts, PlacedTable, sorted_into_tables
from directory.dsa.context import Context, WireName
from directory.dsa.quick_add import QuickAdd
from directory.dsa.session import Session
from directory.errors import LdapError
from directory.model.columns import Values, all_values, single_values
from directory.model.encoded import EntryForm, EntryTable, PartedEntry
from directory.model.messages import AddRequest, Request
from directory.model.names import AttributeName
from directory.schema.matching import Key
from directory.store.alike import Column, Kin, insert_all

RUN_MAX = 256
"""Entries added together: few enough that readers wait some milliseconds at most."""

RUN_MIN = 4
"""Fewer are added one by one: making lists costs more than it saves."""

_PLAIN_VALUE = re.compile(rb"[A-Za-z0-9._@-]+(?: [A-Za-z0-9._@-]+)*")
"""Values of RDNs that are written one way only, but for the case of their letters."""

One = Callable[[Session, Request], LdapError | None]
"""Carries out an update by itself, and says why it was refused, if it was."""


class BulkAdd:
    """Adds to one directory, many at a time."""

    def __init__(self, context: Context, quick: QuickAdd) -> None:
        self._context = context
        self._quick = quick

    def update_all(
        self, session: Session, requests: Sequence[Request], one: One
    ) -> list[LdapError | None]:
        """Updates in their order, adds of known patterns together; ``one`` carries out any other.

        They are durable after the next ``commit_group``.
        """
        outcomes: list[LdapError | None] = []
        while len(outcomes) < len(requests):
            run = self._run(requests, len(outcomes))
            if len(run) >= RUN_MIN and self.add(session, run):
                outcomes += [None] * len(run)
                continue
            for _ in range(max(1, len(run))):
                outcomes.append(one(session, requests[len(outcomes)]))
        return outcomes

    def update_table(self, session: Session, table: EntryTable, one: One) -> list[LdapError | None]:
        """``update_all`` for adds of entries that are in columns already."""
        outcomes: list[LdapError | None] = []
        count = len(table.values)
        while len(outcomes) < count:
            at = len(outcomes)
            is_known = self._quick.patterns.get(table.form) is not None
            part = table.part(at, at + (RUN_MAX if is_known else 1))
            if len(part.values) >= RUN_MIN and self.add_table(session, part):
                outcomes += [None] * len(part.values)
            else:
                outcomes += [one(session, AddRequest(entry)) for entry in part.entries()]
        return outcomes

    def _run(self, requests: Sequence[Request], start: int) -> list[PartedEntry]:
        """Entries to add from here on that seem to be of known patterns."""
        patterns = self._quick.patterns
        run: list[PartedEntry] = []
        known: EntryForm | None = None
        for request in islice(requests, start, start + RUN_MAX):
            entry = request.entry if isinstance(request, AddRequest) else None
            if not isinstance(entry, PartedEntry):
                break
            if entry.form is not known:
                known = entry.form
                if patterns.get(known) is None:
                    break
            run.append(entry)
        return run

    def add_read(self, session: Session, entries: Sequence[AddParts]) -> bool:
        """``add`` for entries as a listener reads them (``wire.quick_add``)."""
        if len(entries) < RUN_MIN or session.is_global_catalog:
            return False
        tables = sorted_into_tables(entries)
        return tables is not None and self._add(session, tables, len(entries))

    def add(self, session: Session, entries: Sequence[PartedEntry]) -> bool:
        """Add entries of known patterns; false when nothing was done: each needs a closer look."""
        by_form: dict[int, list[int]] = {}
        for place, entry in enumerate(entries):
            by_form.setdefault(id(entry.form), []).append(place)
        groups: list[PlacedTable] = []
        for places in by_form.values():
            own = [entries[place] for place in places]
            columns = list(zip(*[entry.blobs for entry in own], strict=True))
            table = EntryTable(own[0].form, [entry.value for entry in own], columns)
            groups.append(PlacedTable(places, table, [None] * len(columns)))
        return self._add(session, groups, len(entries))

    def add_table(self, session: Session, table: EntryTable) -> bool:
        """``add`` for entries that are in columns already."""
        count = len(table.values)
        placed = PlacedTable(range(count), table, [None] * len(table.columns))
        return self._add(session, [placed], count)

    def _add(self, session: Session, groups: Sequence[PlacedTable], count: int) -> bool:
        context, store = self._context, self._context.store
        with store.lock:
            if store.indexes.is_making:
                return False
            try:
                kins = [self._kin(session, placed) for placed in groups]
            except ValueError:
                return False
            if len({kin.parent.id for kin in kins}) < len(kins):  # they may share names
                names = {(kin.parent.id, key) for kin in kins for key in kin.keys}
                if len(names) < count:
                    return False
            guids = context.new_guids(count)
            with store.write(session.author, context.now(), commit=False) as writer:
                insert_all(writer, kins, guids)
            return True

    def _kin(self, session: Session, placed: PlacedTable) -> Kin:
        """Entries of one form, checked.

        Raises:
            ValueError: something is wrong with one of them, or not certain to be right.
        """
        places, table, singles = placed
        dit, form, values = self._context.store.dit, table.form, table.values
        pattern = self._quick.patterns.get(form)
        if (
            pattern is None
            or pattern.flags
            or dit.by_id(pattern.parent.id) is not pattern.parent
            or not self._quick.may_write(session, pattern)
        ):
            raise ValueError("no pattern, or not this session's")
        keys = _keys(pattern.kind, values)
        if len(set(keys)) < len(keys) or not dit.are_free(pattern.parent.id, keys):
            raise ValueError("a name that is taken, or that two have")
        naming = pattern.checks[pattern.naming]
        if naming is None:
            raise ValueError("named by its classes")
        own = singles[pattern.naming]
        if own is None:
            own = single_values(table.columns[pattern.naming], len(naming.spelling))
        if own is None or list(own) != values:
            raise ValueError("not the RDN's value alone")
        columns = [
            self._column(name, check, column, single)
            for name, check, column, single in zip(
                pattern.names, pattern.checks, table.columns, singles, strict=True
            )
            if check is not None
        ]
        kind = form.kind + b"="
        rdns = [kind + value for value in values]
        classes = {content.OBJECT_CLASS: pattern.classes}
        return Kin(pattern.parent, places, rdns, keys, columns, classes)

    def _column(
        self, name: AttributeName, check: WireName, blobs: Values, singles: Values | None
    ) -> Column:
        """One attribute of all entries, checked.

        Raises:
            ValueError: something is wrong with a value, or not certain to be right.
        """
        whose: Sequence[int] = range(len(blobs))
        values = single_values(blobs, len(check.spelling)) if singles is None else singles
        if values is None:
            values, whose = all_values(blobs)
        _check_values(check, values)
        is_indexed = self._context.store.indexes.has(name)
        rule = check.attribute.equality
        is_many = len(values) > len(blobs)
        if is_many and check.attribute.single_value:
            raise ValueError("two values of an attribute that has one")
        if not is_many and not (is_indexed and rule is not None):
            return Column(name, blobs, None)
        keys: Sequence[Key] = values if rule is None else rule.keys(values)
        if (
            is_many
            and len(set(keys)) < len(keys)  # most values are nobody else's either
            and len(set(zip(whose, keys, strict=True))) < len(keys)
        ):
            raise ValueError("a value twice")
        return Column(name, blobs, (keys, whose) if is_indexed else None)


def _keys(kind: str, values: list[bytes]) -> list[str]:
    """The RDNs of these values in normal form.

    Raises:
        ValueError: one may be written in several ways.
    """
    lines = b"\n".join(values)
    if lines.count(b"\n") >= len(values) or not all(map(_PLAIN_VALUE.fullmatch, values)):
        raise ValueError("an RDN that may be written in several ways")
    start = kind + "="
    text = start + lines.decode("ascii").lower().replace("\n", f"\n{start}")
    return text.split("\n")


def _check_values(check: WireName, values: Values) -> None:
    """Look whether each may be a value of the attribute.

    Raises:
        ValueError: one may not.
    """
    syntax = check.attribute.syntax
    if syntax is not None and syntax.takes_ascii:
        if b"" not in values and b"".join(values).isascii():
            return
    elif syntax is not None and syntax.takes_anything:
        return
    if check.check is not None:
        for value in values:
            check.check(value)
