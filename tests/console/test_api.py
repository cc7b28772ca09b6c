"""The control API: every operation, its progress, its questions and its refusals."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from edgesync.errors import ExitCode
from edgesync.lab.control import RemoteError, Running, call
from edgesync.operations.registry import all_operations
from tests.console.conftest import TOKEN, Site


def running(site: Site, token: str = TOKEN) -> Running:
    return Running(1, site.origin, token, {})


def test_the_command_line_speaks_to_the_lab_through_it(site: Site) -> None:
    got = call(
        running(site), "lab.status", {}, answer=None, note="edgesync lab status", progress=print
    )
    assert got["outcome"]["document"]["schema"] == "edgesync.lab-status/1"
    assert got["outcome"]["exit_code"] == 0


def test_an_error_keeps_its_word_and_exit_code(site: Site) -> None:
    with pytest.raises(RemoteError) as caught:
        call(
            running(site), "cert.list", {"server": ["NOBODY"]}, answer=None, note="", progress=print
        )
    assert caught.value.code == "no_such_thing"
    assert caught.value.exit_code is ExitCode.NOT_FOUND
    assert caught.value.hint


def test_a_wrong_token_is_an_error_the_command_line_understands(site: Site) -> None:
    with pytest.raises(RemoteError, match="wrong token"):
        call(running(site, "x"), "lab.status", {}, answer=None, note="", progress=print)


@pytest.mark.parametrize(
    ("operation", "body", "status"),
    [
        ("lab.status", {}, 200),
        ("no.such", {}, 404),
        ("lab.status", {"parameters": {"x": 1}}, 400),
        ("lab.status", {"other": 1}, 400),
        ("lab.status", {"answer": "yes"}, 400),
        ("lab.status", {"parameters": []}, 400),
        ("lab.status", {"note": {}}, 400),
        ("cert.list", {"parameters": {"thumbprint": None}}, 200),
        ("cert.show", {"parameters": {"server": None}}, 400),
        ("lab.status", {"parameters": [1]}, 400),
        ("cert.show", {}, 400),
        ("cert.show", {"parameters": {"server": 5}}, 400),
        ("cert.show", {"parameters": {"server": "NOBODY"}}, 404),
        ("directory.get", {"parameters": {"dn": "not a dn"}}, 404),
        ("directory.get", {"parameters": {"dn": "CN=x,,"}}, 400),
        ("lab.new", {}, 404),
    ],
)
def test_the_status_says_how_it_ended(
    site: Site, operation: str, body: dict[str, Any], status: int
) -> None:
    answer = site.call(operation, **body)
    assert answer.status == status, answer.text
    assert ("error" in answer.json()) is (status != 200)


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(site: Site, body: bytes) -> None:
    path = "/api/v1/operations/lab.status"
    answer = site.ask("POST", path, body, authorization=f"Bearer {TOKEN}")
    assert answer.status == 400
    assert answer.json()["error"]["hint"]


def test_a_question_comes_back_and_its_answer_goes_on(site: Site) -> None:
    given = {"server": "HUB03"}
    asked = site.call("cert.renew", parameters=given)
    assert asked.status == 409
    assert "overwrite" in asked.json()["question"]["text"].lower()
    assert asked.json()["question"]["default"] is True
    assert site.call("cert.renew", parameters=given, answer=True).status == 200


def test_a_change_is_recorded_under_the_command_that_does_the_same(site: Site) -> None:
    site.call("cert.renew", parameters={"server": "HUB01"}, answer=True)
    assert list(site.lab.lab.ledger.commands())[-1].text == "edgesync cert renew HUB01"


def test_progress_comes_line_by_line(site: Site, tmp_path: Path) -> None:
    answer = site.call(
        "sync.run", accept="application/x-ndjson", parameters={"edge": ["EDGE01"], "full": True}
    )
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert "outcome" in lines[-1]
    assert all("progress" in line for line in lines[:-1])


def test_calls_wait_for_each_other(site: Site) -> None:
    codes: list[int] = []

    def work() -> None:
        codes.append(site.call("cert.list").status)

    threads = [threading.Thread(target=work) for _ in range(8)]
    with site.lab.lab.exclusive:
        for thread in threads:
            thread.start()
        threads[0].join(0.1)
        assert codes == []
    for thread in threads:
        thread.join(60)
    assert codes == [200] * 8


def test_reading_needs_no_token_and_no_body(site: Site) -> None:
    answer = site.ask(
        "GET",
        "/api/v1/operations/directory.search?filter_=(cn%3DHUB01)&base=CN%3DUsers,DC%3Dcontoso,DC%3Dtest",
    )
    assert answer.status == 200
    assert answer.json()["outcome"]["document"]["count"] == 0


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("cert.renew?server=HUB01", "may change something"),
        ("directory.get?dn=cn%3Dx&url=ldap://evil.test&password_file=/etc/passwd", "outside"),
        ("directory.export?file=/tmp/x", "may change something"),
        ("cert.export?server=HUB01&file=/tmp/x", "may change something"),
        ("lab.snapshot?name=x", "may change something"),
        ("lab.fork?path=/tmp/x", "may change something"),
        ("mail.queue?retry=true", "may change something"),
    ],
)
def test_a_get_changes_nothing_and_reaches_nothing(site: Site, path: str, why: str) -> None:
    answer = site.ask("GET", f"/api/v1/operations/{path}")
    assert answer.status == 405
    assert why in answer.json()["error"]["message"]


def test_every_served_operation_is_described(site: Site) -> None:
    described = site.ask("GET", "/openapi.json").json()
    served = {item.name: item for item in all_operations() if item.remote}
    for name, operation in served.items():
        path = described["paths"][f"/api/v1/operations/{name}"]
        assert not ("get" in path and operation.changes({}))
        schema = path["post"]["requestBody"]["content"]["application/json"]["schema"]
        parameters = schema["properties"]["parameters"]
        assert set(parameters["properties"]) == {p.name for p in operation.parameters}
    listed = site.ask("GET", "/api/v1/operations").json()["operations"]
    assert {row["name"] for row in listed} == set(served)


def test_health_is_true_only_while_listeners_serve(site: Site) -> None:
    assert site.ask("GET", "/healthz").status == 503
    site.lab.lab.addresses = {"AD": {"ldap": "ldap://127.0.0.1:1"}}
    try:
        assert site.ask("GET", "/healthz").json() == {
            "schema": "edgesync.health/1", "state": "ok",
        }  # fmt: skip
    finally:
        site.lab.lab.addresses = {}


def test_a_lab_that_somebody_else_started_is_not_stopped(site: Site) -> None:
    answer = site.ask("POST", "/api/v1/shutdown", authorization=f"Bearer {TOKEN}")
    assert answer.status == 409
