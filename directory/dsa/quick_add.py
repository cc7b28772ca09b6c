"""Adds of entries that are much alike: what held for the first is not looked up for the others.

Replication, a load and a migration add thousands of entries below one superior, of the same
classes, with the same attributes. An entry's *pattern* is all of that: the superior's name, the
type of the RDN, the classes and the names of the attributes. The first entry of a pattern is added
by ``update.add``; if nothing of its outcome depended on more than the pattern, the next ones need
only what differs from entry to entry: that the name is free, and that each value is one. Whatever
is not certain here, refusals included, is left to ``update.add``. Both must leave the same
directory; ``tests/property/dsa/test_quick_add.py`` compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from directory.dsa import content, update
from directory.dsa.access import Right
from directory.dsa.context import Context, WireName
from directory.dsa.microsoft import PRINCIPALS
from directory.dsa.quick_names import PLAIN_RDN
from directory.dsa.request_controls import UpdateControls
from directory.dsa.secrets import PASSWORDS
from directory.dsa.session import Role, Session
from directory.model.ber import header
from directory.model.dn import DN
from directory.model.encoded import (
    EncodedEntry,
    EntryForm,
    PartedEntry,
    attribute_values,
    split_operation,
)
from directory.model.messages import AddRequest
from directory.model.names import AttributeName
from directory.store.entry import Shape, StoredEntry

PATTERNS_MAX = 1024
"""Patterns remembered; a load has a handful, and all are forgotten when there are more."""

FORM_OCTETS_MAX = 4096
"""Longest form remembered, octets: Exchange's have some 300, and whoever may write could fill
memory with long ones."""


class Pattern(NamedTuple):
    """What entries of one pattern have in common."""

    parent: StoredEntry
    """The superior's version: a change of it, a move above it included, ends the pattern."""
    naming: int
    """Which attribute is the RDN's."""
    kind: str
    """The RDN's type, folded."""
    names: tuple[AttributeName, ...]
    checks: tuple[WireName | None, ...]
    """How values are checked, by attribute; None for the classes, which are the same."""
    classes: bytes
    """With their superclasses, as they are stored."""
    flags: int
    roles: dict[Role, bool]
    """Who may write here, as far as anybody tried."""
    shape: Shape
    order: Callable[[Sequence[bytes]], tuple[bytes, ...]]
    """Puts attributes in the order of the shape."""
    texts: tuple[int, ...]
    """Attributes that may have any ASCII."""
    others: tuple[int, ...]
    """Attributes of which each value is looked at."""


class _Read(NamedTuple):
    """An add taken apart no further than its attributes."""

    form: EntryForm
    rdn: bytes
    value: bytes
    """Of the RDN."""
    blobs: list[bytes]


class QuickAdd:
    """Adds to one directory."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.patterns: dict[EntryForm, Pattern | None] = {}
        """By what entries have in common; None: known to be no pattern."""

    def add(self, session: Session, request: AddRequest, controls: UpdateControls) -> StoredEntry:
        """Add one entry; the new version. LdapErrors say why not."""
        entry = request.entry
        read = _read(entry) if isinstance(entry, EncodedEntry) else None
        if read is None:
            return update.add(self._context, session, request, controls)
        store = self._context.store
        with store.lock:
            pattern = self.patterns.get(read.form)
            if pattern is not None:
                if store.dit.by_id(pattern.parent.id) is pattern.parent:
                    added = self._add(session, pattern, read)
                    if added is not None:
                        return added
                else:
                    del self.patterns[read.form]
            added = update.add(self._context, session, request, controls)
            if read.form not in self.patterns and _length(read.form) <= FORM_OCTETS_MAX:
                self._learn(read, added)
            return added

    def may_write(self, session: Session, pattern: Pattern) -> bool:
        """Whether a session may add entries of a pattern."""
        role = session.identity.role
        known = pattern.roles.get(role)
        if known is None:
            rights = self._context.access.rights_at(session.identity, pattern.parent.dn)
            known = pattern.roles[role] = bool(rights & Right.WRITE)
        return known

    def add_at_a_glance(
        self, session: Session, name: bytes, spelled: list[bytes], blobs: list[bytes],
        values: list[bytes], several: Mapping[int, Sequence[bytes]],
    ) -> bool:  # fmt: skip
        """Add an entry of a known pattern without controls; False when it needs a closer look.

        The arguments are what ``wire.quick_add`` reads. Nothing has changed where it says no.

        Raises:
            JournalError: what the plain path would.
        """
        match = PLAIN_RDN.match(name)
        if match is None or session.is_global_catalog or b"objectClass" not in spelled:
            return False
        kind, value = match.groups()
        classes_at = spelled.index(b"objectClass")
        form = EntryForm(name[match.end() :], kind, blobs[classes_at], tuple(spelled))
        context = self._context
        store = context.store
        with store.lock:
            pattern = self.patterns.get(form)
            if (
                pattern is None
                or store.dit.by_id(pattern.parent.id) is not pattern.parent
                or values[pattern.naming] != value
                or pattern.naming in several
                or not self.may_write(session, pattern)
                or not _are_all_values(pattern, values, several)
            ):
                return False
            key = f"{pattern.kind}={value.decode('ascii').lower()}"
            if store.dit.child(pattern.parent.id, key) is not None:
                return False
            blobs[classes_at] = pattern.classes
            guid, now = context.new_guid(), context.now()
            with store.write(session.author, now, commit=not session.group_commit) as writer:
                writer.add_shaped(
                    pattern.parent, name[: match.end() - 1], key, pattern.shape,
                    pattern.order(blobs), guid, pattern.flags,
                )  # fmt: skip
        return True

    def _add(self, session: Session, pattern: Pattern, read: _Read) -> StoredEntry | None:
        """Add an entry of a known pattern; None when it needs a closer look."""
        context = self._context
        store = context.store
        if not self.may_write(session, pattern):
            return None
        blobs = read.blobs
        if not _is_only_value(blobs[pattern.naming], read.value):
            return None
        key = f"{pattern.kind}={read.value.decode('ascii').lower()}"
        if store.dit.child(pattern.parent.id, key) is not None:
            return None
        given: dict[AttributeName, bytes] = {}
        for name, check, blob in zip(pattern.names, pattern.checks, blobs, strict=True):
            if check is None:
                given[name] = pattern.classes
                continue
            if not content.are_values(check.attribute, check.check, attribute_values(blob)):
                return None
            given[name] = blob
        guid = context.new_guid()
        with store.write(session.author, context.now(), commit=not session.group_commit) as writer:
            return writer.add(pattern.parent, read.rdn, key, given, guid, pattern.flags)

    def _learn(self, read: _Read, added: StoredEntry) -> None:
        """Remember what entries like one that was added need, or that they are no pattern."""
        if len(self.patterns) >= PATTERNS_MAX:
            self.patterns.clear()
        self.patterns[read.form] = self._pattern_of(read, added)

    def _pattern_of(self, read: _Read, added: StoredEntry) -> Pattern | None:
        context = self._context
        store = context.store
        above, kind, _, spelled = read.form
        known = [context.wire_names.get(name) for name in spelled]
        kept = [wire for wire in known if wire is not None and wire.is_kept]
        names = tuple(wire.name for wire in kept)
        parent = store.dit.by_id(added.place.parent)
        naming = context.schema.canonical(kind.decode())
        if (
            parent is None
            or len(kept) < len(spelled)
            or len(set(names)) < len(names)
            or set(names) != set(added.shape.names)
            or naming not in names
            or set(names) & PASSWORDS
            or set(names) & store.profile.links.keys()
            or DN.parse(above.decode()) != parent.dn
            or added.key != f"{kind.decode().lower()}={read.value.decode().lower()}"
            or self._has_borders(parent)
        ):
            return None
        classes = added.blob(content.OBJECT_CLASS)
        same = all(
            name == content.OBJECT_CLASS or added.blob(name) == blob
            for name, blob in zip(names, read.blobs, strict=True)
        )
        if classes is None or not same:
            return None
        if {value.lower() for value in attribute_values(classes)} & PRINCIPALS:
            return None
        checks = tuple(None if w.name == content.OBJECT_CLASS else w for w in kept)
        folded = kind.decode().lower()
        rules = [(at, w.attribute.syntax) for at, w in enumerate(checks) if w is not None]
        return Pattern(
            parent, names.index(naming), folded, names, checks, classes, added.flags, {},
            shape=added.shape,
            order=itemgetter(*map(names.index, added.shape.names)),
            texts=tuple(at for at, rule in rules if rule is not None and rule.takes_ascii),
            others=tuple(
                at for at, rule in rules
                if rule is not None and not rule.takes_ascii and not rule.takes_anything
            ),
        )  # fmt: skip

    def _has_borders(self, parent: StoredEntry) -> bool:
        """Whether access may be another below this entry than at its children."""
        configuration = self._context.configuration
        tops = (
            configuration.schema_context, configuration.replication_accounts,
            configuration.configuration,
        )  # fmt: skip
        return any(top is not None and top.is_under(parent.dn) for top in tops)


def _are_all_values(
    pattern: Pattern, values: list[bytes], several: Mapping[int, Sequence[bytes]]
) -> bool:
    """Whether each attribute may have what it is given; texts are looked at all at once."""
    if b"" in values:
        return False
    checks, texts, others = pattern.checks, pattern.texts, pattern.others
    if not b"".join([values[at] for at in texts]).isascii():
        others = texts + others
    try:
        for at in others:
            wire = checks[at]
            if wire is not None and wire.check is not None:
                wire.check(values[at])
    except ValueError:
        return False
    return all(
        (wire := checks[at]) is None or content.are_values(wire.attribute, wire.check, given)
        for at, given in several.items()
    )


def _length(form: EntryForm) -> int:
    return len(form.above) + len(form.classes) + sum(map(len, form.names))


def _is_only_value(blob: bytes, value: bytes) -> bool:
    """Whether a plain value is an attribute's only one: two would have an octet string's tag."""
    return blob[1] < 0x80 and blob.endswith(value) and len(blob) == blob[3] + 8 + len(value)


def _read(entry: EncodedEntry) -> _Read | None:
    """The parts of an add in the usual encoding; None for any other."""
    if isinstance(entry, PartedEntry):
        rdn = entry.rdn
        if PLAIN_RDN.match(rdn + b",") is None or not all(map(_is_shortest, entry.blobs)):
            return None
        return _Read(entry.form, rdn, entry.value, entry.blobs)
    return _read_operation(entry.operation)


def _is_shortest(blob: bytes) -> bool:
    """Whether the length of an attribute is written as short as can be."""
    return blob[1] < 0x80 or len(blob) >= 0x83


def _read_operation(operation: bytes) -> _Read | None:
    name, body = split_operation(operation)
    match = PLAIN_RDN.match(name)
    if match is None:
        return None
    names: list[bytes] = []
    blobs: list[bytes] = []
    classes = b""
    at, end = 0, len(body)
    while at < end:
        n = body[at + 1]
        start = at + 2
        if n < 0x80:
            stop = start + n
        else:
            _, start, stop = header(body, at, end)
            if stop - start < 0x80:
                return None  # the long form where the short one would do is not kept
        name_end = start + 2 + body[start + 1]
        spelled = body[start + 2 : name_end]
        blob = body[at:stop]
        if spelled == b"objectClass":
            classes = blob
        names.append(spelled)
        blobs.append(blob)
        at = stop
    at = match.end()
    kind, value = match.groups()
    form = EntryForm(name[at:], kind, classes, tuple(names))
    return _Read(form, name[: at - 1], value, blobs)
