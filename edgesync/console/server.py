"""The console's HTTP server: uvicorn on a loopback socket, in a thread of its own."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn

from edgesync.console.app import create_app
from edgesync.console.patience import PatientProtocol, SentAhead
from edgesync.errors import LabError, Unreachable
from edgesync.lab.lab import Lab

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 15.0
"""Longest wait for the server's loop to run."""

DRAIN_S = 3
"""How long a stop waits for answers under way; event streams are cut."""

POLL_S = 0.005


class ControlServer:
    """Serves the console and the control API of one lab until it is stopped."""

    def __init__(
        self,
        lab: Lab,
        token: str,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        stop: Callable[[], None] | None = None,
    ) -> None:
        self._app = create_app(lab, token, stop=stop)
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on; the port is a real one after ``start``."""
        if self._socket is None:
            return self._host, self._port
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        host, port = self.address
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def start(self) -> None:
        """Listen; returns when requests are answered.

        Raises:
            Unreachable: when the address cannot be had.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise Unreachable(
                f"{self._host}:{self._port}: {error.strerror or error}",
                "another program listens there; use --port 0 for a free one",
            ) from error
        self._socket = listener
        patient: Any = partial(PatientProtocol, sent_ahead=SentAhead())  # uvicorn wants a class
        config = uvicorn.Config(
            self._app, log_config=None, log_level=logging.CRITICAL, access_log=False,
            lifespan="off", server_header=False, date_header=False, ws="none",
            timeout_graceful_shutdown=DRAIN_S, http=patient,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="console", daemon=True
        )
        self._thread.start()
        self._wait_started(self._server, self._thread)

    def _wait_started(self, server: uvicorn.Server, thread: threading.Thread) -> None:
        waiting = threading.Event()
        for _ in range(int(START_TIMEOUT_S / POLL_S)):
            if server.started:
                return
            if not thread.is_alive():
                break
            waiting.wait(POLL_S)
        self.stop()
        raise LabError("the console did not start", "run with --debug to see why")

    def stop(self) -> None:
        """Stop listening, let answers under way end, cut event streams."""
        self._app.state.streams.close()
        self._app.state.counters.close()
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()
        if self._socket is not None:
            self._socket.close()
        self._server = self._thread = self._socket = None
