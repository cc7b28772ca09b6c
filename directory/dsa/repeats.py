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

Question = tuple[object, ...]
"""All that was asked, but who asked."""


class Repeat(NamedTuple):
    """What a session asked last and, where it had asked that before, the answer."""

    question: Question
    identity: Identity
    dit: Dit
    changes: int
    operations: tuple[bytes, ...] | None = None


def same_again(session: Session, question: Question, dit: Dit) -> tuple[bytes, ...] | None:
    """The answer, when this is what the session asked last and nothing has changed since."""
    last = session.repeat
    if (
        last is None or last.changes != dit.changes or last.question != question
        or last.identity is not session.identity or last.dit is not dit
    ):  # fmt: skip
        return None
    return last.operations


def keep(
    session: Session, question: Question, dit: Dit, changes: int, operations: Sequence[bytes]
) -> Sequence[bytes]:
    """Note what was asked, and the answer where it was asked before; gives the answer back.

    ``changes`` is what ``dit.changes`` was before the answer was worked out.
    """
    last = session.repeat
    kept: tuple[bytes, ...] | None = None
    if last is not None and last.question == question and changes == dit.changes:
        kept = tuple(operations)
        if sum(map(len, kept)) > REPEATED_OCTETS_MAX:
            kept = None
    session.repeat = Repeat(question, session.identity, dit, changes, kept)
    return operations if kept is None else kept
