"""People of another directory become recipients; what cannot be taken is said."""

from __future__ import annotations

from uuid import UUID

import pytest

from directory.model.dn import DN
from directory.model.entry import Entry
from edgesync.lab.importers.people import NAME_LENGTH_MAX, ImportedEntries, import_entries
from edgesync.organization.names import ForestNames

NAMES = ForestNames.of("contoso.test", "Contoso")


def entry(dn: str, **attributes: str | bytes | list[str]) -> Entry:
    values = {
        name: tuple(
            v.encode() if isinstance(v, str) else v
            for v in (value if isinstance(value, list) else [value])
        )
        for name, value in attributes.items()
    }
    return Entry(DN.parse(dn), values)


def person(name: str, **attributes: str | bytes | list[str]) -> Entry:
    return entry(f"cn={name},ou=people,dc=other,dc=example", objectClass="inetOrgPerson",
                 cn=name, **attributes)  # fmt: skip


def imported(*entries: Entry) -> ImportedEntries:
    return import_entries(entries, NAMES)


def test_a_person_becomes_a_mail_enabled_user() -> None:
    found = imported(person("Zoë Ünal", sn="Ünal", mail="zoe@other.example", uid="zoe"))
    (made,) = found.entries
    assert made.dn == NAMES.users.child("CN", "Zoë Ünal")
    assert made.texts("proxyAddresses") == ("SMTP:zoe@other.example",)
    assert made.text("sAMAccountName") == "zoe"
    assert made.text("sn") == "Ünal"
    assert b"user" in made.values("objectClass")
    assert found.domains == ("other.example",)
    assert found.taken == ("people: 1",)


def test_the_first_mail_is_primary_and_repeats_are_dropped() -> None:
    found = imported(person("A", mail=["a@x.test", "b@x.test", "A@X.test"]))
    assert found.recipients[0].proxy_addresses == ("SMTP:a@x.test", "smtp:b@x.test")


def test_proxy_addresses_of_an_exchange_directory_are_kept() -> None:
    found = imported(
        person("A", mail="a@x.test", proxyAddresses=["smtp:c@x.test", "SMTP:a@x.test", "X500:/o=x"])
    )
    assert found.recipients[0].proxy_addresses == ("smtp:c@x.test", "SMTP:a@x.test")
    assert found.recipients[0].mail == "a@x.test"


def test_photos_are_kept_and_passwords_and_identities_are_not() -> None:
    guid = UUID("49ef970b-7f97-475c-a415-91e2b7744875")
    found = imported(
        person("A", mail="a@x.test", jpegPhoto=b"\xff\xd8\xff", userPassword="{SSHA}secret",
               objectGUID=guid.bytes_le)
    )  # fmt: skip
    (made,) = found.entries
    assert made.first("jpegPhoto") == b"\xff\xd8\xff"
    assert not made.has("objectGUID")
    assert not made.has("userPassword")
    assert "passwords: 1" in found.ignored
    assert "secret" not in repr(found)


@pytest.mark.parametrize("mail", ["", "nobody", "a b@x.test", "@x.test"])
def test_a_person_without_a_usable_address_is_left_out_by_name(mail: str) -> None:
    found = imported(person("A", mail=mail))
    assert found.entries == ()
    assert found.ignored == ("cn=A,ou=people,dc=other,dc=example: no mail address",)


def test_two_people_of_one_name_get_two_names() -> None:
    first = person("Anna Berg", mail="a@x.test")
    second = entry("uid=anna2,dc=other", objectClass="person", cn="anna berg", mail="b@x.test")
    found = imported(first, second)
    assert [e.text("cn") for e in found.entries] == ["Anna Berg", "anna berg 2"]
    assert found.assumed == ("uid=anna2,dc=other is called anna berg 2",)


def test_a_name_too_long_for_ad_is_cut() -> None:
    found = imported(person("x" * 100, mail="a@x.test"))
    assert found.entries[0].text("cn") == "x" * NAME_LENGTH_MAX


def test_a_group_keeps_the_members_that_were_taken() -> None:
    found = imported(
        entry("cn=crew,dc=other", objectClass="Group", cn="crew", groupType="2147483650",
              member=["cn=A,ou=people,dc=other,dc=example", "cn=gone,dc=other", "no dn"]),
        person("A", mail="a@x.test"),
    )  # fmt: skip
    group = found.entries[-1]
    assert group.texts("member") == (str(NAMES.users.child("CN", "A")),)
    assert group.integer("groupType") == -2147483646
    assert "members that were not in the input: 2" in found.ignored
    assert found.taken == ("people: 1", "groups: 1")


def test_a_group_with_mail_is_a_recipient() -> None:
    found = imported(entry("cn=all,dc=o", objectClass="groupOfNames", cn="all", mail="all@x.test"))
    assert found.recipients[0].addresses == ("all@x.test",)


def test_a_tree_of_the_forest_itself_stays_as_it_is() -> None:
    user = entry(
        "CN=Kate,OU=Sales,DC=contoso,DC=test", objectClass=["top", "user"], cn="Kate",
        proxyAddresses="SMTP:kate@contoso.test", mail="kate@contoso.test",
        uSNChanged="4711", whenCreated="20200101000000.0Z", objectSid=b"\x01", unicodePwd=b"x",
        memberOf="CN=All,DC=contoso,DC=test",
    )  # fmt: skip
    unit = entry("OU=Sales,DC=contoso,DC=test", objectClass="organizationalUnit", ou="Sales")
    found = imported(user, unit)
    assert [str(e.dn) for e in found.entries] == [str(unit.dn), str(user.dn)]
    assert set(found.entries[1]) == {"objectClass", "cn", "proxyAddresses", "mail"}
    assert found.recipients[0].addresses == ("kate@contoso.test",)


def test_anything_else_is_named_as_ignored() -> None:
    found = imported(entry("ou=people,dc=other", objectClass="organizationalUnit"))
    assert found.ignored == ("ou=people,dc=other: neither a person nor a group",)
