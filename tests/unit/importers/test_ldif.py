"""LDIF from other directories gives recipients; a bad line is named with its file."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.model.ldif import parse_ldif
from edgesync.errors import InputInvalid
from edgesync.lab.importers.ldif import read_people, without_search_results
from edgesync.organization.names import ForestNames
from tests.support.peers import require_data

NAMES = ForestNames.of("contoso.test", "Contoso")

SEARCH_OUTPUT = """\
# extended LDIF
#
# LDAPv3
# base <dc=other,dc=test> with scope subtree
#

# A, other.test
dn: cn=A,dc=other,dc=test
objectClass: person
cn: A
mail: a@other.test
description: search: 7

# search reference
ref: ldap://child.other.test/dc=child,dc=other,dc=test

# search result
search: 2
result: 0 Success
text: all is well

# numResponses: 3
"""


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "people.ldif"
    path.write_bytes(text.encode(encoding))
    return path


def test_the_real_people_and_groups_are_taken() -> None:
    found = read_people(require_data("planet-express"), NAMES)
    assert {r.name for r in found.recipients} == {
        "Amy Wong", "Bender Bending Rodriguez", "Philip J. Fry", "Hermes Conrad", "Turanga Leela",
        "Hubert J. Farnsworth", "John A. Zoidberg",
    }  # fmt: skip
    assert found.domains == ("planetexpress.com",)
    assert found.taken == ("people: 7", "groups: 2", "photos: 5")
    assert "passwords: 7" in found.ignored
    assert "msad-schema.ldif: 2 change records" in found.ignored
    users = {entry.text("cn"): entry for entry in found.entries}
    assert users["Philip J. Fry"].values("jpegPhoto")[0].startswith(b"\xff\xd8\xff")
    assert len(users["ship_crew"].values("member")) == 3


def test_output_of_ldapsearch_is_read_with_its_results_and_referrals(tmp_path: Path) -> None:
    found = read_people(write(tmp_path, SEARCH_OUTPUT), NAMES)
    assert [r.mail for r in found.recipients] == ["a@other.test"]
    assert found.entries[0].text("description") == "search: 7"


def test_dropping_search_results_keeps_every_line_where_it_was() -> None:
    changed = without_search_results(SEARCH_OUTPUT.encode())
    assert changed.count(b"\n") == SEARCH_OUTPUT.count("\n")
    assert len(parse_ldif(changed.decode())) == 1


def test_an_export_of_ldifde_is_read(tmp_path: Path) -> None:
    text = (
        "dn: CN=Zoë,CN=Users,DC=other,DC=test\r\nchangetype: add\r\nobjectClass: user\r\n"
        "cn:: Wm/Dqw==\r\nmail: zoe@other.test\r\n\r\n"
        "dn: CN=Old,DC=other,DC=test\r\nchangetype: delete\r\n"
    )
    found = read_people(write(tmp_path, text, "utf-16"), NAMES)
    assert [r.name for r in found.recipients] == ["Zoë"]
    assert found.ignored == ("people.ldif: 1 change records",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dn: cn=A\nobjectClass\n", "people.ldif, line 2: no ':' in this line"),
        ("dn: nonsense\ncn: A\n", "people.ldif, line 1: "),
        ("dn: cn=A\njpegPhoto:: %%%\n", "people.ldif, line 2: not base64"),
        ("dn: cn=A\njpegPhoto:< file:///etc/passwd\n", "people.ldif, line 2: value from file:///"),
        ("search: 2\nresult: 0 Success\n", "people.ldif, line 1: expected 'dn:'"),
    ],
)
def test_a_malformed_file_is_refused_by_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        read_people(write(tmp_path, text), NAMES)
    assert caught.value.message.startswith(message)


def test_a_folder_without_ldif_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"no \*\.ldif file"):
        read_people(tmp_path, NAMES)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ldif") / "x.ldif"


@given(st.binary(max_size=300))
def test_any_bytes_as_ldif(scratch: Path, data: bytes) -> None:
    scratch.write_bytes(b"dn: cn=A,dc=o\nobjectClass: person\nmail: a@x.test\n" + data)
    with contextlib.suppress(InputInvalid):
        read_people(scratch, NAMES)


@given(st.dictionaries(
    st.sampled_from(["cn", "mail", "proxyAddresses", "objectGUID", "member", "groupType",
                     "msExchRequireAuthToSendTo", "displayName", "uid", "description"]),
    st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=3)),
    st.sampled_from(["person", "group"]))  # fmt: skip
def test_any_values_in_an_entry(scratch: Path, values: dict[str, list[bytes]], kind: str) -> None:
    lines = [f"{n}:: {b64encode(v).decode()}" for n, vs in values.items() for v in vs]
    scratch.write_text(f"dn: cn=A,dc=o\nobjectClass: {kind}\n" + "\n".join(lines) + "\n")
    with contextlib.suppress(InputInvalid):
        read_people(scratch, NAMES)
