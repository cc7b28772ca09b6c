"""A tunnel for programs without TLS: plain TCP on loopback in, mutual TLS out."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def tls_tunnel(target: tuple[str, int], certificate: Path, key: Path) -> Iterator[int]:
    """The port of a listener whose connections go on over TLS with this certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # whoever calls through it wants to see, not to judge
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    inner, _ = listener.accept()
                    outer = context.wrap_socket(socket.create_connection(target, 30))
                    ways = [threading.Thread(target=_pump, args=w, daemon=True)
                            for w in ((inner, outer), (outer, inner))]  # fmt: skip
                    for way in ways:
                        way.start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError), source, sink:
        while data := source.recv(65536):
            sink.sendall(data)
