"""LDIF as RFC 2849 shows it, as ldifde writes it, and as people get it wrong."""

from __future__ import annotations

import io

import pytest

from directory.errors import InvalidLdif
from directory.model.controls import UnknownControl
from directory.model.dn import DN
from directory.model.ldif import ChangeRecord, ContentRecord, parse_ldif, read_ldif
from directory.model.messages import AddRequest, DeleteRequest, ModifyDnRequest, ModifyRequest
from directory.model.modification import Modification, ModifyOperation

EXAMPLE_2 = """\
version: 1
dn:cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com
objectclass:top
objectclass:person
cn:Barbara Jensen
sn:Jensen
description:Babs is a big sailing fan, and travels extensively in sea
 rch of perfect sailing conditions.
title:Product Manager, Rod and Reel Division
"""

EXAMPLE_6 = """\
version: 1
# Add a new entry
dn: cn=Fiona Jensen, ou=Marketing, dc=airius, dc=com
changetype: add
objectclass: person
cn: Fiona Jensen

# Delete an existing entry
dn: cn=Robert Jensen, ou=Marketing, dc=airius, dc=com
changetype: delete

# Modify an entry's relative distinguished name
dn: cn=Paul Jensen, ou=Product Development, dc=airius, dc=com
changetype: modrdn
newrdn: cn=Paula Jensen
deleteoldrdn: 1

# Rename an entry and move all of its children to a new location
dn: ou=PD Accountants, ou=Product Development, dc=airius, dc=com
changetype: modrdn
newrdn: ou=Product Development Accountants
deleteoldrdn: 0
newsuperior: ou=Accounting, dc=airius, dc=com

# Modify an entry: add an additional value, delete, replace, delete a specific value
dn: cn=Paula Jensen, ou=Product Development, dc=airius, dc=com
changetype: modify
add: postaladdress
postaladdress: 123 Anystreet $ Sunnyvale, CA $ 94086
-
delete: description
-
replace: telephonenumber
telephonenumber: +1 408 555 1234
telephonenumber: +1 408 555 5678
-
delete: facsimiletelephonenumber
facsimiletelephonenumber: +1 408 555 9876
-
"""


def test_a_folded_line_is_one_value() -> None:
    """RFC 2849 example 2."""
    [record] = parse_ldif(EXAMPLE_2)
    assert isinstance(record, ContentRecord)
    assert record.entry.text("description").endswith("in search of perfect sailing conditions.")
    assert record.entry.dn == DN.parse("cn=Barbara Jensen,ou=Product Development,dc=airius,dc=com")


def test_each_kind_of_change_is_read() -> None:
    """RFC 2849 example 6."""
    add, delete, rename, move, modify = parse_ldif(EXAMPLE_6)
    assert isinstance(add, ChangeRecord)
    assert isinstance(add.request, AddRequest)
    assert isinstance(delete, ChangeRecord)
    assert isinstance(delete.request, DeleteRequest)
    assert isinstance(rename, ChangeRecord)
    assert isinstance(rename.request, ModifyDnRequest)
    assert (rename.request.delete_old_rdn, rename.request.new_superior) == (True, None)
    assert isinstance(move, ChangeRecord)
    assert isinstance(move.request, ModifyDnRequest)
    assert move.request.new_superior == DN.parse("ou=Accounting,dc=airius,dc=com")
    assert isinstance(modify, ChangeRecord)
    assert isinstance(modify.request, ModifyRequest)
    assert [m.operation for m in modify.request.modifications] == [
        ModifyOperation.ADD, ModifyOperation.DELETE, ModifyOperation.REPLACE,
        ModifyOperation.DELETE,
    ]  # fmt: skip
    assert modify.request.modifications[1] == Modification(ModifyOperation.DELETE, "description")


def test_a_control_keeps_oid_criticality_and_value() -> None:
    """RFC 2849 example 7."""
    [record] = parse_ldif(
        "dn: ou=Product Development,dc=airius,dc=com\n"
        "control: 1.2.840.113556.1.4.805 true\ncontrol: 1.2.3: text\ncontrol: 1.2.4 false:: AQI=\n"
        "changetype: delete\n"
    )
    assert isinstance(record, ChangeRecord)
    assert record.controls == (
        UnknownControl(type="1.2.840.113556.1.4.805", critical=True),
        UnknownControl(type="1.2.3", value=b"text"),
        UnknownControl(type="1.2.4", value=b"\x01\x02"),
    )


def test_base64_and_empty_values_are_values() -> None:
    [record] = parse_ldif("dn:: Y249w6R1\na:: AAE=\nb:\nb:   spaces before are not part of it\n")
    assert isinstance(record, ContentRecord)
    assert record.entry.dn == DN.parse("cn=äu")
    assert record.entry.values("a") == (b"\x00\x01",)
    assert record.entry.values("b") == (b"", b"spaces before are not part of it")


def test_names_in_another_case_are_the_same_attribute() -> None:
    [record] = parse_ldif("dn: cn=a\nMail: one\nmail: two\n")
    assert isinstance(record, ContentRecord)
    assert dict(record.entry.attributes) == {"Mail": (b"one", b"two")}


def test_a_url_is_refused_unless_the_caller_reads_it() -> None:
    """A file from a stranger must not read files of ours."""
    text = "dn: cn=a\njpegPhoto:< file:///etc/hostname\n"
    with pytest.raises(InvalidLdif, match="not allowed"):
        parse_ldif(text)
    [record] = parse_ldif(text, read_url=lambda url: url.encode())
    assert isinstance(record, ContentRecord)
    assert record.entry.values("jpegPhoto") == (b"file:///etc/hostname",)


def test_what_ldifde_writes_is_read() -> None:
    """UTF-16 with a mark, CR LF, changetype add on exports, no '-' after the last change."""
    text = (
        "dn: CN=Müller,DC=contoso,DC=test\r\nchangetype: add\r\nobjectClass: contact\r\n\r\n\r\n"
        "dn: CN=G,DC=contoso,DC=test\r\nchangetype: modify\r\nadd: member\r\n"
        "member: CN=Müller,DC=contoso,DC=test\r\n\r\n"
        "dn: CN=X,CN=Schema\r\nchangetype: ntdsSchemaModify\r\nreplace: rangeUpper\r\n"
        "rangeUpper: 5\r\n-\r\n"
    )
    for octets in (text.encode("utf-16"), text.encode("utf-8-sig"), text.encode()):
        first, second, third = list(read_ldif(io.BytesIO(octets)))
        assert isinstance(first, ChangeRecord)
        assert isinstance(first.request, AddRequest)
        assert first.request.entry.dn.rdn.value == "Müller"
        assert isinstance(second, ChangeRecord)
        assert isinstance(third, ChangeRecord)
        assert isinstance(third.request, ModifyRequest)


WRONG = [
    ("dn: CN=A\ncn: a\nJ\r\rn: b\n", 3, "not an attribute name"),
    ("dn: CN=A\nchangetype: modify\ndelete: a\u00e9\n-\n", 3, "is not an attribute name"),
    ("dn: cn=a\ncn: a\n\nthis is no line\n", 4, "no ':'"),
    ("cn: a\n", 1, "expected 'dn:'"),
    ("dn: cn=a\n", 1, "ends after its dn"),
    ("\n\ndn: no dn\ncn: a\n", 3, "attribute type"),
    ("dn: cn=a\ncn:: !!!\n", 2, "base64"),
    ("dn: cn=a\n# remark\n folded remark\ncn: fol\n ded\nbad name: x\n", 6, "attribute name"),
    ("version: 2\ndn: cn=a\ncn: a\n", 1, "version"),
    ("dn: cn=a\nchangetype: explode\n", 2, "changetype"),
    ("dn: cn=a\nchangetype: delete\ncn: a\n", 3, "nothing after"),
    ("dn: cn=a\nchangetype: modify\nreplace: cn\nsn: a\n", 4, "in a change of"),
    ("dn: cn=a\nchangetype: modify\nmultiply: cn\n", 3, "expected add"),
    ("dn: cn=a\nchangetype: modrdn\nnewrdn: cn=b\n", 3, "deleteoldrdn"),
    ("dn: cn=a\nchangetype: modrdn\nnewrdn: cn=b\ndeleteoldrdn: yes\n", 4, "0 or 1"),
    ("dn: cn=a\ncontrol: 1.2 maybe\nchangetype: delete\n", 2, "a control is"),
    (" dn: cn=a\ncn: a\n", 1, "continues nothing"),
]


@pytest.mark.parametrize(("text", "line", "reason"), WRONG, ids=[w[2] for w in WRONG])
def test_an_error_names_its_line_and_reason(text: str, line: int, reason: str) -> None:
    with pytest.raises(InvalidLdif, match=reason) as refusal:
        parse_ldif(text)
    assert refusal.value.line == line
