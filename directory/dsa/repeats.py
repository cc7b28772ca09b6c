"""Who asks the same again while nothing has changed gets the same answer again.

That is what polling is: the same "everything from this USN on", most of the time without news. An
answer is kept for the session that asked twice, with the number of changes the tree had seen; any
change, wherever it was, ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from directory.dsa.session import Identity, Session
from directory.store.dit import Dit

REPEATED_OCTETS_MAX = 16 * 1024
"""Largest answer kept: with every connection there may be it is 64 MiB, and a page of a poll."""

Asked = tuple[bytes, tuple[object, ...]]
"""All that was asked, but who asked: the value, which tells most apart, and the rest."""


class Repeat(NamedTuple):
    """The answer to what a session asked last, if it asked that more than once."""

    identity: Identity
    dit: Dit
    changes: int
    operations: tuple[bytes, ...]


def same_again(session: Session, dit: Dit) -> tuple[bytes, ...] | None:
    """The answer to what the session asked last and asks again, when nothing has changed since."""
    kept = session.repeat
    if (
        kept is None or kept.changes != dit.changes
        or kept.identity is not session.identity or kept.dit is not dit
    ):  # fmt: skip
        return None
    return kept.operations


def keep(session: Session, dit: Dit, changes: int, operations: Sequence[bytes]) -> Sequence[bytes]:
    """Keep the answer to what the session asked last and has asked again; gives it back.

    ``changes`` is what ``dit.changes`` was before the answer was worked out.
    """
    if changes != dit.changes or sum(map(len, operations)) > REPEATED_OCTETS_MAX:
        return operations
    kept = tuple(operations)
    session.repeat = Repeat(session.identity, dit, changes, kept)
    return kept
