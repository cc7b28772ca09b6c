"""A pipelined LDAP load client: requests sent as they stand, answers counted, nothing decoded.

    python -m scripts.benchmark.load_client PORT FILE --connections 16 --depth 16 --seconds 1

It reads no further than an answer's tag, id and result code, so that it keeps ahead of the server
it loads; what it counted is written as one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import select
import selectors
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from directory.model import ber
from directory.model.messages import BindRequest, SimpleCredentials
from directory.wire import tags
from directory.wire.encode import encode_operation
from scripts.benchmark.data import read_requests

READ_OCTETS = 1 << 18
SUCCESSES = {0, 6}
"""Result codes that are no error: success, and compareTrue."""

LATENCIES_MAX = 1 << 22
DRAIN_S = 60.0
"""How long answers may take after the last request was sent."""


class Connection:
    """One connection: what it sent, when, and what came of it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sent_at: dict[int, float] = {}
        self.out = bytearray()
        self._last_id = 0
        self._rest = b""

    def ask(self, operation: bytes, now: float) -> None:
        """Put a request into what will be sent."""
        self._last_id = number = self._last_id + 1
        self.sent_at[number] = now
        self.out += b"\x30%b\x02\x04%b%b" % (
            ber.length(len(operation) + 6), number.to_bytes(4, "big"), operation,
        )  # fmt: skip

    def flush(self) -> bool:
        """Send; whether nothing is left."""
        while self.out:
            try:
                sent = self.sock.send(self.out)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return False
            del self.out[:sent]
        return True

    def read(self) -> Iterator[tuple[int, int]]:
        """What arrived: (id, result code) of each final answer, (0, 0) for each entry.

        Raises:
            ConnectionError: when the server closed.
        """
        chunks = [self._rest]
        try:
            while chunk := self.sock.recv(READ_OCTETS):
                chunks.append(chunk)
                if len(chunk) < READ_OCTETS and not isinstance(self.sock, ssl.SSLSocket):
                    break
            else:
                raise ConnectionError("the server closed the connection")
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        data = b"".join(chunks)
        at, end = 0, len(data)
        while at + 6 <= end:
            n = data[at + 1]
            start = at + 2
            if n >= 0x80:
                start += n & 0x7F
                n = int.from_bytes(data[at + 2 : start], "big")
            stop = start + n
            if stop > end:
                break
            operation = start + 2 + data[start + 1]
            tag = data[operation]
            if tag == tags.SEARCH_RESULT_ENTRY:
                yield 0, 0
            elif tag not in {tags.SEARCH_RESULT_REFERENCE, tags.INTERMEDIATE_RESPONSE}:
                number = int.from_bytes(data[start + 2 : operation], "big")
                size = data[operation + 1]
                code = operation + 4 + (size & 0x7F if size >= 0x80 else 0)
                yield number, data[code]
            at = stop
        self._rest = data[at:]


class Counting:
    """One run: connections, requests, and what was counted."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.operations = read_requests(options.requests)
        self.chance = None if options.in_order else random.Random(1)
        self.left = options.at_most or sys.maxsize
        if options.in_order:
            self.left = min(self.left, len(self.operations)) if options.at_most else self.left
        self.next = 0
        self.done = self.entries = self.errors = 0
        self.latencies: list[float] = []
        self.until = 0.0
        self.depth = options.depth
        self.seconds = options.seconds
        self.connections = [self._connect(options) for _ in range(options.connections)]

    def _connect(self, options: argparse.Namespace) -> Connection:
        sock: socket.socket = socket.create_connection(("127.0.0.1", options.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if options.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # loopback, ours
            sock = context.wrap_socket(sock)
        sock.setblocking(False)
        connection = Connection(sock)
        if options.bind:
            credentials = SimpleCredentials(options.password.encode())
            connection.ask(encode_operation(BindRequest(3, options.bind, credentials)), 0.0)
            connection.flush()
            answers: list[tuple[int, int]] = []
            while not answers:
                select.select([sock], [], [], DRAIN_S)
                answers = list(connection.read())
            if answers[0][1]:
                raise SystemExit(f"bind: result code {answers[0][1]}")
            connection.sent_at.clear()
        return connection

    def run(self) -> float:
        """Until the time is over and every answer came; the seconds it took."""
        selector = selectors.DefaultSelector()
        start = time.monotonic()
        self.until = start + self.seconds
        for connection in self.connections:
            selector.register(connection.sock, selectors.EVENT_READ, connection)
            for _ in range(self.depth):
                self._ask(connection, start)
            self._flush(selector, connection)
        while any(connection.sent_at for connection in self.connections):
            if time.monotonic() > self.until + DRAIN_S:
                raise SystemExit("answers are missing")
            for key, _ in selector.select(1.0):
                self._advance(key.data)
                self._flush(selector, key.data)
        return time.monotonic() - start

    def _advance(self, connection: Connection) -> None:
        now = time.monotonic()
        for number, code in connection.read():
            if not number:
                self.entries += 1
                continue
            self.done += 1
            self.errors += code not in SUCCESSES
            if len(self.latencies) < LATENCIES_MAX:
                self.latencies.append(now - connection.sent_at.pop(number))
            else:
                del connection.sent_at[number]
            if now < self.until:
                self._ask(connection, now)

    def _flush(self, selector: selectors.BaseSelector, connection: Connection) -> None:
        wanted = selectors.EVENT_READ
        if not connection.flush():
            wanted |= selectors.EVENT_WRITE
        if selector.get_key(connection.sock).events != wanted:
            selector.modify(connection.sock, wanted, connection)

    def _ask(self, connection: Connection, now: float) -> None:
        if not self.left:
            return
        self.left -= 1
        if self.chance is not None:
            at = int(self.chance.random() * len(self.operations))
        else:
            at = self.next % len(self.operations)
            self.next += 1
        connection.ask(self.operations[at], now)

    def percentile(self, share: float) -> float:
        """So much of all answers came within so many microseconds."""
        if not self.latencies:
            return 0.0
        return sorted(self.latencies)[int((len(self.latencies) - 1) * share)] * 1e6


def main() -> None:
    """Count and say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("requests", type=Path)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--at-most", type=int, default=0)
    parser.add_argument("--in-order", action="store_true")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--bind", default="")
    parser.add_argument("--password", default="")
    counting = Counting(parser.parse_args())
    seconds = counting.run()
    print(json.dumps({
        "operations": counting.done, "entries": counting.entries, "seconds": seconds,
        "p50_us": counting.percentile(0.5), "p99_us": counting.percentile(0.99),
        "errors": counting.errors,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
