"""A real slapd replicates from this directory and stays in step (RFC 4533; DirSync from ad)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peers.directory.conftest import PEOPLE as PEOPLE_LDIF
from tests.support.directory_process import ADMIN, PASSWORD, served
from tests.support.peers import MISSING_TOOL
from tests.support.slapd import ROOT_PASSWORD, SCHEMA, Slapd, slapd

ldap = pytest.importorskip("ldap", reason=f"{MISSING_TOOL}python-ldap")

pytestmark = pytest.mark.peers

SUFFIX = "dc=example,dc=com"
PEOPLE = f"ou=people,{SUFFIX}"
IN_STEP_S = 30.0
"""Longest wait for the consumer: it polls every second, on a machine with other work."""

Content = dict[str, dict[str, list[bytes]]]


def _connect(url: str, name: str, password: str) -> Any:
    connection = ldap.initialize(url)
    connection.simple_bind_s(name, password)
    return connection


def _content(connection: Any, base: str = SUFFIX, attributes: tuple[str, ...] = ("*",)) -> Content:
    try:
        found = connection.search_s(base, ldap.SCOPE_SUBTREE, attrlist=list(attributes))
    except ldap.NO_SUCH_OBJECT:
        return {}
    return {
        dn.lower(): {name.lower(): sorted(values) for name, values in entry.items()}
        for dn, entry in found
        if dn is not None
    }


def _wait_for(question: Callable[[], bool], consumer: Slapd) -> None:
    deadline = time.monotonic() + IN_STEP_S
    while not question():
        assert consumer.process.poll() is None, consumer.log.read_text()[-3000:]
        assert time.monotonic() < deadline, consumer.log.read_text()[-3000:]
        time.sleep(0.05)


def _consumer_lines(
    url: str, *, mode: str, base: str = SUFFIX, name: str = ADMIN, more: str = ' attrs="*,+"'
) -> tuple[str, ...]:
    line = f'syncrepl rid=001 provider={url} type={mode} interval=00:00:00:01 retry="1 +"'
    line += f' searchbase="{base}" scope=sub schemachecking=off bindmethod=simple'
    return (f'{line} binddn="{name}" credentials={PASSWORD}{more}',)


@pytest.mark.parametrize("mode", ["refreshOnly", "refreshAndPersist"])
def test_a_consumer_follows_every_kind_of_change(tmp_path: Path, mode: str) -> None:
    with served(tmp_path, "--ldif", str(PEOPLE_LDIF)) as provider:
        ours = _connect(provider.ldap, ADMIN, PASSWORD)
        with slapd(tmp_path, SUFFIX, lines=_consumer_lines(provider.ldap, mode=mode)) as consumer:
            theirs = _connect(consumer.url, consumer.root_dn, ROOT_PASSWORD)

            def in_step() -> bool:
                return _visible(_content(ours)) == _visible(_content(theirs))

            _wait_for(in_step, consumer)
            assert len(_content(theirs)) == 7

            for number in range(20):
                ours.add_s(
                    f"uid=new{number},{PEOPLE}",
                    [("objectClass", [b"inetOrgPerson"]), ("cn", [b"New"]), ("sn", [b"N"])],
                )
            ours.modify_s(f"uid=anna,{PEOPLE}", [(ldap.MOD_REPLACE, "title", [b"Director"])])
            ours.modify_s(f"uid=bram,{PEOPLE}", [(ldap.MOD_DELETE, "mail", None)])
            _wait_for(in_step, consumer)

            ours.delete_s(f"uid=new3,{PEOPLE}")
            ours.rename_s(f"uid=new4,{PEOPLE}", "uid=renamed")
            ours.rename_s(f"uid=new5,{PEOPLE}", "uid=new5", newsuperior=f"ou=groups,{SUFFIX}")
            ours.delete_s(f"uid=cees,{PEOPLE}")
            _wait_for(in_step, consumer)
            assert f"uid=renamed,{PEOPLE}" in _content(theirs)
            theirs.unbind_s()
        ours.unbind_s()


def test_a_consumer_that_was_away_catches_up(tmp_path: Path) -> None:
    with served(tmp_path, "--ldif", str(PEOPLE_LDIF)) as provider:
        ours = _connect(provider.ldap, ADMIN, PASSWORD)
        lines = _consumer_lines(provider.ldap, mode="refreshAndPersist")
        folder = tmp_path / "consumer"
        folder.mkdir()
        with slapd(folder, SUFFIX, lines=lines) as consumer:
            theirs = _connect(consumer.url, consumer.root_dn, ROOT_PASSWORD)
            _wait_for(lambda: len(_content(theirs)) == 7, consumer)
            theirs.unbind_s()
        ours.delete_s(f"uid=cees,{PEOPLE}")
        ours.modify_s(f"uid=anna,{PEOPLE}", [(ldap.MOD_REPLACE, "title", [b"Away"])])
        with slapd(folder, SUFFIX, lines=lines) as consumer:
            theirs = _connect(consumer.url, consumer.root_dn, ROOT_PASSWORD)
            _wait_for(lambda: _visible(_content(ours)) == _visible(_content(theirs)), consumer)
            theirs.unbind_s()
        ours.unbind_s()


DOMAIN = "DC=contoso,DC=test"
CONTACTS = f"OU=Contacts,{DOMAIN}"
CLASSES = """\
objectclass ( 1.2.840.113556.1.5.67 NAME 'domainDNS' SUP domain STRUCTURAL )
objectclass ( 1.2.840.113556.1.5.15 NAME 'contact' SUP organizationalPerson STRUCTURAL MAY mail )
"""


def test_a_dirsync_consumer_follows_an_active_directory(tmp_path: Path) -> None:
    """OpenLDAP 2.5 replicates from AD with type=dirSync; here AD is ours."""
    admin = f"CN=Administrator,CN=Users,{DOMAIN}"
    kinds = "".join(
        f"(objectClass={kind})" for kind in ("domainDNS", "contact", "organizationalUnit")
    )
    more = f' filter="(|{kinds})" attrs="objectClass,sn,mail,whenCreated,objectGUID,isDeleted"'
    with served(tmp_path, "--profile", "ad", "--suffix", DOMAIN, admin=admin) as provider:
        ours = _connect(provider.ldap, admin, PASSWORD)
        ours.add_s(CONTACTS, [("objectClass", [b"organizationalUnit"])])
        for name in ("Anna", "Bram", "Cees"):
            contact = [("objectClass", [b"contact"]), ("sn", [name.encode()])]
            ours.add_s(f"CN={name},{CONTACTS}", contact)
        lines = _consumer_lines(provider.ldap, mode="dirSync", base=DOMAIN, name=admin, more=more)
        classes = tmp_path / "classes.schema"  # those of ours that OpenLDAP's file leaves out
        classes.write_text(CLASSES)
        schemas = (*(str(SCHEMA / f"{name}.schema") for name in ("nis", "msuser")), str(classes))
        with slapd(tmp_path, DOMAIN, schemas=schemas, lines=lines) as consumer:
            theirs = _connect(consumer.url, consumer.root_dn, ROOT_PASSWORD)

            def in_step() -> bool:
                return _contacts(ours) == _contacts(theirs)

            _wait_for(in_step, consumer)
            assert set(_contacts(theirs)) == {"anna", "bram", "cees"}
            ours.modify_s(f"CN=Anna,{CONTACTS}", [(ldap.MOD_REPLACE, "mail", [b"a@contoso.test"])])
            ours.delete_s(f"CN=Bram,{CONTACTS}")
            dirk = [("objectClass", [b"contact"]), ("sn", [b"Dirk"])]
            ours.add_s(f"CN=Dirk,{CONTACTS}", dirk)
            _wait_for(in_step, consumer)
            assert _contacts(theirs)["anna"] == ([b"Anna"], [b"a@contoso.test"])
            theirs.unbind_s()
        ours.unbind_s()


def _contacts(connection: Any) -> dict[str, tuple[list[bytes], list[bytes]]]:
    found = _content(connection, DOMAIN, ("sn", "mail"))
    return {
        dn.split(",")[0].removeprefix("cn="): (entry["sn"], entry.get("mail", []))
        for dn, entry in found.items()
        if dn.endswith(CONTACTS.lower()) and "sn" in entry
    }


def _visible(content: Content) -> Content:
    """Without what the provider never sends."""
    return {
        dn: {name: values for name, values in entry.items() if name != "userpassword"}
        for dn, entry in content.items()
    }
