"""What another client notices of a load: one connection that asks and waits, again and again."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Self

from directory.model.dn import ROOT
from directory.model.messages import Scope, SearchRequest
from directory.wire.encode import encode_operation
from directory.wire.frame import envelope

PAUSE_S = 0.001
"""Between an answer and the next question, so that the probe is no load itself."""

_REQUEST = SearchRequest(ROOT, Scope.BASE, attributes=("vendorName",))
_QUESTION = envelope(b"\x02\x01\x01", encode_operation(_REQUEST))


class Probe:
    """Asks for the root DSE while its block runs; ``longest_ms`` is what it waited at worst."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._waits: list[float] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def longest_ms(self) -> float:
        """The longest wait, milliseconds."""
        return max(self._waits, default=0.0) * 1000

    def share_ms(self, share: float) -> float:
        """So much of all waits were within so many milliseconds."""
        return sorted(self._waits)[int((len(self._waits) - 1) * share)] * 1000 if self._waits else 0

    def _ask(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not self._is_over.is_set():
                before = time.monotonic()
                sock.sendall(_QUESTION)
                answer = b""
                while b"\x65" not in answer[-24:]:  # the end of the search
                    answer += sock.recv(65536)
                self._waits.append(time.monotonic() - before)
                time.sleep(PAUSE_S)
