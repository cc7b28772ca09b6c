"""ldap3's NTLM, which is Microsoft's Sicily bind with an NTLM of its own."""

from __future__ import annotations

from typing import Any

import ldap3
import pytest

from directory.dsa import nt_hash
from tests.support.directories import PASSWORD, USERS, ad
from tests.support.listener import serve

pytestmark = pytest.mark.peers

DOMAIN = "DC=contoso,DC=test"
HASH = "0" * 32 + ":" + nt_hash.stored(PASSWORD).removeprefix(nt_hash.SCHEME).decode()
"""The password as ldap3 takes it where OpenSSL has no MD4."""


def connect(host: str, port: int, user: str, password: str) -> Any:
    server = ldap3.Server(host, port, get_info=ldap3.NONE)
    return ldap3.Connection(server, user, password, authentication=ldap3.NTLM)


def test_ldap3_logs_on_with_ntlm_and_searches() -> None:
    with serve(ad().agent) as running:
        connection = connect(*running.address, "CONTOSO\\Administrator", HASH)
        assert connection.bind(), connection.result
        assert connection.extend.standard.who_am_i() == "u:CONTOSO\\Administrator"
        assert connection.search(DOMAIN, "(sAMAccountName=Administrator)")
        assert [e.entry_dn for e in connection.entries] == [f"CN=Administrator,{USERS}"]
        connection.unbind()


@pytest.mark.parametrize(
    ("user", "password"),
    [("CONTOSO\\Administrator", "0" * 32 + ":" + "1" * 32), ("CONTOSO\\nobody", HASH)],
)
def test_ldap3_is_refused_with_the_wrong_name_or_password(user: str, password: str) -> None:
    with serve(ad().agent) as running:
        connection = connect(*running.address, user, password)
        assert not connection.bind()
        assert connection.result["description"] == "invalidCredentials"
        connection.unbind()
