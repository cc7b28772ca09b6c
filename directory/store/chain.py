"""AD's matching rule in chain (MS-ADTS 3.1.1.3.4.4.3): follow a link through any number of hops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from directory.errors import ParseError
from directory.model.dn import DN
from directory.schema.schema import Attribute

if TYPE_CHECKING:
    from directory.store.store import Store

CHAIN_ENTRIES_MAX = 1_000_000
"""Most entries followed by one assertion: every entry of the largest directory we promise."""


def entries_in_chain(store: Store, attribute: Attribute, value: bytes) -> frozenset[int] | None:
    """Ids of entries from which the named entry is reached over the attribute; None: no such rule.

    Worked out from the far end: who points at the target, who points at those, and so on.
    """
    try:
        target = store.find(DN.parse(value.decode()))
    except (ParseError, UnicodeDecodeError):
        return None
    if not attribute.is_dn:
        return None
    if target is None:
        return frozenset()
    forward = store.forward_link(attribute.name)
    found: set[int] = set()
    waiting: list[int] = [target.id]
    while waiting and len(found) < CHAIN_ENTRIES_MAX:
        id_ = waiting.pop()
        if forward is not None:  # a back link: its sources are the targets of the forward link
            sources = store.link_targets(id_, forward)
        else:
            sources = store.link_sources(id_, attribute.name)
        for source in sources:
            if source not in found:
                found.add(source)
                waiting.append(source)
    return frozenset(found)
