"""Any bytes on the socket get an answer or an end; the directory behind it goes on."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from directory.clock import SystemClock
from directory.dsa.configuration import DirectoryConfiguration
from directory.dsa.instance import open_directory
from directory.entropy import SeededEntropy
from directory.model.dn import DN
from directory.model.messages import (
    ROOT_DSE,
    BindRequest,
    BindResponse,
    LdapMessage,
    LdapResult,
    SimpleCredentials,
)
from directory.wire.connection import DisconnectionReceived, ProtocolFailed
from directory.wire.messages import encode_message
from tests.support.ldap_values import request_messages
from tests.support.listener import Client, Running, serve

SUFFIX = DN.parse("dc=contoso,dc=test")
ADMIN = DN.parse("cn=Administrator,cn=Users,dc=contoso,dc=test")
BIND = encode_message(LdapMessage(1, BindRequest(3, str(ADMIN), SimpleCredentials(b"x"))))


@pytest.fixture(scope="module", params=["generic", "ad"])
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    configuration = DirectoryConfiguration(
        profile=request.param, naming_contexts=(SUFFIX,),
        admin_dn=ADMIN, admin_password=b"x", password_cost_log2=4,
    )  # fmt: skip
    agent = open_directory(configuration, clock=SystemClock(), entropy=SeededEntropy(1))
    with serve(agent) as running:
        with Client(running.address) as client:
            assert client.bind(str(ADMIN), b"x").operation == BindResponse(LdapResult())
        yield running


class _Bugs(logging.Handler):
    """What the listener logs when something behind it raised what it should not."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.format(record))


def _throw(server: Running, data: bytes) -> None:
    """Send it, say that nothing more follows, read to the end: every answer must be LDAP."""
    with Client(server.address) as client:
        client.socket.sendall(data)
        client.socket.shutdown(socket.SHUT_WR)
        while (event := client.next_event()) is not None:
            assert not isinstance(event, ProtocolFailed), event
            if isinstance(event, DisconnectionReceived):
                assert event.result.diagnostic


def _still_serves(server: Running) -> None:
    with Client(server.address) as client:
        assert len(client.ask(ROOT_DSE)) == 2


@settings(max_examples=150)
@given(data=st.binary(max_size=300))
@example(data=b"\x30\x84\x7f\xff\xff\xff")
@example(data=b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00" * 300)
@example(data=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
def test_arbitrary_bytes(server: Running, data: bytes) -> None:
    _throw(server, data)


@settings(max_examples=200)
@given(messages=st.lists(request_messages, min_size=1, max_size=4))
def test_whatever_an_administrator_asks_meets_no_bug(
    server: Running, messages: list[LdapMessage]
) -> None:
    bugs = _Bugs()
    logging.getLogger("directory").addHandler(bugs)
    try:
        _throw(server, BIND + b"".join(map(encode_message, messages)))
    finally:
        logging.getLogger("directory").removeHandler(bugs)
    assert bugs.seen == []


@settings(max_examples=150)
@given(message=request_messages, data=st.data())
def test_damaged_requests(server: Running, message: LdapMessage, data: st.DataObject) -> None:
    raw = bytearray(encode_message(message))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=4)):
        raw[at] = data.draw(st.integers(0, 255))
    _throw(server, bytes(raw))


def test_after_all_that_it_serves_and_holds_no_connection(server: Running) -> None:
    _still_serves(server)
    assert server.server.connection_count <= 1
