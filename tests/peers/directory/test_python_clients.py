"""Python's LDAP libraries, each with another codec: ldap3, python-ldap (C), bonsai (C, async)."""

from __future__ import annotations

import asyncio
import importlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest
from ldap3.core.exceptions import LDAPException

from tests.support.directory_process import ADMIN, PASSWORD, Served
from tests.support.peers import MISSING_TOOL

ldap = pytest.importorskip("ldap", reason=f"{MISSING_TOOL}python-ldap")
bonsai = pytest.importorskip("bonsai", reason=f"{MISSING_TOOL}bonsai")
for module in ("controls.libldap", "controls.readentry", "controls.sss", "controls.vlv", "schema"):
    importlib.import_module(f"ldap.{module}")
importlib.import_module("ldap.modlist")

pytestmark = pytest.mark.peers

SUFFIX = "dc=example,dc=com"
PEOPLE = f"ou=people,{SUFFIX}"


# ldap3 -----------------------------------------------------------------------------------------


@pytest.fixture
def ldap3_connection(directory: Served) -> Iterator[Any]:
    server = ldap3.Server(directory.ldap, get_info=ldap3.ALL)
    connection: Any = ldap3.Connection(
        server, ADMIN, PASSWORD, auto_bind=True, raise_exceptions=True
    )
    yield connection
    connection.unbind()


def test_ldap3_reads_rootdse_and_schema(ldap3_connection: Any) -> None:
    server = ldap3_connection.server
    assert SUFFIX in server.info.naming_contexts
    assert "inetOrgPerson" in server.schema.object_classes
    assert server.schema.attribute_types["mail"].equality == ["caseIgnoreIA5Match"]
    assert [c[0] for c in server.info.supported_controls]


def test_ldap3_lives_through_an_entry(ldap3_connection: Any) -> None:
    connection, dn = ldap3_connection, f"uid=three,{PEOPLE}"
    assert connection.add(dn, "inetOrgPerson", {"uid": "three", "cn": "Th\0ree", "sn": "3"})
    assert connection.modify(
        dn,
        {
            "mail": [(ldap3.MODIFY_ADD, ["3@example.com", "iii@example.com"])],
            "sn": [(ldap3.MODIFY_REPLACE, ["Drei"])],
            "employeeNumber": [(ldap3.MODIFY_ADD, ["1"])],
        },
    )
    assert connection.compare(dn, "sn", "DREI")
    assert connection.modify_dn(dn, "uid=drei", new_superior=SUFFIX)
    connection.search(SUFFIX, "(uid=drei)", attributes=ldap3.ALL_ATTRIBUTES)
    [entry] = connection.entries
    assert sorted(entry.mail.values) == ["3@example.com", "iii@example.com"]
    assert connection.delete(f"uid=drei,{SUFFIX}")
    with pytest.raises(LDAPException):
        connection.delete(f"uid=drei,{SUFFIX}")


def test_ldap3_pages_and_changes_passwords(ldap3_connection: Any) -> None:
    found = ldap3_connection.extend.standard.paged_search(
        PEOPLE, "(uid=*)", attributes=["uid"], paged_size=2, generator=False
    )
    assert {entry["attributes"]["uid"][0] for entry in found} >= {"anna", "bram", "cees"}
    assert ldap3_connection.extend.standard.who_am_i() == f"dn:{ADMIN}"
    dn = f"uid=anna,{PEOPLE}"
    assert ldap3_connection.extend.standard.modify_password(dn, new_password="again")
    with ldap3.Connection(ldap3_connection.server, dn, "again") as own:
        assert own.bound
    assert ldap3_connection.extend.standard.modify_password(dn, new_password="anna-password")


def test_ldap3_starts_tls_and_sasl_plain(directory: Served, authority: tuple[Path, Path]) -> None:
    # CERT_REQUIRED would make ldap3 call a function of ssl that Python is about to remove
    tls = ldap3.Tls(ca_certs_file=str(authority[0]), validate=ssl.CERT_NONE)
    server = ldap3.Server("127.0.0.1", directory.port, tls=tls)
    connection = ldap3.Connection(
        server, authentication=ldap3.SASL, sasl_mechanism="PLAIN",
        sasl_credentials=(None, f"dn:uid=bram,{PEOPLE}", "bram-password"),
    )  # fmt: skip
    assert connection.start_tls()
    assert connection.bind(), connection.result
    assert connection.extend.standard.who_am_i() == f"dn:uid=bram,{PEOPLE}"
    connection.unbind()


def test_ldap3_reads_a_mistake_as_its_own_error(directory: Served) -> None:
    server = ldap3.Server(directory.ldap)
    connection = ldap3.Connection(server, ADMIN, "wrong")
    assert not connection.bind()
    assert connection.result["description"] == "invalidCredentials"
    connection.unbind()


# python-ldap -----------------------------------------------------------------------------------


@pytest.fixture
def libldap(directory: Served) -> Iterator[Any]:
    connection = ldap.initialize(directory.ldap)
    connection.simple_bind_s(ADMIN, PASSWORD)
    yield connection
    connection.unbind_s()


def test_python_ldap_reads_the_subschema(directory: Served) -> None:
    subentry, schema = ldap.schema.urlfetch(f"{directory.ldap}/??sub")
    assert subentry
    person = schema.get_obj(ldap.schema.ObjectClass, "inetOrgPerson")
    assert person.oid == "2.16.840.1.113730.3.2.2"
    must, may = schema.attribute_types(["inetOrgPerson"])
    assert {"sn", "cn"} <= {attribute.names[0] for attribute in must.values()}
    assert "mail" in {attribute.names[0] for attribute in may.values()}


def test_python_ldap_lives_through_an_entry(libldap: Any) -> None:
    dn = f"uid=pyldap,{PEOPLE}"
    entry = {"objectClass": [b"inetOrgPerson"], "uid": [b"pyldap"], "cn": [b"P"], "sn": [b"L"]}
    libldap.add_s(dn, ldap.modlist.addModlist(entry))
    with pytest.raises(ldap.ALREADY_EXISTS):
        libldap.add_s(dn, ldap.modlist.addModlist(entry))
    photo = bytes(range(256)) * 400
    libldap.modify_s(dn, [(ldap.MOD_ADD, "jpegPhoto", [photo]), (ldap.MOD_REPLACE, "sn", [b"N"])])
    [(found, attributes)] = libldap.search_s(dn, ldap.SCOPE_BASE)
    assert (found, attributes["jpegPhoto"]) == (dn, [photo])
    assert libldap.compare_s(dn, "sn", b"n")
    libldap.rename_s(dn, "uid=renamed", SUFFIX, delold=0)
    libldap.delete_s(f"uid=renamed,{SUFFIX}")
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        libldap.search_s(dn, ldap.SCOPE_BASE)


def test_python_ldap_pages_sorts_and_views(libldap: Any) -> None:
    names, cookie = [], b""
    while True:
        page = ldap.controls.libldap.SimplePagedResultsControl(True, size=2, cookie=cookie)
        sort = ldap.controls.sss.SSSRequestControl(True, ["-cn"])
        request = libldap.search_ext(PEOPLE, ldap.SCOPE_ONELEVEL, "(uid=*)", ["uid"],
                                     serverctrls=[page, sort])  # fmt: skip
        _, found, _, controls = libldap.result3(request)
        names += [attributes["uid"][0] for _, attributes in found]
        [answer] = [c for c in controls if c.controlType == page.controlType]
        cookie = answer.cookie
        if not cookie:
            break
    assert names == [b"cees", b"bram", b"anna"]
    view = ldap.controls.vlv.VLVRequestControl(True, before_count=1, after_count=0, offset=2,
                                               content_count=3)  # fmt: skip
    request = libldap.search_ext(PEOPLE, ldap.SCOPE_ONELEVEL, "(uid=*)", ["uid"],
                                 serverctrls=[ldap.controls.sss.SSSRequestControl(True, ["cn"]),
                                              view])  # fmt: skip
    _, found, _, controls = libldap.result3(request)
    assert [attributes["uid"][0] for _, attributes in found] == [b"anna", b"bram"]
    [answer] = [c for c in controls if isinstance(c, ldap.controls.vlv.VLVResponseControl)]
    assert (answer.targetPosition, answer.contentCount) == (2, 3)


def test_python_ldap_reads_entries_before_and_after(libldap: Any) -> None:
    dn = f"uid=cees,{PEOPLE}"
    libldap.modify_s(dn, [(ldap.MOD_REPLACE, "description", [b"one"])])
    controls = [
        ldap.controls.readentry.PreReadControl(True, ["description"]),
        ldap.controls.readentry.PostReadControl(True, ["description"]),
    ]
    request = libldap.modify_ext(dn, [(ldap.MOD_REPLACE, "description", [b"two"])],
                                 serverctrls=controls)  # fmt: skip
    _, _, _, answers = libldap.result3(request)
    assert [answer.entry["description"] for answer in answers] == [[b"one"], [b"two"]]


def test_python_ldap_abandons_and_cancels(libldap: Any) -> None:
    control = ldap.controls.simple.ValueLessRequestControl(
        "1.2.840.113556.1.4.528", criticality=False
    )
    request = libldap.search_ext(PEOPLE, ldap.SCOPE_SUBTREE, serverctrls=[control])
    libldap.abandon(request)
    assert libldap.whoami_s() == f"dn:{ADMIN}"


def test_python_ldap_is_secured_by_starttls(
    directory: Served, authority: tuple[Path, Path]
) -> None:
    connection = ldap.initialize(directory.ldap)
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(authority[0]))
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    connection.start_tls_s()
    connection.simple_bind_s(ADMIN, PASSWORD)
    assert connection.whoami_s() == f"dn:{ADMIN}"
    connection.unbind_s()


# bonsai ----------------------------------------------------------------------------------------


def _bonsai(directory: Served, authority: tuple[Path, Path]) -> Any:
    client = bonsai.LDAPClient(directory.ldaps)
    client.set_ca_cert(str(authority[0]))
    client.set_credentials("SIMPLE", user=ADMIN, password=PASSWORD)
    return client


def test_bonsai_lives_through_an_entry(directory: Served, authority: tuple[Path, Path]) -> None:
    with _bonsai(directory, authority).connect() as connection:
        entry = bonsai.LDAPEntry(f"uid=bonsai,{PEOPLE}")
        entry["objectClass"] = ["inetOrgPerson"]
        entry["sn"] = "Tree"
        entry["cn"] = "Small"
        entry["uid"] = "bonsai"
        connection.add(entry)
        entry["mail"] = "bonsai@example.com"
        entry.modify()
        [found] = connection.search(PEOPLE, bonsai.LDAPSearchScope.ONE, "(mail=bonsai@*)")
        assert found["sn"] == ["Tree"]
        found.rename(f"uid=ficus,{PEOPLE}")
        found.delete()
        assert connection.whoami() == f"dn:{ADMIN}"


def test_bonsai_pages_sorts_and_views(directory: Served, authority: tuple[Path, Path]) -> None:
    with _bonsai(directory, authority).connect() as connection:
        search = connection.paged_search(PEOPLE, 1, "(uid=*)", ["uid"], page_size=2)
        assert len([entry.dn for entry in search]) == 3
        entries, answer = connection.virtual_list_search(
            PEOPLE, 1, "(uid=*)", ["uid"], sort_order=["cn"], offset=1, after_count=1,
            est_list_count=3,
        )  # fmt: skip
        assert [entry["uid"][0] for entry in entries] == ["anna", "bram"]
        assert answer["list_count"] == 3


def test_bonsai_searches_asynchronously(directory: Served, authority: tuple[Path, Path]) -> None:
    async def search() -> list[Any]:
        async with _bonsai(directory, authority).connect(is_async=True) as connection:
            found: list[Any] = await connection.search(PEOPLE, 1, "(uid=anna)")
            return found

    [entry] = asyncio.run(search())
    assert entry["cn"] == ["Anna Bakker"]
