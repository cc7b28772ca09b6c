"""What strangers send is remembered only while it is short; of what is long nothing stays."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from directory.dsa.session import Session
from directory.model import ber
from directory.model import messages as m
from directory.model.filter import Present
from directory.wire.encode import encode_operation
from directory.wire.requests import decode_request
from tests.support.directories import USERS, Bench, ad

LENGTH = 20_000
TIMES = 50


@pytest.fixture(scope="module")
def directory() -> Bench:
    return ad()


def selection(turn: int) -> bytes:
    names = tuple(f"a{turn}-{at}-{'x' * 2000}" for at in range(LENGTH // 2000))
    request = m.SearchRequest(USERS, m.Scope.BASE, attributes=names)
    return encode_operation(request)


def filter_name(turn: int) -> bytes:
    name = f"a{turn}" + "x" * LENGTH
    return encode_operation(m.SearchRequest(USERS, m.Scope.BASE, Present(name)))


def attribute(turn: int) -> bytes:
    name = b"a%d" % turn + b"x" * LENGTH
    return ber.tlv(0x68, ber.text(f"CN=x,{USERS}") + ber.sequence(ber.attribute(name, (b"v",))))


def option(turn: int) -> bytes:
    name = b"description;x-%d" % turn + b"x" * LENGTH
    return ber.tlv(0x68, ber.text(f"CN=x,{USERS}") + ber.sequence(ber.attribute(name, (b"v",))))


def deep_name(turn: int) -> bytes:
    text = ",".join(f"c{turn}x{at}=v" for at in range(250))
    return ber.tlv(0x4A, text.encode())


def user(turn: int) -> bytes:
    credentials = m.SimpleCredentials(b"guess")
    return encode_operation(m.BindRequest(3, f"u{turn}" + "x" * LENGTH, credentials))


@pytest.mark.parametrize(
    "make", [selection, filter_name, attribute, option, deep_name, user], ids=lambda f: f.__name__
)
def test_long_things_of_strangers_leave_nothing_behind(
    directory: Bench, make: Callable[[int], bytes]
) -> None:
    def send(turn: int) -> None:
        request = decode_request(make(turn))
        for session in (Session(is_secure=True), directory.session):
            if isinstance(request, m.BindRequest) and session is directory.session:
                continue
            directory.ask(request, session=session)

    for turn in range(30):  # what is short is kept, up to so many
        send(-turn - 1)
    tracemalloc.start()
    try:
        for turn in range(TIMES):
            send(turn)
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert left < TIMES * LENGTH / 4
