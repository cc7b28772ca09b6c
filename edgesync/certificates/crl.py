"""How revocation lists reach a machine: a callable the lab answers, over HTTP when it is up."""

from __future__ import annotations

from typing import Protocol

CRL_SIZE_MAX = 16 * 1024 * 1024
"""Largest revocation list read, bytes: the largest public ones are below that."""


class CrlSource(Protocol):
    """Fetches a certificate revocation list."""

    def __call__(self, url: str) -> bytes | None:
        """The list at a distribution point as DER or PEM; None when it cannot be reached."""
        ...


def no_crls(url: str) -> bytes | None:
    """A machine without a way out: nothing can be reached."""
    del url
    return None
