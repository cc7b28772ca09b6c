"""What a search asks but for the value it is about: the wire reads it, the fast lane answers it."""

from __future__ import annotations

from typing import NamedTuple

from directory.model.filter import ItemMaker

Others = tuple[tuple[bytes, bytes | None], ...]
"""Attributes and values that must be equal too (None: present): the rest of an And."""


class Question(NamedTuple):
    """All of a search but the value. Names are as sent.

    What is asked again is nearly always the same object. A class, for compiled code makes another
    object of a plain tuple each time it hands it on.
    """

    base: bytes
    scope: int
    make: ItemMaker
    """What makes the item of attribute and value."""
    name: bytes
    attributes: tuple[str, ...]
    size_limit: int
    others: Others
