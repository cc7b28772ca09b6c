"""A running lab with its console, as a browser and a program see it."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from directory.model.entry import Entry
from directory.model.messages import AddRequest
from edgesync import Lab
from edgesync.console.server import ControlServer
from edgesync.events import RECEIVE_DIRECT_TRUST_FAILED, Event

TOKEN = "token-of-a-test"
HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
"""What an attacker would write into every name and value."""


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    """A console over HTTP, with nothing between the test and the socket."""

    lab: Lab
    server: ControlServer

    @property
    def origin(self) -> str:
        return self.server.url

    def ask(
        self, method: str, path: str, body: str | bytes | None = None, **headers: str
    ) -> Answer:
        host, port = self.server.address
        connection = http.client.HTTPConnection(host, port, timeout=60)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, sent)
            got = connection.getresponse()
            found = {name.lower(): value for name, value in got.getheaders()}
            return Answer(got.status, found, got.read())
        finally:
            connection.close()

    def page(self, path: str) -> Answer:
        return self.ask("GET", path, accept="text/html")

    def submit(self, path: str, **fields: Any) -> Answer:
        """Send a form as a browser without JavaScript does, from a page of the console."""
        body = urlencode({"shown": "1", **fields}, doseq=True)
        kind = "application/x-www-form-urlencoded"
        return self.ask("POST", path, body, origin=self.origin, content_type=kind)

    def call(self, operation: str, accept: str = "application/json", **body: Any) -> Answer:
        return self.ask(
            "POST", f"/api/v1/operations/{operation}", json.dumps(body),
            authorization=f"Bearer {TOKEN}", accept=accept,
        )  # fmt: skip


def serve(lab: Lab) -> Iterator[Site]:
    server = ControlServer(lab.lab, TOKEN)
    server.start()
    try:
        yield Site(lab, server)
    finally:
        server.stop()
        assert not any(t.name == "console" for t in threading.enumerate())


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A lab with one subscribed Edge that has just renewed its certificate, and hostile names."""
    with Lab.new(recipients=20) as lab:
        lab.subscribe("EDGE01")
        lab.sync.run(edge="EDGE01")
        lab.run("cert.renew", server="EDGE01", answer=True)
        make_hostile(lab)
        yield from serve(lab)


def make_hostile(lab: Lab) -> None:
    """Put an attacker's text wherever strangers may write."""
    inner = lab.lab
    dn = inner.ad.names.users.child("CN", HOSTILE)
    attributes = {
        "objectClass": (b"top", b"container"),
        "cn": (HOSTILE.encode(),),
        "description": (HOSTILE.encode(), b"javascript:alert(1)"),
    }
    inner.ad_port().add(AddRequest(Entry(dn, attributes)))
    lab.run("cert.new", server="CAS01", subject_name='CN="<script>alert(1)</script>"', answer=False)
    to = first_address(lab)
    lab.run("mail.send", from_="mallory@evil.test", to=(to,), subject=HOSTILE, body=HOSTILE)
    lab.run("mail.send", from_=to, to=(to,), subject=HOSTILE, body=HOSTILE)
    now = inner.clock.now()
    data = {"subject": HOSTILE, "address": HOSTILE}
    inner.emit(Event(RECEIVE_DIRECT_TRUST_FAILED, now, "HUB01", data))


def first_address(lab: Lab) -> str:
    """Somebody of the organisation who takes mail."""
    found = lab.run("directory.search", filter_="(mail=*)", attribute=("mail",))
    return str(re.findall(r"[\w.]+@contoso\.test", str(found.document))[0])
