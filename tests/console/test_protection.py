"""Who may talk to a lab: this machine by its own name, with the token or from its own pages."""

from __future__ import annotations

import pytest

from tests.console.conftest import TOKEN, Site

RENEW = "/api/v1/operations/cert.renew"
BODY = '{"parameters": {"server": "HUB02"}, "answer": true}'


@pytest.mark.parametrize(
    "host", ["evil.test", "127.0.0.1", "127.0.0.1:1", "localhost.evil.test", "", "[::1]:80"]
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/operations", "/static/console.css"])
def test_a_rebound_name_is_answered_with_nothing_of_the_lab(
    site: Site, host: str, path: str
) -> None:
    answer = site.ask("GET", path, host=host)
    assert answer.status == 421
    assert "HUB01" not in answer.text


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_loopback_names_are_served(site: Site, name: str) -> None:
    port = site.server.address[1]
    assert site.ask("GET", "/api/v1/operations", host=f"{name}:{port}").status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "null", "https://127.0.0.1", "http://127.0.0.1:1", ""]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_another_origin_is_refused_even_with_the_token(
    site: Site, origin: str, method: str
) -> None:
    answer = site.ask(method, RENEW, BODY, origin=origin, authorization=f"Bearer {TOKEN}")
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", [RENEW, "/do/cert.renew", "/whatif", "/api/v1/shutdown"])
def test_a_write_without_token_or_own_page_is_refused(site: Site, path: str) -> None:
    before = site.lab.run("cert.list")["certificates"]
    assert site.ask("POST", path, BODY).status == 401
    assert site.lab.run("cert.list")["certificates"] == before


@pytest.mark.parametrize("token", ["", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN])
def test_a_wrong_token_is_refused(site: Site, token: str) -> None:
    answer = site.ask("POST", RENEW, BODY, authorization=token)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_wrong_token_does_not_pass_because_a_page_of_ours_sent_it(site: Site) -> None:
    answer = site.ask("POST", RENEW, BODY, origin=site.origin, authorization="Bearer guess")
    assert answer.status == 401


@pytest.mark.parametrize("site_header", ["cross-site", "same-site"])
def test_a_foreign_page_cannot_send_our_forms_or_read_our_api(site: Site, site_header: str) -> None:
    asked = {"sec_fetch_site": site_header, "sec_fetch_mode": "no-cors"}
    assert site.ask("POST", "/do/cert.renew", "shown=1", **asked).status == 403
    assert site.ask("GET", "/api/v1/operations/lab.status", **asked).status == 403
    assert site.ask("GET", "/api/v1/events", **asked).status == 403


def test_a_link_on_a_foreign_page_may_open_ours(site: Site) -> None:
    asked = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert site.ask("GET", "/", sec_fetch_dest="document", **asked).status == 200
    assert site.ask("GET", "/", sec_fetch_dest="iframe", **asked).status == 403


def test_a_page_of_ours_may_write(site: Site) -> None:
    assert site.submit("/do/lab.status").status == 303
    assert site.ask("POST", "/whatif", "", sec_fetch_site="same-origin").status == 200


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/static/console.js", "/api/v1/operations", "/metrics"]
)
def test_every_answer_closes_the_site(site: Site, path: str) -> None:
    headers = site.ask("GET", path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] in {"no-store", "no-cache"}
    assert "server" not in headers


def test_a_body_that_is_too_large_is_refused_before_it_is_read(site: Site) -> None:
    answer = site.ask(
        "POST", RENEW, b"", content_length=str(9 * 1024 * 1024), authorization=f"Bearer {TOKEN}"
    )
    assert answer.status == 413


def test_a_body_without_a_length_is_cut_off(site: Site) -> None:
    host, port = site.server.address
    import socket

    with socket.create_connection((host, port), timeout=30) as wire:
        head = (
            f"POST {RENEW} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
        )
        wire.sendall(head.encode())
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        answer = b""
        try:
            for _ in range(12):
                wire.sendall(chunk)
            wire.sendall(b"0\r\n\r\n")
            answer = wire.recv(4096)
        except OSError:
            pass  # closed while we were still sending: as good
    assert not answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"]
)
def test_the_static_folder_has_no_way_out(site: Site, path: str) -> None:
    assert site.ask("GET", path).status == 404


def test_a_form_of_too_many_fields_is_refused_and_no_fault(site: Site) -> None:
    answer = site.submit("/do/lab.status", a=["b"] * 1001)
    assert answer.status == 400
    assert "at most 1000 fields" in answer.text
