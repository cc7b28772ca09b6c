"""The client who only wants an answer: ``python -m scripts.load.probe KIND HOST:PORT SECONDS``.

A process of its own, so that the strangers do not slow it down; prints its waiting times as JSON.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator

from directory.model.dn import DN
from directory.model.filter import parse_filter
from directory.model.messages import LdapMessage, Scope, SearchRequest
from directory.wire.messages import encode_message

PAUSE_S = 0.02
"""Between an answer and the next question: fifty questions a second at most."""

PATIENCE_S = 30.0
"""A question not answered by then counts as unanswered."""

Ask = Callable[[], None]


def main(kind: str, address: str, seconds: str) -> int:
    """Ask until the time is over; report every wait."""
    host, _, port = address.rpartition(":")
    waits, unanswered = [], 0
    ends = time.monotonic() + float(seconds)
    with _KINDS[kind](host, int(port)) as ask:
        print("there", flush=True)
        while time.monotonic() < ends:
            began = time.monotonic()
            try:
                ask()
                waits.append(time.monotonic() - began)
            except OSError as error:
                unanswered += 1
                print(f"probe: {error}", file=sys.stderr)
            time.sleep(PAUSE_S)
    print(json.dumps({"waits_s": waits, "unanswered": unanswered}))
    return 0


@contextlib.contextmanager
def _ldap(host: str, port: int) -> Iterator[Ask]:
    """An indexed search on one connection."""
    question = encode_message(LdapMessage(1, SearchRequest(
        DN.parse("dc=example,dc=com"), Scope.SUBTREE, parse_filter("(uid=user00017)"),
        attributes=("cn",),
    )))  # fmt: skip
    with socket.create_connection((host, port), PATIENCE_S) as connection:

        def ask() -> None:
            connection.sendall(question)
            answer = b""
            while not _is_done(answer):
                more = connection.recv(65536)
                if not more:
                    raise ConnectionError("the server hung up on the probe")
                answer += more

        yield ask


def _is_done(answer: bytes) -> bool:
    """Whether a SearchResultDone with success is there: the last octets of every answer."""
    return b"\x65\x07\x0a\x01\x00\x04\x00\x04\x00" in answer


@contextlib.contextmanager
def _smtp(host: str, port: int) -> Iterator[Ask]:
    """A whole conversation: banner, EHLO, QUIT."""

    def ask() -> None:
        with socket.create_connection((host, port), PATIENCE_S) as connection:
            lines = connection.makefile("rb")
            _expect(lines.readline(), b"220")
            connection.sendall(b"EHLO probe.test\r\n")
            line = lines.readline()
            while line[3:4] == b"-":
                line = lines.readline()
            _expect(line, b"250")
            connection.sendall(b"QUIT\r\n")
            _expect(lines.readline(), b"221")

    yield ask


@contextlib.contextmanager
def _http(host: str, port: int) -> Iterator[Ask]:
    """``GET /healthz`` on a connection of its own."""

    def ask() -> None:
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ConnectionError(f"HTTP {answer.status}")

    yield ask


def _expect(line: bytes, code: bytes) -> None:
    if not line.startswith(code):
        raise ConnectionError(f"{line!r} instead of {code!r}")


_KINDS = {"ldap": _ldap, "smtp": _smtp, "http": _http}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
