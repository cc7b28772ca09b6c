"""Modifies that replace values, carried out without taking entries or attributes apart.

What a client sent is what the store keeps, so that a replacement of values by values of the same
attribute is: find the entry, see that the values may stand there, put a version with the new
attribute in the old one's place. What is known of an attribute's name is looked up once. Whatever
is not certain here is left to ``update.modify`` by answering False, refusals included: nothing has
changed then. Both must leave the same directory; ``tests/property/dsa/test_quick_modify.py``
compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from directory.dsa import content
from directory.dsa.access import Right
from directory.dsa.context import Context
from directory.dsa.microsoft import SAM_ACCOUNT_NAME
from directory.dsa.quick_names import QuickNames
from directory.dsa.secrets import PASSWORDS
from directory.dsa.session import Session
from directory.dsa.update import flags_of
from directory.errors import LdapError
from directory.limits import REMEMBERED_OCTETS_MAX
from directory.model.names import AttributeName
from directory.schema.schema import Attribute
from directory.store.entry import DELETED, StoredEntry
from directory.store.writer import replace_values

TARGETS_MAX = 4096
"""Spellings of attribute names remembered."""


Replacement = tuple[bytes, bytes, Sequence[bytes]]
"""An attribute's name as it is spelled; all of it in wire form, in the shortest encoding; its
values."""


class _Target(NamedTuple):
    """An attribute whose values may be replaced here, looked up once."""

    name: AttributeName
    attribute: Attribute
    check: Callable[[bytes], object] | None


class QuickModify:
    """Modifies in one directory."""

    def __init__(self, context: Context, names: QuickNames) -> None:
        self._context = context
        self._names = names
        self._targets: dict[bytes, _Target | None] = {}
        """By spelling; None: to be left to the plain path."""

    def __call__(self, session: Session, name: bytes, changes: Sequence[Replacement]) -> bool:
        """Carry out a modify without controls; False when it needs a closer look.

        Raises:
            JournalError: what the plain path would.
        """
        context = self._context
        store = context.store
        with store.lock:
            found = self._names.find(name)
            if found is None or session.is_global_catalog:
                return False
            entry, naming = found
            if entry.flags & DELETED:
                return False
            identity = session.identity
            if (
                not identity.is_administrator
                and not context.access.rights(identity, entry) & Right.WRITE
            ):
                return False
            changed = self._changed(entry, naming, changes)
            if changed is None:
                return False
            everything, replaced = changed
            if len(replaced) == len(everything) and session.group_commit:
                if replaced:
                    replace_values(store, entry, replaced, session.author, context.now())
            elif everything:
                commit = not session.group_commit
                with store.write(session.author, context.now(), commit=commit) as writer:
                    writer.modify(entry, everything)
        return True

    def _changed(
        self, entry: StoredEntry, naming: AttributeName, changes: Sequence[Replacement]
    ) -> tuple[dict[AttributeName, bytes | None], dict[AttributeName, bytes]] | None:
        """What an entry will have instead, and what of it are attributes it has already.

        None when the plain path should look.
        """
        if len(changes) > 1 and len({kind for kind, _, _ in changes}) < len(changes):
            return None  # the last of them holds
        changed: dict[AttributeName, bytes | None] = {}
        replaced: dict[AttributeName, bytes] = {}
        positions = entry.shape.positions
        for kind, blob, values in changes:
            target = self._targets.get(kind)
            if target is None and (target := self._target(kind)) is None:
                return None
            name = target.name
            if name == naming:
                return None
            at = positions.get(name)
            before = None if at is None else entry.blobs[at]
            if not values:
                if before is not None:
                    changed[name] = None
                continue
            if before == blob:
                continue
            if not content.are_values(target.attribute, target.check, values):
                return None
            changed[name] = blob
            if before is not None:
                replaced[name] = blob
        if len(replaced) < len(changed) and not self._may_have(entry, changed):
            return None
        return changed, replaced

    def _may_have(self, entry: StoredEntry, changed: dict[AttributeName, bytes | None]) -> bool:
        """Whether an entry may have these attributes from now on, and those not any more."""
        after: dict[AttributeName, tuple[bytes, ...]] = dict.fromkeys(entry.shape.names, ())
        for name, blob in changed.items():
            if blob is None:
                del after[name]
            else:
                after[name] = ()
        classes = after[content.OBJECT_CLASS] = entry.values(content.OBJECT_CLASS)
        try:
            content.check_shape(self._context, classes, after)
        except LdapError:
            return False
        return flags_of(classes) == entry.flags

    def _target(self, kind: bytes) -> _Target | None:
        """Look an attribute up; None for those that need more than valid values."""
        if kind in self._targets:
            return None
        context = self._context
        target = None
        try:
            description = kind.decode()
            attribute = content.attribute_of(context, description)
            content.check_writable(context, attribute)
        except (LdapError, UnicodeDecodeError):
            pass
        else:
            name = context.schema.canonical(description)
            if context.schema.spelled(name) == kind and not self._is_special(attribute):
                syntax = attribute.syntax
                target = _Target(name, attribute, None if syntax is None else syntax.check)
        if len(self._targets) < TARGETS_MAX and len(kind) <= REMEMBERED_OCTETS_MAX:
            self._targets[kind] = target
        return target

    def _is_special(self, attribute: Attribute) -> bool:
        """Whether a change of an attribute has consequences, or rules of its own."""
        name = attribute.name
        return (
            name in PASSWORDS
            or name in {content.OBJECT_CLASS, SAM_ACCOUNT_NAME}
            or name in self._context.store.profile.links
        )
