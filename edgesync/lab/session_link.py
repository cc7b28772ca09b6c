"""A session of this process as the other end of a link: a lab that is down answers as one up."""

from __future__ import annotations

from edgesync.lab.stream_endpoint import StreamSession
from edgesync.transport.link import LinkFailed


class SessionLink:
    """A connection in memory. Nothing waits: all happens on the caller."""

    def __init__(self, session: StreamSession) -> None:
        self._session = session
        session.start()

    def send(self, data: bytes) -> None:
        """Let the session work on bytes."""
        self._session.receive_data(data)

    def receive(self) -> bytes:
        """What it answered.

        Raises:
            LinkFailed: both ends wait for each other.
        """
        data = self._session.data_to_send()
        if not data and not self._session.is_over:
            raise LinkFailed("both ends wait for each other", is_silent=True)
        return data

    def close(self) -> None:
        """Hang up."""
        self._session.receive_data(b"")
