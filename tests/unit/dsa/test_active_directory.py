"""What AD-aware clients expect of an AD or ADAM, beyond RFC 4511."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.dsa.sid import sid_text
from directory.errors import ResultCode
from directory.model import messages as m
from directory.model.controls import ExtendedDn, ShowDeleted, TreeDelete
from directory.model.dn import DN
from directory.model.modification import add, delete, replace
from tests.support.directories import CONFIGURATION, DOMAIN, GATEWAY, USERS, Bench, ad, adam

FRY = USERS.child("CN", "Fry")
CREW = USERS.child("CN", "Crew")
ALL = USERS.child("CN", "Everybody")


@pytest.fixture
def forest() -> Bench:
    made = ad()
    made.add(
        FRY, objectClass="user", sAMAccountName="fry", givenName="Philip", sn="Fry",
        mail="fry@contoso.test", proxyAddresses=("SMTP:fry@contoso.test", "smtp:philip@x.test"),
        userAccountControl="512",
    )  # fmt: skip
    made.add(CREW, objectClass="group", member=str(FRY))
    made.add(ALL, objectClass="group", member=str(CREW))
    return made


def names(made: Bench, text: str, base: DN = DOMAIN) -> list[str]:
    return sorted(entry.dn.rdn.value for entry in made.search(base, text).entries)


def test_the_root_dse_says_what_kind_of_directory_it_is(forest: Bench) -> None:
    root = forest.read(DN())
    assert root is not None
    assert root.text("defaultNamingContext") == str(DOMAIN)
    assert root.text("configurationNamingContext") == str(CONFIGURATION)
    assert root.integer("highestCommittedUSN") == forest.agent.store.usn
    assert "1.2.840.113556.1.4.800" in root.texts("supportedCapabilities")
    assert forest.read(DN.parse(root.text("dsServiceName"))) is not None
    edge = adam().read(DN())
    assert edge is not None
    assert "1.2.840.113556.1.4.1851" in edge.texts("supportedCapabilities")
    assert not edge.has("defaultNamingContext")


def test_a_new_user_gets_what_ad_gives(forest: Bench) -> None:
    user = forest.read(FRY)
    assert user is not None
    assert user.texts("objectClass") == ("top", "person", "organizationalPerson", "user")
    assert user.text("objectCategory").startswith("CN=Person,CN=Schema,")
    assert user.guid("objectGUID") is not None
    assert user.text("name") == "Fry"
    assert user.integer("primaryGroupID") == 513
    sid = sid_text(user.first("objectSid") or b"")
    domain = forest.read(DOMAIN, "objectSid")
    assert domain is not None
    assert sid.startswith(sid_text(domain.first("objectSid") or b"") + "-11")


def test_the_same_seed_gives_the_same_identities() -> None:
    def identities() -> list[bytes | None]:
        made = ad(seed=5)
        made.add(FRY, objectClass="user", sAMAccountName="fry")
        user = made.read(FRY)
        assert user is not None
        return [user.first("objectGUID"), user.first("objectSid")]

    assert identities() == identities()


def test_an_account_name_is_unique(forest: Bench) -> None:
    answer = forest.add(USERS.child("CN", "Other"), objectClass="user", sAMAccountName="FRY")
    assert answer.code is ResultCode.ENTRY_ALREADY_EXISTS


FILTERS = [
    ("(&(objectCategory=person)(objectClass=user))", ["Administrator", "Fry"]),
    ("(objectCategory=group)", ["Crew", "Domain Admins", "Domain Users", "Everybody"]),
    ("(anr=philip fry)", ["Fry"]),
    ("(anr=fry phil)", ["Fry"]),
    ("(anr=fry@con)", ["Fry"]),
    ("(anr==Fry)", ["Fry"]),
    ("(userAccountControl:1.2.840.113556.1.4.803:=512)", ["Administrator", "Fry"]),
    ("(userAccountControl:1.2.840.113556.1.4.803:=514)", []),
    ("(userAccountControl:1.2.840.113556.1.4.804:=514)", ["Administrator", "Fry"]),
    ("(groupType:1.2.840.113556.1.4.803:=2147483648)",
     ["Crew", "Domain Admins", "Domain Users", "Everybody"]),
    (f"(memberOf={CREW})", ["Fry"]),
    (f"(memberOf:1.2.840.113556.1.4.1941:={ALL})", ["Crew", "Fry"]),
    (f"(member:1.2.840.113556.1.4.1941:={FRY})", ["Crew", "Everybody"]),
    ("(proxyAddresses=smtp:FRY@contoso.test)", ["Fry"]),
    (f"(distinguishedName={FRY})", ["Fry"]),
    ("(name=fry)", ["Fry"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "found"), FILTERS)
def test_filters_of_ad_tools_find_what_they_find_in_ad(
    forest: Bench, text: str, found: list[str]
) -> None:
    assert names(forest, text) == found


def test_an_entry_is_found_by_guid_in_a_filter_and_as_a_base(forest: Bench) -> None:
    user = forest.read(FRY)
    assert user is not None
    guid = user.first("objectGUID") or b""
    text = "".join(f"\\{byte:02x}" for byte in guid)
    assert names(forest, f"(objectGUID={text})") == ["Fry"]
    assert forest.read(DN.parse(f"<GUID={user.guid('objectGUID')}>")) == user
    sid = sid_text(user.first("objectSid") or b"")
    assert forest.read(DN.parse(f"<SID={sid}>")) == user


def test_a_well_known_container_is_found_by_its_identity(forest: Bench) -> None:
    users = "<WKGUID=A9D1CA15768811D1ADED00C04FD8D5CD,DC=contoso,DC=test>"
    found = forest.read(DN.parse(users))
    assert found is not None
    assert found.dn == USERS
    nowhere = DN.parse("<WKGUID=A9D1CA15768811D1ADED00C04FD8D5CD,no name>")
    assert forest.search(nowhere).code is ResultCode.NO_SUCH_OBJECT


def test_both_ends_of_a_link_follow_a_rename(forest: Bench) -> None:
    forest.ask(m.ModifyDnRequest(FRY, DN.of(("CN", "Philip"))))
    crew, user = forest.read(CREW), forest.read(USERS.child("CN", "Philip"))
    assert crew is not None
    assert user is not None
    assert crew.text("member") == f"CN=Philip,{USERS}"
    assert user.text("memberOf") == str(CREW)


def test_links_follow_when_a_container_above_is_moved(forest: Bench) -> None:
    staff = DOMAIN.child("OU", "Staff")
    forest.add(staff, objectClass="organizationalUnit")
    leela = staff.child("CN", "Leela")
    forest.add(leela, objectClass="user", manager=str(FRY))
    forest.ask(m.ModifyRequest(CREW, (add("member", str(leela).encode()),)))
    forest.ask(m.ModifyDnRequest(staff, DN.of(("OU", "Crew"))))
    crew = forest.read(CREW)
    assert crew is not None
    assert f"CN=Leela,OU=Crew,{DOMAIN}" in crew.texts("member")


def test_a_link_to_nobody_is_refused(forest: Bench) -> None:
    change = m.ModifyRequest(CREW, (add("member", b"CN=No,DC=contoso,DC=test"),))
    answer = forest.ask(change)
    assert answer.code is ResultCode.NO_SUCH_OBJECT
    assert answer.result.diagnostic.startswith("0000208D: NameErr: DSID-")


def test_deleting_makes_a_tombstone_and_takes_links_away(forest: Bench) -> None:
    guid = (forest.read(FRY) or pytest.fail("no entry")).guid("objectGUID")
    assert forest.ask(m.DeleteRequest(FRY)).code is ResultCode.SUCCESS
    assert forest.read(FRY) is None
    crew = forest.read(CREW)
    assert crew is not None
    assert not crew.has("member")
    (grave,) = forest.search(DOMAIN, "(isDeleted=TRUE)", ShowDeleted()).entries
    assert grave.dn == DOMAIN.child("CN", "Deleted Objects").child("CN", f"Fry\nDEL:{guid}")
    assert grave.text("lastKnownParent") == str(USERS)
    assert grave.guid("objectGUID") == guid
    assert grave.text("sAMAccountName") == "fry"
    assert not grave.has("mail")
    assert names(forest, "(isDeleted=TRUE)") == []


def test_a_tombstone_can_be_brought_back(forest: Bench) -> None:
    guid = (forest.read(FRY) or pytest.fail("no entry")).guid("objectGUID")
    forest.ask(m.DeleteRequest(FRY))
    (grave,) = forest.search(DOMAIN, "(isDeleted=TRUE)", ShowDeleted()).entries
    back = (delete("isDeleted"), replace("distinguishedName", str(FRY).encode()))
    assert forest.ask(m.ModifyRequest(grave.dn, back)).code is ResultCode.NO_SUCH_OBJECT
    assert forest.ask(m.ModifyRequest(grave.dn, back), ShowDeleted()).code is ResultCode.SUCCESS
    again = forest.read(FRY)
    assert again is not None
    assert again.guid("objectGUID") == guid
    assert not again.has("isDeleted")


def test_tombstones_end_with_their_lifetime(forest: Bench) -> None:
    forest.ask(m.DeleteRequest(FRY))
    forest.clock.advance(timedelta(days=179))
    assert forest.agent.collect_garbage() == 0
    forest.clock.advance(timedelta(days=2))
    assert forest.agent.collect_garbage() == 1
    assert forest.search(DOMAIN, "(isDeleted=TRUE)", ShowDeleted()).entries == []
    assert forest.agent.store.verify() == []


def test_a_tree_delete_leaves_a_tombstone_for_each(forest: Bench) -> None:
    staff = DOMAIN.child("OU", "Staff")
    forest.add(staff, objectClass="organizationalUnit")
    forest.add(staff.child("CN", "A"), objectClass="user")
    assert forest.ask(m.DeleteRequest(staff), TreeDelete()).code is ResultCode.SUCCESS
    assert len(forest.search(DOMAIN, "(isDeleted=TRUE)", ShowDeleted()).entries) == 2
    assert forest.agent.store.verify() == []


REFUSALS = [
    (m.ModifyRequest(FRY, (replace("objectGUID", b"x" * 16),)), ResultCode.CONSTRAINT_VIOLATION,
     "000020B1: AtrErr"),
    (m.ModifyRequest(FRY, (replace("whenCreated", b"20260101000000.0Z"),)),
     ResultCode.CONSTRAINT_VIOLATION, "000020B1: AtrErr"),
    (m.ModifyRequest(FRY, (add("nonsense", b"x"),)), ResultCode.NO_SUCH_ATTRIBUTE, "00000057: "),
    (m.ModifyRequest(FRY, (delete("title"),)), ResultCode.NO_SUCH_ATTRIBUTE, "00002085: AtrErr"),
    (m.ModifyRequest(FRY, (replace("objectClass", b"group"),)),
     ResultCode.OBJECT_CLASS_MODS_PROHIBITED, ""),
    (m.DeleteRequest(USERS), ResultCode.NOT_ALLOWED_ON_NON_LEAF, "00002015: UpdErr"),
    (m.DeleteRequest(DOMAIN), ResultCode.UNWILLING_TO_PERFORM, "0000209A: SvcErr"),
    (m.ModifyDnRequest(FRY, DN.of(("CN", "Crew"))), ResultCode.ENTRY_ALREADY_EXISTS,
     "00000524: UpdErr"),
    (m.ModifyDnRequest(FRY, DN.of(("CN", "Fry")), True, CONFIGURATION),
     ResultCode.AFFECTS_MULTIPLE_DSAS, ""),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "code", "text"), REFUSALS)
def test_refusals_have_ads_codes_and_strings(
    forest: Bench, request_: m.Request, code: ResultCode, text: str
) -> None:
    answer = forest.ask(request_)
    assert answer.code is code
    assert answer.result.diagnostic.startswith(text)


def test_names_carry_identities_when_extended_dn_is_asked_for(forest: Bench) -> None:
    (entry,) = forest.search(CREW, "(cn=Crew)", ExtendedDn(option=1)).entries
    user = forest.read(FRY)
    assert user is not None
    shown = entry.text("member")
    guid, sid = user.guid("objectGUID"), sid_text(user.first("objectSid") or b"")
    assert shown == f"<GUID={guid}>;<SID={sid}>;{FRY}"


def test_large_attributes_come_in_ranges() -> None:
    made = ad()
    members = []
    for n in range(1600):
        dn = USERS.child("CN", f"u{n}")
        made.add(dn, objectClass="contact")
        members.append(str(dn))
    made.add(CREW, objectClass="group", member=tuple(members))
    over_the_wire = made.bound("CONTOSO\\Administrator", b"correct horse")
    over_the_wire.deliver = lambda *_: None
    first = made.read(CREW, "member", session=over_the_wire)
    assert first is not None
    assert len(first.values("member;range=0-1499")) == 1500
    rest = made.read(CREW, "member;range=1500-*", session=over_the_wire)
    assert rest is not None
    assert len(rest.values("member;range=1500-*")) == 100
    some = made.read(CREW, "member;range=3-5")
    assert some is not None
    assert some.texts("member;range=3-5") == tuple(members[3:6])
    whole = made.read(CREW)
    assert whole is not None
    assert len(whole.values("member")) == 1600  # callers in this process get it all


def test_constructed_attributes_are_shown_only_by_name(forest: Bench) -> None:
    plain = forest.read(FRY, "*")
    asked = forest.read(FRY, "canonicalName", "tokenGroups", "allowedAttributes")
    assert plain is not None
    assert asked is not None
    assert not plain.has("canonicalName")
    assert asked.text("canonicalName") == "contoso.test/Users/Fry"
    assert len(asked.values("tokenGroups")) == 3  # primary group, Crew, Everybody
    assert b"mail" in asked.values("allowedAttributes")


def test_a_search_without_a_base_is_for_the_global_catalog(forest: Bench) -> None:
    assert forest.search(DN(), "(cn=Fry)").code is ResultCode.NO_SUCH_OBJECT


def test_a_global_catalog_shows_a_part_of_everything_and_takes_no_changes(forest: Bench) -> None:
    forest.ask(m.ModifyRequest(FRY, (replace("info", b"not in the catalog"),)))
    catalog = forest.bound("CONTOSO\\Administrator", b"correct horse")
    catalog.is_global_catalog = True
    (entry,) = forest.search(DN(), "(cn=Fry)", session=catalog).entries
    assert entry.text("mail") == "fry@contoso.test"
    assert not entry.has("info")
    change = m.ModifyRequest(FRY, (replace("title", b"x"),))
    assert forest.ask(change, session=catalog).code is ResultCode.UNWILLING_TO_PERFORM


def test_adam_has_an_application_partition_and_no_account_names() -> None:
    edge = adam()
    dn = GATEWAY.child("CN", "Recipients")
    assert edge.add(dn, objectClass="container").code is ResultCode.SUCCESS
    person = dn.child("CN", "p")
    assert edge.add(person, objectClass="user", proxyAddresses="sh:x").code is ResultCode.SUCCESS
    entry = edge.read(person)
    assert entry is not None
    assert entry.has("objectSid")
    assert not entry.has("sAMAccountName")
    group = dn.child("CN", "g")
    assert edge.add(group, objectClass="group", member=str(person)).code is ResultCode.SUCCESS
    assert edge.search(GATEWAY, f"(memberOf={group})").names == [str(person)]
