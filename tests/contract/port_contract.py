"""What every directory port does alike; each subclass brings one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from directory.errors import LdapError, ResultCode
from directory.model import modification as change
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import And, Equality, Filter, Not, Or, Present, Substrings
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    Scope,
    SearchRequest,
)
from edgesync.port.port import DirectoryPort, find, iterate, read

BASE = DN.parse("o=contract")
CLASSES = (b"top", b"person", b"organizationalPerson", b"inetOrgPerson")


def person(name: str, **attributes: str | bytes) -> Entry:
    values = {
        key: (value if isinstance(value, bytes) else value.encode(),)
        for key, value in attributes.items()
    }
    dn = BASE.child("cn", name)
    return Entry(dn, {"objectClass": CLASSES, "cn": (name.encode(),), "sn": (b"x",), **values})


class PortContract:
    """Needs a fixture ``port`` on an empty base ``o=contract``."""

    def test_what_was_added_is_read_back_byte_for_byte(self, port: DirectoryPort) -> None:
        photo = bytes(range(256)) * 40
        port.add(AddRequest(person("Añña", jpegPhoto=photo, description="ünï, \\ +")))
        entry = read(port, BASE.child("cn", "añña"))
        assert entry is not None
        assert entry.first("JPEGPHOTO") == photo
        assert entry.text("description") == "ünï, \\ +"

    @pytest.mark.parametrize("name", ["a,b", " lead", "trail ", "#hash", 'q"uo\\te', "a+b=c;d<e>"])
    def test_a_name_with_special_characters_survives(self, port: DirectoryPort, name: str) -> None:
        port.add(AddRequest(person(name)))
        found = find(port, BASE, Equality("sn", b"x"))
        assert [entry.dn for entry in found] == [BASE.child("cn", name)]

    def test_an_entry_that_is_not_there_is_none_or_nothing(self, port: DirectoryPort) -> None:
        assert read(port, BASE.child("cn", "nobody")) is None
        assert find(port, BASE.child("cn", "nobody")) == ()

    def test_refusals_carry_the_rfcs_code(self, port: DirectoryPort) -> None:
        port.add(AddRequest(person("twice")))
        attempts: list[tuple[Callable[[], None], ResultCode]] = [
            (lambda: port.add(AddRequest(person("twice"))), ResultCode.ENTRY_ALREADY_EXISTS),
            (lambda: port.delete(DeleteRequest(BASE.child("cn", "no"))), ResultCode.NO_SUCH_OBJECT),
            (lambda: port.modify(ModifyRequest(BASE.child("cn", "twice"), (
                change.delete("description", b"not there"),))), ResultCode.NO_SUCH_ATTRIBUTE),
            (lambda: port.modify(ModifyRequest(BASE.child("cn", "twice"), (
                change.add("sn", b"x"),))), ResultCode.ATTRIBUTE_OR_VALUE_EXISTS),
            (lambda: port.add(AddRequest(Entry(BASE.child("cn", "bad"), {
                "objectClass": CLASSES, "cn": (b"bad",)}))), ResultCode.OBJECT_CLASS_VIOLATION),
        ]  # fmt: skip
        for attempt, code in attempts:
            with pytest.raises(LdapError) as refused:
                attempt()
            assert refused.value.code is code

    def test_a_modify_is_whole_or_nothing(self, port: DirectoryPort) -> None:
        dn = BASE.child("cn", "whole")
        port.add(AddRequest(person("whole", description="old")))
        with pytest.raises(LdapError):
            port.modify(
                ModifyRequest(dn, (change.replace("description", b"new"),
                                   change.delete("title", b"not there")))
            )  # fmt: skip
        entry = read(port, dn)
        assert entry is not None
        assert entry.text("description") == "old"

    def test_deleting_the_exact_value_is_a_compare_and_swap(self, port: DirectoryPort) -> None:
        dn = BASE.child("cn", "swap")
        port.add(AddRequest(person("swap", description="one")))

        def swap(old: bytes, new: bytes) -> None:
            changes = (change.delete("description", old), change.add("description", new))
            port.modify(ModifyRequest(dn, changes))

        swap(b"one", b"two")
        with pytest.raises(LdapError) as refused:
            swap(b"one", b"three")
        assert refused.value.code is ResultCode.NO_SUCH_ATTRIBUTE
        entry = read(port, dn)
        assert entry is not None
        assert entry.texts("description") == ("two",)

    def test_pages_bring_every_entry_once(self, port: DirectoryPort) -> None:
        for number in range(25):
            port.add(AddRequest(person(f"p{number}")))
        request = SearchRequest(BASE, Scope.ONE, Present("sn"), ("cn",))
        found = [entry.text("cn") for entry in iterate(port, request, page_size=10)]
        assert sorted(found) == sorted(f"p{number}" for number in range(25))

    def test_filters_mean_the_same(self, port: DirectoryPort) -> None:
        port.add(AddRequest(person("anna", description="(odd) * \\")))
        port.add(AddRequest(person("bert")))
        cases: dict[Filter, set[str]] = {
            Equality("description", b"(odd) * \\"): {"anna"},
            Substrings("cn", b"b", (), b"t"): {"bert"},
            And((Present("sn"), Not(Present("description")))): {"bert"},
            Or((Equality("cn", b"ANNA"), Equality("cn", b"bert"))): {"anna", "bert"},
        }
        for filter_, names in cases.items():
            assert {e.text("cn") for e in find(port, BASE, filter_, scope=Scope.ONE)} == names

    def test_rename_and_move(self, port: DirectoryPort) -> None:
        unit = BASE.child("ou", "unit")
        classes = (b"top", b"organizationalUnit")
        port.add(AddRequest(Entry(unit, {"objectClass": classes, "ou": (b"unit",)})))
        port.add(AddRequest(person("old")))
        port.modify_dn(
            ModifyDnRequest(BASE.child("cn", "old"), DN.parse("cn=new"), new_superior=unit)
        )
        entry = read(port, unit.child("cn", "new"))
        assert entry is not None
        assert entry.texts("cn") == ("new",)
        assert read(port, BASE.child("cn", "old")) is None

    def test_the_root_says_what_the_directory_can_do(self, port: DirectoryPort) -> None:
        identity = port.identity
        assert BASE in identity.naming_contexts
        assert "1.2.840.113556.1.4.319" in identity.supported_controls
