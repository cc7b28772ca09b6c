"""Live events: nothing lost, nothing twice, and no stream outlives the console."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edgesync import Lab
from edgesync.console.server import ControlServer
from edgesync.console.streams import STREAMS_MAX, event_text
from edgesync.events import CERTIFICATE_STORED, Event
from tests.console.conftest import TOKEN, Site


@contextmanager
def following(site: Site, query: str = "", **headers: str) -> Iterator[http.client.HTTPResponse]:
    host, port = site.server.address
    connection = http.client.HTTPConnection(host, port, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", f"/api/v1/events{query}", headers=sent)
    response = connection.getresponse()
    try:
        yield response
    finally:
        response.close()
        connection.close()


def events_of(response: http.client.HTTPResponse, count: int) -> list[tuple[int, dict[str, str]]]:
    found: list[tuple[int, dict[str, str]]] = []
    number = 0
    while len(found) < count:
        line = response.readline()
        assert line, "the stream ended"
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "id":
            number = int(value)
        elif name == "data":
            found.append((number, json.loads(value)))
    return found


def log(site: Site, text: str) -> None:
    inner = site.lab.lab
    data = {"thumbprint": text, "server": "HUB01"}
    inner.emit(Event(CERTIFICATE_STORED, inner.clock.now(), "HUB01", data))


def test_events_come_as_they_happen(site: Site) -> None:
    with following(site) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.readline() == b"retry: 2000\n"
        for number in range(3):
            log(site, f"number {number}")
            [(_, event)] = events_of(stream, 1)
            assert event["text"] == f"Certificate number {number} stored on HUB01."


def test_a_reader_that_comes_back_goes_on_where_it_left_off(site: Site) -> None:
    with following(site) as stream:
        log(site, "first")
        [(number, _)] = events_of(stream, 1)
    log(site, "second")
    log(site, "third")
    with following(site, last_event_id=str(number)) as stream:
        missed = [event["data"] for _, event in events_of(stream, 2)]
    assert [data["thumbprint"] for data in missed] == ["second", "third"]  # type: ignore[index]  # JSON


def test_a_reader_may_ask_from_the_beginning(site: Site) -> None:
    with following(site, "?after=0") as stream:
        assert len(events_of(stream, 5)) == 5


@pytest.mark.parametrize("after", ["x", "-1", "1" * 30, "%C2%B2"])
def test_a_number_that_is_none_is_refused(site: Site, after: str) -> None:
    assert site.ask("GET", f"/api/v1/events?after={after}").status == 400


def test_a_value_cannot_end_its_field() -> None:
    lab = Lab.new(recipients=0)
    hostile = "x\n\nid: 99\ndata: {}\n\n\r\u2028"
    event = Event(CERTIFICATE_STORED, lab.clock.now, "HUB01", {"thumbprint": hostile})
    lines = event_text(7, event).split("\n")
    assert lines[0] == "id: 7"
    assert lines[1].startswith("data: {")
    assert lines[2:] == ["", ""]
    lab.close()


def test_readers_have_a_limit(site: Site) -> None:
    streams = site.server._app.state.streams
    waiting = {object(): None for _ in range(STREAMS_MAX)}
    with following(site) as stream:
        stream.readline()
        before = dict(streams._readers)
        streams._readers.update(waiting)
        try:
            assert site.ask("GET", "/api/v1/events").status == 503
        finally:
            streams._readers.clear()
            streams._readers.update(before)


def test_a_stop_ends_every_stream_at_once() -> None:
    with Lab.new(recipients=0) as lab:
        server = ControlServer(lab.lab, TOKEN)
        server.start()
        listeners = len(lab.lab.listeners)
        with following(Site(lab, server)) as stream:
            stream.readline()
            server.stop()
            assert stream.read() in {b"\n", b""}
        assert len(lab.lab.listeners) < listeners
