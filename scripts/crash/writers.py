"""Clients that ask ahead: each adds, changes and deletes entries of its own, and counts answers.

What a client asks for is a function of its name and a number, so what may be there after a kill is
too: the state after some number of its requests, at least those that were answered and at most
those that were sent.
"""

from __future__ import annotations

import contextlib
import threading

from directory.errors import ResultCode
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import AddRequest, DeleteRequest, ModifyRequest, Request
from directory.model.modification import replace
from directory.wire.connection import ResponseReceived
from tests.support.listener import Client

SUFFIX = DN.parse("dc=example,dc=com")
AHEAD = 64
"""Requests a client has sent and not seen answered, at most."""

_ROUND = 8
"""Four are added, three of them changed, the fourth deleted."""

State = dict[str, str]
"""What a client's entries say, by uid."""


def request(name: str, number: int) -> Request:
    """What a client asks for in its turn, counted from 0."""
    begin, step = number - number % _ROUND, number % _ROUND
    if step < _ROUND // 2:
        uid = f"{name}-{number}"
        attributes = {
            "objectClass": (b"inetOrgPerson",), "uid": (uid.encode(),), "cn": (uid.encode(),),
            "sn": (b"Crash",), "description": (b"new",), "mail": (f"{uid}@example.com".encode(),),
        }  # fmt: skip
        return AddRequest(Entry(_dn(uid), attributes))
    uid = f"{name}-{begin + step - _ROUND // 2}"
    if step == _ROUND - 1:
        return DeleteRequest(_dn(uid))
    return ModifyRequest(_dn(uid), (replace("description", f"changed by {number}".encode()),))


def state_after(name: str, requests: int) -> State:
    """What is there after so many of a client's requests."""
    state: State = {}
    for number in range(requests):
        begin, step = number - number % _ROUND, number % _ROUND
        uid = f"{name}-{begin + step - _ROUND // 2}"
        if step < _ROUND // 2:
            state[f"{name}-{number}"] = "new"
        elif step == _ROUND - 1:
            del state[uid]
        else:
            state[uid] = f"changed by {number}"
    return state


def _dn(uid: str) -> DN:
    return SUFFIX.child("uid", uid)


class Writer(threading.Thread):
    """A client at work until the connection ends."""

    def __init__(self, name: str, client: Client) -> None:
        super().__init__(daemon=True)
        self.name = name
        self.sent = 0
        self.answered = 0
        self.refused: list[str] = []
        self._client = client

    def run(self) -> None:
        """Ask, and read answers, until the server is gone."""
        with self._client, contextlib.suppress(OSError):
            while True:
                while self.sent - self.answered < AHEAD:
                    # counted first: what fails half way may have arrived
                    self.sent += 1
                    self._client.send(request(self.name, self.sent - 1))
                event = self._client.next_event()
                if not isinstance(event, ResponseReceived):
                    return
                result = getattr(event.message.operation, "result", None)
                if result is None or result.code != ResultCode.SUCCESS:
                    self.refused.append(f"{self.name} {self.answered}: {event.message}")
                self.answered += 1
