"""Many adds that are alike, carried out attribute by attribute instead of entry by entry.

A first synchronization and a load hand over thousands of entries of a pattern that ``quick_add``
knows. They are checked and indexed here in lists, one for each attribute. If anything of any of
them is not certain at a glance, a refusal included, nothing is done, and the caller adds them one
after the other. Both must leave the same directory; ``tests/property/dsa/test_bulk_add.py``
compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from directory.dsa import content
from directory.dsa.context import Context, WireName
from directory.dsa.quick_add import QuickAdd
from directory.dsa.session import Session
from directory.errors import LdapError
from directory.model.encoded import EntryForm, PartedEntry, attribute_values
from directory.model.messages import AddRequest, Request
from directory.model.names import AttributeName
from directory.schema.matching import Key
from directory.store.alike import Column, Run, insert_run

RUN_MAX = 256
"""Entries added together: few enough that readers wait some milliseconds at most."""

RUN_MIN = 4
"""Fewer are added one by one: making lists costs more than it saves."""

_PLAIN_VALUE = re.compile(rb"[A-Za-z0-9._@-]+(?: [A-Za-z0-9._@-]+)*")
"""Values of RDNs that are written one way only, but for the case of their letters."""

Values = Sequence[bytes]
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
        """Updates in their order, adds that are alike together; ``one`` carries out any other.

        They are durable after the next ``commit_group``.
        """
        outcomes: list[LdapError | None] = []
        for entries, run in _runs(requests):
            alone = len(run)
            if len(run) >= RUN_MIN and entries:
                # the first of its kind shows what the others need
                alone = 0 if entries[0].form in self._quick.patterns else 1
            outcomes += [one(session, request) for request in run[:alone]]
            if alone < len(run):
                if self.add(session, entries[alone:]):
                    outcomes += [None] * (len(run) - alone)
                else:
                    outcomes += [one(session, request) for request in run[alone:]]
        return outcomes

    def add(self, session: Session, entries: Sequence[PartedEntry]) -> bool:
        """Add entries of one form; false when nothing was done and each needs a closer look."""
        context, store = self._context, self._context.store
        form = entries[0].form
        with store.lock:
            pattern = self._quick.patterns.get(form)
            if (
                pattern is None
                or pattern.flags
                or store.dit.by_id(pattern.parent.id) is not pattern.parent
                or store.indexes.is_making
                or not self._quick.may_write(session, pattern)
            ):
                return False
            values = [entry.value for entry in entries]
            keys = _normal_rdns(pattern.kind, values)
            if keys is None or not store.dit.are_free(pattern.parent.id, keys):
                return False
            blobs = list(zip(*[entry.blobs for entry in entries], strict=True))
            naming = pattern.checks[pattern.naming]
            if naming is None or _single(blobs[pattern.naming], naming) != values:
                return False
            try:
                columns = [
                    self._column(name, check, column)
                    for name, check, column in zip(
                        pattern.names, pattern.checks, blobs, strict=True
                    )
                    if check is not None
                ]
            except ValueError:
                return False
            kind = form.kind + b"="
            run = Run(
                pattern.parent, [kind + value for value in values], keys,
                context.new_guids(len(entries)), columns, {content.OBJECT_CLASS: pattern.classes},
            )  # fmt: skip
            with store.write(session.author, context.now(), commit=False) as writer:
                insert_run(writer, run)
            return True

    def _column(self, name: AttributeName, check: WireName, blobs: Values) -> Column:
        """One attribute of all entries, checked.

        Raises:
            ValueError: something is wrong with a value, or not certain to be right.
        """
        whose: Sequence[int] = range(len(blobs))
        values = _single(blobs, check)
        if values is None:
            values, whose = _all_values(blobs)
        if check.check is not None:
            for value in values:
                check.check(value)
        is_indexed = self._context.store.indexes.has(name)
        rule = check.attribute.equality
        is_many = len(values) > len(blobs)
        if is_many and check.attribute.single_value:
            raise ValueError("two values of an attribute that has one")
        if not is_many and not (is_indexed and rule is not None):
            return Column(name, blobs, None)
        keys: list[Key] = list(values) if rule is None else list(map(rule.key, values))
        if is_many and len(set(zip(whose, keys, strict=True))) < len(keys):
            raise ValueError("a value twice")
        return Column(name, blobs, (keys, whose) if is_indexed else None)


def _runs(requests: Sequence[Request]) -> Iterator[tuple[list[PartedEntry], list[Request]]]:
    """The same requests in the same order: consecutive adds of one form, then their entries."""
    entries: list[PartedEntry] = []
    run: list[Request] = []
    last: EntryForm | None = None
    for request in requests:
        entry = request.entry if isinstance(request, AddRequest) else None
        form = entry.form if isinstance(entry, PartedEntry) else None
        if run and (form != last or len(run) == RUN_MAX):
            yield entries, run
            entries, run = [], []
        if isinstance(entry, PartedEntry):
            entries.append(entry)
        run.append(request)
        last = form
    yield entries, run


def _normal_rdns(kind: str, values: Values) -> list[str] | None:
    """The RDNs in the form that compares; None where one is not plain, or stands twice."""
    if not all(map(_PLAIN_VALUE.fullmatch, values)):
        return None
    keys = [f"{kind}={value.decode('ascii').lower()}" for value in values]
    return keys if len(set(keys)) == len(keys) else None


def _single(blobs: Values, check: WireName) -> list[bytes] | None:
    """The values of an attribute that has one short value in every entry; else None."""
    at = 8 + len(check.spelling)  # behind four tags, four lengths and the name
    values = [b[at:] for b in blobs if b[1] < 0x80 and len(b) >= at and len(b) == at + b[at - 1]]
    return values if len(values) == len(blobs) else None


def _all_values(blobs: Values) -> tuple[list[bytes], list[int]]:
    """All values, and beside each which entry has it.

    Raises:
        ValueError: an entry has none, or a length that could be shorter.
    """
    values: list[bytes] = []
    whose: list[int] = []
    for place, blob in enumerate(blobs):
        found = attribute_values(blob)
        if not found or not (blob[1] < 0x80 or len(blob) >= 0x83):
            raise ValueError("an attribute the store does not keep as it is")
        values += found
        whose += [place] * len(found)
    return values, whose
