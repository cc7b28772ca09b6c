"""Attribute names. They compare without regard to case, so they are folded once, here."""

from __future__ import annotations

from functools import lru_cache
from typing import NewType

AttributeName = NewType("AttributeName", str)
"""A case-folded attribute description, options included; made only by ``attribute_name``."""


@lru_cache(maxsize=8192)
def attribute_name(text: str) -> AttributeName:
    """Fold an attribute description for comparison (RFC 4512 section 2.5: names ignore case)."""
    return AttributeName(text.lower())
