"""Compares answered without making values of the request: an entry, an attribute, a value.

It says that the entry has the value or that it has not. Everything else, refusals and attributes
nobody knows included, it leaves to ``compare`` by answering None; ``tests/property/net/
test_same_bytes.py`` holds the two together.
"""

from __future__ import annotations

from typing import NamedTuple

from directory.dsa.content import NAME_OCTETS_MAX
from directory.dsa.context import Context
from directory.dsa.quick_names import QuickNames
from directory.dsa.session import Session
from directory.schema.matching import MatchingRule
from directory.store.evaluate import Values, values_of

ATTRIBUTES_MAX = 4096
"""Spellings of attribute names remembered."""


class _Compared(NamedTuple):
    """How an attribute is compared."""

    rule: MatchingRule
    values: Values


class QuickCompare:
    """Compares in one directory."""

    def __init__(self, context: Context, names: QuickNames) -> None:
        self._context = context
        self._names = names
        self._attributes: dict[bytes, _Compared] = {}

    def __call__(
        self, session: Session, name: bytes, attribute: bytes, value: bytes
    ) -> bool | None:
        """Whether an entry has a value; None where that is not certain at a glance."""
        context = self._context
        compared = self._attributes.get(attribute)
        if compared is None and (compared := self._attribute(attribute)) is None:
            return None
        with context.store.lock:
            found = self._names.find(name)
        if found is None or session.is_global_catalog:
            return None
        entry = found[0]
        if entry.flags or not context.access.may_read(session.identity, entry):
            return None
        key = compared.rule.key
        try:
            wanted = key(value)
        except ValueError:
            return None
        held = None
        for held in compared.values(entry):
            if held == value:
                return True
            try:
                if key(held) == wanted:
                    return True
            except ValueError:
                continue
        return None if held is None else False

    def _attribute(self, name: bytes) -> _Compared | None:
        store = self._context.store
        try:
            description = name.decode()
        except UnicodeDecodeError:
            return None
        known = store.schema.attribute(description)
        if (
            known is None or known.equality is None or known.name in store.unsearchable
            or len(description) > NAME_OCTETS_MAX
        ):  # fmt: skip
            return None
        compared = _Compared(known.equality, values_of(store, description))
        if len(self._attributes) < ATTRIBUTES_MAX:
            self._attributes[name] = compared
        return compared
