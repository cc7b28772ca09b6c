"""NTLM at the web site: AD judges it, a connection keeps it, and nothing else is let in."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spnego

from edgesync.client_access.http_values import HttpRequest, HttpResponse
from edgesync.client_access.integrated import TOKEN_LENGTH_MAX, ConnectionLogOn
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from tests.support.access_lab import PASSWORD, USER, do, enable_user, fresh_lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with fresh_lab() as made:
        enable_user(made, tmp_path)
        yield made


def ask(
    lab: Lab, connection: ConnectionLogOn, authorization: str = "", path: str = "/EWS"
) -> HttpResponse:
    server = lab.service(ClientAccess).web_server("CAS01")
    headers = {"authorization": authorization} if authorization else {}
    request = HttpRequest("GET", path, headers)
    return server.answer(request, is_secure=True, connection=connection)


def challenges(answer: HttpResponse) -> list[str]:
    return [value for name, value in answer.headers if name == "WWW-Authenticate"]


def log_on(
    lab: Lab, connection: ConnectionLogOn, scheme: str, user: str = USER, password: str = PASSWORD
) -> HttpResponse:
    """What pyspnego's client and the site say to each other, to the last answer."""
    client: Any = spnego.client(
        user, password, protocol="negotiate" if scheme == "Negotiate" else "ntlm",
        context_req=spnego.ContextReq.none, options=spnego.NegotiateOptions.use_negotiate
        if scheme == "Negotiate" else spnego.NegotiateOptions.use_ntlm,
    )  # fmt: skip
    token = client.step()
    for _ in range(4):
        answer = ask(lab, connection, f"{scheme} {b64encode(token).decode()}")
        told = challenges(answer)
        if answer.status.code != 401 or len(told) != 1:
            return answer
        assert told[0].startswith(f"{scheme} ")
        token = client.step(b64decode(told[0].partition(" ")[2]))
    raise AssertionError("no end")


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
def test_a_log_on_is_the_connections(lab: Lab, scheme: str) -> None:
    connection = ConnectionLogOn()
    assert challenges(ask(lab, connection)) == [
        "Negotiate", "NTLM", 'Basic realm="cas01.contoso.test"',
    ]  # fmt: skip
    assert log_on(lab, connection, scheme).status.code == 200
    assert connection.account is not None
    assert connection.account.name == "user0"
    assert ask(lab, connection, path="/Rpc").status.code == 200
    assert ask(lab, ConnectionLogOn()).status.number == "401.2"


@pytest.mark.parametrize(
    ("user", "password"),
    [(USER, "wrong"), ("CONTOSO\\nobody", PASSWORD), ("OTHER\\user0", PASSWORD)],
)
def test_who_proves_nothing_gets_401_1_and_may_try_again(
    lab: Lab, user: str, password: str
) -> None:
    connection = ConnectionLogOn()
    refused = log_on(lab, connection, "NTLM", user, password)
    assert refused.status.number == "401.1"
    assert len(challenges(refused)) == 3
    assert ask(lab, connection).status.number == "401.2"
    assert log_on(lab, connection, "NTLM").status.code == 200


def test_a_wrong_attempt_takes_the_connection_away(lab: Lab) -> None:
    connection = ConnectionLogOn()
    assert log_on(lab, connection, "NTLM").status.code == 200
    assert ask(lab, connection, "NTLM bm90IE5UTE0=").status.number == "401.1"
    assert ask(lab, connection).status.number == "401.2"


@pytest.mark.parametrize(
    "authorization",
    ["NTLM", "NTLM !!!", "Negotiate " + "A" * (TOKEN_LENGTH_MAX + 4), "Digest x", "Bearer abc"],
)
def test_what_is_no_log_on_is_refused(lab: Lab, authorization: str) -> None:
    assert ask(lab, ConnectionLogOn(), authorization).status.number == "401.1"


def test_devices_are_offered_passwords_only(lab: Lab) -> None:
    path = "/Microsoft-Server-ActiveSync"
    told = challenges(ask(lab, ConnectionLogOn(), path=path))
    assert told == ['Basic realm="cas01.contoso.test"']
    assert ask(lab, ConnectionLogOn(), "NTLM TlRMTVNTUAAB", path).status.number == "401.1"


def test_without_ntlm_in_ad_only_passwords_are_offered(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from directory.dsa import nt_hash

    monkeypatch.setattr(nt_hash, "is_kept", lambda _: False)
    told = challenges(ask(lab, ConnectionLogOn()))
    assert told == ['Basic realm="cas01.contoso.test"']


def test_a_directory_offers_what_it_is_set_to(lab: Lab) -> None:
    do(lab, "client directory CAS01 OAB --authentication windows")
    assert challenges(ask(lab, ConnectionLogOn(), path="/OAB/")) == ["Negotiate", "NTLM"]
    password = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert ask(lab, ConnectionLogOn(), password, "/OAB/").status.number == "401.1"
    connection = ConnectionLogOn()
    log_on(lab, connection, "NTLM")
    assert ask(lab, connection, path="/OAB/oab.xml").status.code == 200
    do(lab, "client directory CAS01 EWS --authentication anonymous")
    assert ask(lab, ConnectionLogOn()).status.code == 200


def test_a_disabled_account_is_let_in_nowhere(lab: Lab) -> None:
    do(lab, "client account user0 --disable")
    assert log_on(lab, ConnectionLogOn(), "NTLM").status.number == "401.1"
