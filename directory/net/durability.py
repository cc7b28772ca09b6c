"""Answers wait until what they promise is on disk: one commit for each turn of the event loop."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, cast

from directory.errors import JournalError
from directory.net.agent import Agent, GroupCommitAgent

_log = logging.getLogger(__name__)


class Held(Protocol):
    """Something with answers that wait."""

    def release(self) -> None:
        """Everything is durable: send them."""
        ...

    def fail(self, reason: str) -> None:
        """It could not be made durable: cut the connection off."""
        ...


class GroupCommit:
    """Commits an agent's changes for all connections of an event loop."""

    def __init__(self, agent: Agent, loop: asyncio.AbstractEventLoop) -> None:
        self.is_offered = hasattr(agent, "commit_group")
        self._agent = cast("GroupCommitAgent", agent)
        self._loop = loop
        self._held: dict[Held, None] = {}

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

    def _commit(self) -> None:
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
