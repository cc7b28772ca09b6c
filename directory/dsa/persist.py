"""Searches that stay open, and deliver what is committed through their sessions.

Change notifications (MS-ADTS 3.1.1.3.4.1.9) and content synchronization that persists (RFC 4533).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.model.messages import Reply
from directory.store.store import Store
from directory.store.writer import Step

SEARCHES_MAX = 1000
"""Searches that persist at once, over all sessions; AD allows five per connection."""

Listener = Callable[[Sequence[Step]], Sequence[Reply]]
"""Turns committed changes into the replies one client gets."""


@dataclass(slots=True)
class _Open:
    session: Session
    message_id: int
    listener: Listener


class PersistentSearches:
    """The open searches of one directory."""

    def __init__(self, store: Store) -> None:
        self._open: dict[tuple[int, int], _Open] = {}
        self._store = store

    def start(self, session: Session, message_id: int, listener: Listener) -> None:
        """Deliver what a listener makes of every commit from now on.

        Raises:
            LdapError: unwillingToPerform for callers that cannot be delivered to, busy when too
                many are open.
        """
        if session.deliver is None:
            raise LdapError(
                ResultCode.UNWILLING_TO_PERFORM, "this session cannot receive a persisting search"
            )
        if len(self._open) >= SEARCHES_MAX:
            raise LdapError(ResultCode.BUSY, "too many persisting searches")
        if not self._open:
            self._store.watchers.append(self._committed)
        self._open[id(session), message_id] = _Open(session, message_id, listener)

    def stop(self, session: Session, message_id: int) -> None:
        """Forget one search."""
        self._open.pop((id(session), message_id), None)
        self._sleep_if_idle()

    def stop_all(self, session: Session) -> None:
        """Forget all searches of a session."""
        for key in [key for key in self._open if key[0] == id(session)]:
            del self._open[key]
        self._sleep_if_idle()

    def forget_all(self) -> None:
        """Forget every search: what they have told is no longer so."""
        self._open.clear()
        self._sleep_if_idle()

    def _sleep_if_idle(self) -> None:
        if not self._open and self._committed in self._store.watchers:
            self._store.watchers.remove(self._committed)

    def _committed(self, steps: Sequence[Step]) -> None:
        for search in list(self._open.values()):
            deliver = search.session.deliver
            for reply in search.listener(steps):
                if deliver is not None:
                    deliver(search.message_id, reply)
