"""The web site of a Client Access server: Require SSL, its one certificate, who may come in."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgesync.client_access.http_values import HttpRequest
from edgesync.config import Version
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from tests.support.access_lab import PASSWORD, USER, do, enable_user, fresh_lab, http_bytes, up, web


@pytest.fixture
def lab() -> Iterator[Lab]:
    with fresh_lab() as made:
        yield made


def basic(user: str = USER, password: str = PASSWORD) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.fact("certificate-facts 7.1")
@pytest.mark.parametrize(
    "path",
    ["/owa", "/OWA/", "/Microsoft-Server-ActiveSync", "/EWS/Exchange.asmx", "/UnifiedMessaging",
     "/Autodiscover/Autodiscover.xml", "/Rpc/rpcproxy.dll"],
)  # fmt: skip
def test_plain_http_is_refused_where_ssl_is_required(lab: Lab, path: str) -> None:
    assert web(lab, path, secure=False).status.number == "403.4"
    assert web(lab, path).status.number != "403.4"


@pytest.mark.fact("certificate-facts 7.1")
def test_the_address_book_is_served_over_plain_http_in_2007_and_not_in_2016(lab: Lab) -> None:
    assert web(lab, "/OAB/oab.xml", secure=False).status.code == 200
    with fresh_lab(Version.EXCHANGE_2016) as later:
        assert web(later, "/OAB/oab.xml", secure=False).status.number == "403.4"


@pytest.mark.fact("certificate-facts 7.1")
def test_since_2013_every_mailbox_server_has_a_web_site_that_requires_ssl() -> None:
    with fresh_lab(Version.EXCHANGE_2010) as before, fresh_lab(Version.EXCHANGE_2019) as later:
        assert before.service(ClientAccess).servers() == ("CAS01",)
        access = later.service(ClientAccess)
        assert access.servers() == ("HUB01", "HUB02", "HUB03", "CAS01")
        site = access.web_server("HUB01")
        assert site.host.web_certificate() is not None
        for path in ("/", "/owa", "/OAB/oab.xml", "/mapi"):
            answer = site.answer(HttpRequest("GET", path, {}), is_secure=False)
            assert answer.status.number == "403.4", path
        with up(later) as addresses:
            assert {"http", "https", "pop", "imap", "pops", "imaps", "smtp"} <= set(
                addresses["HUB01"]
            )


@pytest.mark.fact("certificate-facts 2.3")
def test_enabling_for_iis_binds_one_certificate_and_requires_ssl_on_the_site(lab: Lab) -> None:
    host = lab.service(ClientAccess).web_server("CAS01").host
    first = host.web_certificate()
    assert web(lab, "/", secure=False).status.code == 200
    do(lab, "cert new CAS01 --domain-name mail.contoso.test --services IIS --yes")
    bound = host.web_certificate()
    assert bound is not None
    assert bound != first
    assert bound.names("mail.contoso.test")
    holders = [c for c in host.server.store.certificates if "IIS" in c.services.words]
    assert holders == [bound]
    assert web(lab, "/", secure=False).status.number == "403.4"
    assert web(lab, "/OAB/", secure=False).status.code == 200  # its own setting stays


def test_a_directory_can_be_told_to_do_as_the_site_does(lab: Lab) -> None:
    do(lab, "client directory CAS01 owa --require-ssl inherit")
    assert web(lab, "/owa", secure=False).status.code == 302
    do(lab, "client directory CAS01 / --require-ssl yes")
    assert web(lab, "/owa", secure=False).status.number == "403.4"


def test_a_path_nobody_has_is_not_found(lab: Lab) -> None:
    assert web(lab, "/nothing/here").status.code == 404


def test_a_log_on_is_ads_answer(lab: Lab, tmp_path: Path) -> None:
    assert web(lab, "/EWS").status.number == "401.2"
    assert web(lab, "/EWS", authorization=basic()).status.number == "401.1"  # not enabled
    enable_user(lab, tmp_path)
    assert web(lab, "/EWS", authorization=basic()).status.code == 200
    assert web(lab, "/EWS", authorization=basic("user0@contoso.test")).status.code == 200
    assert web(lab, "/EWS", authorization=basic("OTHER\\user0")).status.number == "401.1"
    assert web(lab, "/EWS", authorization=basic(password="wrong")).status.number == "401.1"
    assert web(lab, "/EWS", authorization=basic(password="")).status.number == "401.1"
    do(lab, "client account user0 --disable")
    assert web(lab, "/EWS", authorization=basic()).status.number == "401.1"


@pytest.mark.fact("certificate-facts 7.1")
def test_autodiscover_tells_the_directories_addresses(lab: Lab, tmp_path: Path) -> None:
    enable_user(lab, tmp_path)
    do(lab, "Set-WebServicesVirtualDirectory CAS01 -InternalUrl https://ews.contoso.test/EWS")
    answer = web(lab, "/Autodiscover/Autodiscover.xml", authorization=basic())
    assert b"<ASUrl>https://ews.contoso.test/EWS</ASUrl>" in answer.body
    assert b"<OABUrl>http://cas01.contoso.test/OAB</OABUrl>" in answer.body


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01 nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40000 + b"\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"a" * 300000, b"413"),
        (b"GET / HTTP/1.0\r\n\r\n", b"200"),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
    ],
)
def test_bytes_that_are_not_a_fitting_request_are_refused(
    lab: Lab, sent: bytes, status: bytes
) -> None:
    assert http_bytes(lab, sent).split(b" ")[1] == status


def test_requests_in_one_go_are_answered_in_order(lab: Lab) -> None:
    one = b"GET /OAB/ HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = http_bytes(lab, one + b"GET /owa HTTP/1.1\r\nHost: x\r\n\r\n" + one)
    statuses = [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"403", b"200"]


def test_a_session_cookie_cannot_be_told_from_the_seed(tmp_path: Path) -> None:
    cookies = set()
    for _ in range(2):
        with fresh_lab() as lab:
            enable_user(lab, tmp_path)
            form = f"username={USER}&password={PASSWORD}".encode()
            request = HttpRequest("POST", "/owa/auth/owaauth.dll", {}, form)
            answer = lab.service(ClientAccess).web_server("CAS01").answer(request, is_secure=True)
            cookies.add(dict(answer.headers)["Set-Cookie"])
    assert len(cookies) == 2


def test_nonsense_after_a_head_request_is_refused_with_a_body(lab: Lab) -> None:
    answers = http_bytes(lab, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\nno request line\r\n\r\n")
    assert b"HTTP/1.1 400" in answers
    assert answers.endswith(b"</html>\n")
