"""Adds that came in one turn of the event loop, of one client or of several, carried out together.

Sixteen clients with an add each are sixteen adds: entries that are alike cost less the more of them
there are at once (``dsa.bulk_add``). So adds that are the last of what a client sent wait for those
of the others, up to the commit that all of them need anyway (``net.durability``). Nobody can tell
the difference: who waits for an answer cannot know when, between question and answer, it was done,
and whatever the same client asks afterwards comes after it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from directory.dsa.bulk_add import RUN_MIN
from directory.dsa.session import Session
from directory.errors import ResultCode
from directory.model.messages import LdapResult
from directory.net.agent import AddingAgent, Agent, BulkAdder, QuickAdder
from directory.net.limits import TOGETHER
from directory.net.output import SUCCESSES, Output
from directory.wire import tags
from directory.wire.connection import ProtocolFailed, ServerConnection
from directory.wire.frame import Frame
from directory.wire.quick_add import AddRead, read_add

_log = logging.getLogger(__name__)

_ADDED = SUCCESSES[tags.ADD_REQUEST]


class AddingClient(Protocol):
    """A connection whose adds may wait for those of others."""

    def interpret(self, frames: Sequence[Frame]) -> None:
        """Carry out requests the plain way."""
        ...


@dataclass(slots=True)
class Adds:
    """Adds of one client, in their order."""

    session: Session
    output: Output
    frames: Sequence[Frame]
    read: Sequence[AddRead]
    is_done: bool = False

    def answer(self, result: LdapResult | None = None) -> None:
        """Answer all of them alike: that they were carried out, unless something else is given."""
        for frame in self.frames:
            if result is None:
                self.output.put_operation(frame.id_element, _ADDED)
            else:
                self.output.put_result(frame.id_element, tags.ADD_REQUEST, result)


def adds_behind(
    frame: Frame, wire: ServerConnection
) -> tuple[list[Frame], Sequence[ProtocolFailed]]:
    """An add and those that came right behind it; and what ended the connection there, if so."""
    run = [frame]
    while len(run) < TOGETHER:
        following = wire.next_of(tags.ADD_REQUEST)
        if following is None:
            break
        if isinstance(following, ProtocolFailed):
            return run, (following,)
        run.append(following)
    return run, ()


def adds_in(session: Session, output: Output, frames: Sequence[Frame]) -> Adds | None:
    """The adds in frames, read at a glance; None where one of them takes more than that."""
    read: list[AddRead] = []
    for frame in frames:
        entry = None if frame.controls or not frame.message_id else read_add(frame.operation)
        if entry is None:
            return None
        read.append(entry)
    return Adds(session, output, frames, read)


def internal_error(tag: int) -> LdapResult:
    """The result of a request that a bug of ours ended; called where that was caught."""
    _log.exception("request 0x%02x failed", tag)
    return LdapResult(ResultCode.OTHER, diagnostic="internal error")


class Adding:
    """Carries out adds by the shortest way there is."""

    def __init__(self, agent: Agent) -> None:
        self._bulk: BulkAdder | None = getattr(agent, "bulk_add", None)
        self._quick: QuickAdder | None = None
        if hasattr(agent, "quick_add"):
            self._quick = cast("AddingAgent", agent).quick_add.add_at_a_glance

    @property
    def is_offered(self) -> bool:
        """Whether the directory can add many at once."""
        return self._bulk is not None

    def carry_out(self, waiting: Sequence[tuple[AddingClient, Adds]]) -> None:
        """Carry out adds of several clients and put the answers into their outputs."""
        groups: dict[object, list[tuple[AddingClient, Adds]]] = {}
        for one in waiting:  # who may add the same, and is named the same in the change log
            session = one[1].session
            kind = session.author, session.identity.role, session.is_global_catalog
            groups.setdefault(kind, []).append(one)
            one[1].is_done = True
        for group in groups.values():
            if len(group) > 1 and self.together([adds for _, adds in group]):
                continue
            for client, adds in group:  # one that is refused must not cost the others much
                if not self.together([adds]):
                    self._one_by_one(client, adds)

    def together(self, several: Sequence[Adds]) -> bool:
        """Carry out adds of clients with the same rights; false when nothing was done."""
        if self._bulk is None or sum(len(adds.read) for adds in several) < RUN_MIN:
            return False
        entries = [entry for adds in several for entry in adds.read]
        result = None
        try:
            if not self._bulk.add_read(several[0].session, entries):
                return False
        except Exception:  # noqa: BLE001 - a bug of ours must not take the other clients with it
            result = internal_error(tags.ADD_REQUEST)
        for adds in several:
            adds.answer(result)
        return True

    def _one_by_one(self, client: AddingClient, adds: Adds) -> None:
        quick = self._quick
        for frame, entry in zip(adds.frames, adds.read, strict=True):
            try:
                is_added = quick is not None and quick(adds.session, *entry)
            except Exception:  # noqa: BLE001 - as above
                result = internal_error(tags.ADD_REQUEST)
                adds.output.put_result(frame.id_element, tags.ADD_REQUEST, result)
                continue
            if is_added:
                adds.output.put_operation(frame.id_element, _ADDED)
            else:
                client.interpret((frame,))
