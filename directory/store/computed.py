"""Attributes nobody stores: the directory works them out from an entry, or from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from directory.store.candidates import Candidates
from directory.store.entry import StoredEntry

if TYPE_CHECKING:
    from directory.store.store import Store


@dataclass(frozen=True, slots=True)
class ComputedAttribute:
    """How one attribute is worked out.

    ``find`` answers equality from an index, where there is a way; ``find_from`` answers ``>=``.
    An attribute that is not ``own`` depends on other entries, so answers with it are not cached.
    """

    values: Callable[[Store, StoredEntry], tuple[bytes, ...]]
    find: Callable[[Store, bytes], Candidates] | None = None
    find_from: Callable[[Store, bytes], Candidates] | None = None
    own: bool = True
    forward: str | None = None
    """Of a back link: the forward link it mirrors."""


ComputedAttributes = Mapping[str, ComputedAttribute]
"""By folded name."""
