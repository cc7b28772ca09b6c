"""A client that reads all entries, whole or in pages, and looks only at where messages end."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from directory.model import messages
from directory.model.controls import Control, PagedResults
from directory.wire import tags
from directory.wire.controls import decode_controls, encode_controls
from directory.wire.encode import encode_operation
from directory.wire.frame import Frame, decode_frame, envelope
from scripts.benchmark import recipients
from scripts.benchmark.row import Sample
from scripts.benchmark.servers import Server, cpu_seconds

RECEIVE_OCTETS = 1 << 18
MESSAGE_ID = b"\x02\x01\x01"


class Reader:
    """One bound connection."""

    def __init__(self, port: int, who: tuple[str, str]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name, password = who
        credentials = messages.SimpleCredentials(password.encode())
        self.ask(messages.BindRequest(3, name, credentials))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def ask(self, request: messages.Request, *controls: Control) -> tuple[int, bytes]:
        """How many entries answer a request, and the cookie of the next page.

        Raises:
            RuntimeError: when the result is no success.
        """
        encoded = encode_controls(controls) if controls else b""
        self._socket.sendall(envelope(MESSAGE_ID, encode_operation(request), encoded))
        return self._receive()

    def _receive(self) -> tuple[int, bytes]:
        data, at, count = b"", 0, 0
        while True:
            end = len(data)
            while at + 6 <= end:
                n = data[at + 1]
                start = at + 2
                if n >= 0x80:
                    start += n & 0x7F
                    n = int.from_bytes(data[at + 2 : start], "big")
                if start + n > end:
                    break
                tag = data[start + 3]  # behind an id of one octet
                if tag != tags.SEARCH_RESULT_ENTRY:
                    return count, _cookie(decode_frame(data, start, start + n))
                count += 1
                at = start + n
            data, at = data[at:] + self._socket.recv(RECEIVE_OCTETS), 0


def _cookie(frame: Frame) -> bytes:
    if frame.operation[4]:
        raise RuntimeError(f"result code {frame.operation[4]}")
    controls = decode_controls(frame.controls, response=True) if frame.controls else ()
    return b"".join(c.cookie for c in controls if isinstance(c, PagedResults))


ACCOUNT = (recipients.READER, recipients.READER_PASSWORD)


@contextmanager
def reader(port: int, who: tuple[str, str] = ACCOUNT) -> Iterator[Reader]:
    """A client for the block, bound by name and password."""
    made = Reader(port, who)
    try:
        yield made
    finally:
        made.close()


def read_all(server: Server, request: messages.SearchRequest, page: int = 0) -> Sample:
    """Read everything, in pages of so many entries if any; entries per second."""
    with reader(server.port) as client:
        cpu, start = cpu_seconds(server.pid), time.monotonic()
        count, cookie = client.ask(request, *_control(page, b""))
        while cookie:
            more, cookie = client.ask(request, *_control(page, cookie))
            count += more
        seconds = time.monotonic() - start
        used = (cpu_seconds(server.pid) - cpu) * 1e6 / count
    return Sample(count / seconds, cpu_us=used)


def _control(page: int, cookie: bytes) -> tuple[PagedResults, ...]:
    return (PagedResults(size=page, cookie=cookie),) if page else ()
