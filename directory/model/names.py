"""Attribute names. They compare without regard to case, so they are folded once, here."""

from __future__ import annotations

from functools import lru_cache
from typing import NewType

from directory.limits import REMEMBERED_OCTETS_MAX

AttributeName = NewType("AttributeName", str)
"""A case-folded attribute description, options included; made only by ``attribute_name``."""


def attribute_name(text: str) -> AttributeName:
    """Fold an attribute description for comparison (RFC 4512 section 2.5: names ignore case)."""
    if len(text) > REMEMBERED_OCTETS_MAX:
        return AttributeName(text.lower())
    return _folded(text)


@lru_cache(maxsize=8192)
def _folded(text: str) -> AttributeName:
    return AttributeName(text.lower())
