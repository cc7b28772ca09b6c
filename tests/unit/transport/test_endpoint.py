"""The listening socket: who may begin a session, and when."""

from __future__ import annotations

import socket

from tests.support.mail_bench import subscribed
from tests.support.smtp_listener import listening


def _read_all(connection: socket.socket) -> bytes:
    connection.settimeout(10)
    found = b""
    while piece := connection.recv(4096):
        found += piece
    return found


def test_a_client_that_talks_before_the_greeting_is_refused_and_the_endpoint_lives_on() -> None:
    edge = subscribed().machines["EDGE01"]
    with listening(edge) as address:
        hasty = socket.socket()
        hasty.connect(address)
        hasty.sendall(b"EHLO spam.invalid\r\nMAIL FROM:<a@spam.invalid>\r\n")
        with hasty:
            assert _read_all(hasty) == b"554 5.5.0 Talked before the greeting\r\n"

        with socket.create_connection(address, timeout=10) as patient:
            assert patient.recv(4096).startswith(b"220 edge01.")
            patient.sendall(b"QUIT\r\n")
            assert _read_all(patient).startswith(b"221 ")
    assert edge.received == []
