"""Answers wait until what they promise is on disk: one commit for each turn of the event loop.

Adds may wait for it too, and are then carried out together (``net.adding``).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, cast

from directory.errors import JournalError
from directory.net.adding import Adding, AddingClient, Adds
from directory.net.agent import Agent, GroupCommitAgent
from directory.net.limits import ADDS_GATHERED

_log = logging.getLogger(__name__)


class Held(Protocol):
    """Something with answers that wait."""

    def release(self) -> None:
        """Everything is durable: send them."""
        ...

    def fail(self, reason: str) -> None:
        """It could not be made durable: cut the connection off."""
        ...


class GatheredClient(Held, AddingClient, Protocol):
    """A connection whose adds wait, and then their answers."""


class GroupCommit:
    """Commits an agent's changes for all connections of an event loop."""

    def __init__(self, agent: Agent, loop: asyncio.AbstractEventLoop) -> None:
        self.is_offered = hasattr(agent, "commit_group")
        self._agent = cast("GroupCommitAgent", agent)
        self._loop = loop
        self._held: dict[Held, None] = {}
        self._adding = Adding(agent)
        self._gathered: list[tuple[AddingClient, Adds]] = []
        self._gathered_count = 0

    @property
    def is_needed(self) -> bool:
        """Whether answers produced now must wait."""
        return self.is_offered and self._agent.has_uncommitted

    def hold(self, connection: Held) -> None:
        """Release the connection's answers after the next commit.

        The commit runs on the next turn of the loop, before the events that arrive meanwhile:
        so everything that one poll brought shares one commit.
        """
        if not self._held:
            self._loop.call_soon(self._commit)
        self._held[connection] = None

    def gather(self, client: GatheredClient, adds: Adds) -> None:
        """Carry out the last adds that a client sent before the next commit, with all others."""
        self.hold(client)
        self._gathered.append((client, adds))
        self._gathered_count += len(adds.frames)
        if self._gathered_count >= ADDS_GATHERED:
            self.carry_out()

    def carry_out(self) -> None:
        """Carry out what was gathered; for whom it was may go on asking."""
        gathered, self._gathered, self._gathered_count = self._gathered, [], 0
        if gathered:
            self._adding.carry_out(gathered)

    def _commit(self) -> None:
        self.carry_out()
        held, self._held = self._held, {}
        try:
            self._agent.commit_group()
        except JournalError as error:
            _log.error("journal: %s", error)
            for connection in held:
                connection.fail("the directory could not make the change durable")
            return
        for connection in held:
            connection.release()
