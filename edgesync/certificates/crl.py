"""How revocation lists reach a machine: a callable the lab answers, over HTTP when it is up."""

from __future__ import annotations

from collections.abc import Callable

CRL_SIZE_MAX = 16 * 1024 * 1024
"""Largest revocation list read, bytes: the largest public ones are below that."""

CrlSource = Callable[[str], bytes | None]
"""Takes a distribution point's address; gives the list, DER or PEM, or None when out of reach."""


def no_crls(_url: str) -> bytes | None:
    """A machine without a way out: nothing can be reached."""
    return None
