"""Every tool of OpenLDAP's ldap-utils does its work here, with each control it knows."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.directory_process import ADMIN, PASSWORD, Served
from tests.support.peers import require_tool

pytestmark = pytest.mark.peers

PEOPLE = "ou=people,dc=example,dc=com"
Tool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tool(directory: Served, authority: tuple[Path, Path]) -> Tool:
    """Run one of the tools as the administrator."""
    folder = Path(require_tool("ldapsearch")).parent
    environment = os.environ | {"LDAPTLS_CACERT": str(authority[0])}

    def run(
        name: str,
        *arguments: str,
        stdin: str = "",
        url: str = "",
        bind: tuple[str, ...] = ("-D", ADMIN, "-w", PASSWORD),
        expect: int = 0,
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [str(folder / name), "-x", "-H", url or directory.ldap, *bind, *arguments],
            input=stdin, env=environment, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert result.returncode == expect, f"{result.args}\n{result.stdout}\n{result.stderr}"
        return result

    return run


def _search(tool: Tool, *arguments: str, base: str = PEOPLE, expect: int = 0) -> str:
    return tool("ldapsearch", "-LLL", "-b", base, *arguments, expect=expect).stdout


def _people(output: str) -> list[str]:
    return [line[8:12] for line in output.splitlines() if line.startswith("dn: uid=")]


# search ----------------------------------------------------------------------------------------


def test_the_root_dse_is_open_to_everyone(tool: Tool) -> None:
    output = tool("ldapsearch", "-LLL", "-s", "base", "-b", "", "*", "+", bind=()).stdout
    assert "namingContexts: dc=example,dc=com" in output
    assert "supportedLDAPVersion: 3" in output
    assert "supportedControl: 1.2.840.113556.1.4.319" in output
    assert "supportedExtension: 1.3.6.1.4.1.4203.1.11.3" in output


def test_a_person_is_found_by_any_of_their_addresses(tool: Tool) -> None:
    for mail in ("anna@example.com", "A.Bakker@Example.COM"):
        output = _search(tool, f"(mail={mail})", "cn")
        assert output == f"dn: uid=anna,{PEOPLE}\ncn: Anna Bakker\n\n"


def test_a_name_that_is_not_ascii_comes_as_base64(tool: Tool) -> None:
    output = _search(tool, "(sn=müller)", "sn")
    assert f"sn:: {base64.b64encode('Müller'.encode()).decode()}" in output


@pytest.mark.parametrize(
    ("filter_text", "found"),
    [
        ("(&(objectClass=inetOrgPerson)(!(uid=anna)))", ["bram", "cees"]),
        ("(|(uid=anna)(uid=cees))", ["anna", "cees"]),
        ("(cn=*a*)", ["anna", "bram"]),
        ("(cn=Anna*ker)", ["anna"]),
        ("(employeeNumber=2)", ["bram"]),
        ("(sn~=visser)", ["bram"]),
        ("(cn:caseIgnoreMatch:=anna bakker)", ["anna"]),
        ("(uid:caseExactMatch:=ANNA)", []),
        ("(ou:dn:=people)", ["anna", "bram", "cees"]),
        ("(unknownAttribute=x)", []),
        ("(!(unknownAttribute=x))", []),
        ("(&)", ["anna", "bram", "cees"]),
        ("(|)", []),
    ],
)
def test_filters_find_what_they_should(tool: Tool, filter_text: str, found: list[str]) -> None:
    assert sorted(_people(_search(tool, filter_text, "1.1"))) == found


def test_scopes_and_selections_are_kept(tool: Tool) -> None:
    assert _people(_search(tool, "-s", "one", "(uid=*)", "1.1", base="dc=example,dc=com")) == []
    assert "dn: ou=people" not in _search(tool, "-s", "children", "1.1")
    names_only = _search(tool, "-A", "(uid=anna)", "cn")
    assert names_only == f"dn: uid=anna,{PEOPLE}\ncn:\n\n"
    assert "structuralObjectClass" not in _search(tool, "(uid=anna)")
    assert "entryUUID" in _search(tool, "(uid=anna)", "+")


def test_limits_end_a_search_with_what_was_found(tool: Tool) -> None:
    output = _search(tool, "-z", "2", "(uid=*)", "1.1", expect=4)
    assert len(_people(output)) == 2


def test_a_password_never_leaves_the_directory(tool: Tool) -> None:
    assert "userPassword" not in _search(tool, "(uid=anna)", "*", "+", "userPassword")


def test_what_is_not_there_has_the_name_of_what_is(tool: Tool) -> None:
    output = tool("ldapsearch", "-b", f"cn=x,uid=anna,{PEOPLE}", expect=32)
    assert f"matchedDN: uid=anna,{PEOPLE}" in output.stdout


# controls of ldapsearch ------------------------------------------------------------------------


def test_pages_together_are_the_whole(tool: Tool) -> None:
    output = _search(tool, "-E", "pr=1/noprompt", "(uid=*)", "1.1")
    assert sorted(_people(output)) == ["anna", "bram", "cees"]


def test_sorting_up_and_down(tool: Tool) -> None:
    assert _people(_search(tool, "-E", "!sss=cn", "(uid=*)", "1.1")) == ["anna", "bram", "cees"]
    assert _people(_search(tool, "-E", "!sss=-cn", "(uid=*)", "1.1")) == ["cees", "bram", "anna"]


def test_a_virtual_list_view_shows_its_window(directory: Served) -> None:
    """ldapsearch then asks on its terminal for the next window, for ever where there is none."""
    command = [require_tool("ldapsearch"), "-x", "-H", directory.ldap, "-D", ADMIN, "-w", PASSWORD]
    command += ["-LLL", "-b", PEOPLE, "-E", "!sss=cn", "-E", "!vlv=0/0/2/3", "(uid=*)", "1.1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"dn: uid=bram,{PEOPLE}\n".encode()
        process.kill()


def test_matched_values_shows_only_those(tool: Tool) -> None:
    output = _search(tool, "-E", "!mv=(mail=a.*)", "(uid=anna)", "mail")
    assert output == f"dn: uid=anna,{PEOPLE}\nmail: a.bakker@example.com\n\n"


def test_subentries_are_shown_when_asked_for(tool: Tool) -> None:
    assert _people(_search(tool, "-E", "!subentries=true", "(uid=*)", "1.1")) == []
    assert len(_people(_search(tool, "-E", "!subentries=false", "(uid=*)", "1.1"))) == 3


@pytest.mark.parametrize("control", ["!domainScope", "!dontUseCopy"])
def test_controls_without_effect_here_are_accepted(tool: Tool, control: str) -> None:
    assert _people(_search(tool, "-E", control, "(uid=anna)", "1.1")) == ["anna"]


def test_a_refresh_ends_with_a_cookie(tool: Tool) -> None:
    output = tool("ldapsearch", "-b", PEOPLE, "-E", "!sync=ro", "(uid=anna)", "1.1").stdout
    assert f"dn: uid=anna,{PEOPLE}" in output
    assert "SyncState" in output or "sync" in output.lower()


@pytest.mark.parametrize("control", ["1.2.3.4", "1.2.3.4=:value"])
def test_unknown_controls_are_ignored_unless_critical(tool: Tool, control: str) -> None:
    assert _people(_search(tool, "-E", control, "(uid=anna)", "1.1")) == ["anna"]
    tool("ldapsearch", "-b", PEOPLE, "-E", f"!{control}", "(uid=anna)", expect=12)


def test_an_assertion_decides_whether_a_search_is_made(tool: Tool) -> None:
    tool("ldapsearch", "-b", PEOPLE, "-e", "!assert=(ou=people)", "(uid=anna)", "1.1")
    tool("ldapsearch", "-b", PEOPLE, "-e", "!assert=(ou=other)", "(uid=anna)", "1.1", expect=122)


# updates ---------------------------------------------------------------------------------------


def test_an_entry_lives_from_add_to_delete(tool: Tool) -> None:
    dn = f"uid=dirk,{PEOPLE}"
    entry = f"dn: {dn}\nobjectClass: inetOrgPerson\nuid: dirk\ncn: Dirk\nsn: Smit\n"
    tool("ldapadd", stdin=entry)
    tool("ldapadd", stdin=entry, expect=68)
    tool(
        "ldapmodify",
        stdin=f"dn: {dn}\nchangetype: modify\nadd: mail\nmail: dirk@example.com\n-\n"
        "increment: employeeNumber\nemployeeNumber: 1\n",
        expect=16,
    )
    tool("ldapmodify", stdin=f"dn: {dn}\nchangetype: modify\nadd: mail\nmail: d@example.com\n")
    assert tool("ldapcompare", dn, "mail:D@EXAMPLE.com", expect=6).stdout.strip() == "TRUE"
    assert tool("ldapcompare", dn, "mail:x@example.com", expect=5).stdout.strip() == "FALSE"
    tool("ldapmodrdn", "-r", dn, "uid=dick")
    assert "uid: dick\n" in _search(tool, "(uid=dick)", "uid")
    tool("ldapmodrdn", "-s", "dc=example,dc=com", f"uid=dick,{PEOPLE}", "uid=dick")
    tool("ldapdelete", "uid=dick,dc=example,dc=com")
    tool("ldapdelete", "uid=dick,dc=example,dc=com", expect=32)


def test_a_subtree_goes_at_once_with_the_tree_delete_control(tool: Tool) -> None:
    tool(
        "ldapadd",
        stdin="dn: ou=tree,dc=example,dc=com\nobjectClass: organizationalUnit\nou: tree\n\n"
        "dn: ou=leaf,ou=tree,dc=example,dc=com\nobjectClass: organizationalUnit\nou: leaf\n",
    )
    tool("ldapdelete", "ou=tree,dc=example,dc=com", expect=66)
    tool(
        "ldapmodify",
        stdin="dn: ou=tree,dc=example,dc=com\ncontrol: 1.2.840.113556.1.4.805 true\n"
        "changetype: delete\n",
    )
    tool("ldapsearch", "-b", "ou=tree,dc=example,dc=com", expect=32)


def test_before_and_after_of_a_change_are_returned(tool: Tool) -> None:
    change = f"dn: uid=cees,{PEOPLE}\nchangetype: modify\nreplace: title\ntitle: {{}}\n"
    tool("ldapmodify", stdin=change.format("first"))
    output = tool(
        "ldapmodify", "-e", "!preread=title", "-e", "!postread=title", stdin=change.format("second")
    ).stdout
    assert "title: first" in output
    assert "title: second" in output


def test_the_schema_is_enforced(tool: Tool) -> None:
    dn = f"uid=eva,{PEOPLE}"
    tool("ldapadd", stdin=f"dn: {dn}\nobjectClass: inetOrgPerson\nuid: eva\ncn: E\n", expect=65)
    tool("ldapadd", stdin=f"dn: {dn}\nobjectClass: nonsense\nuid: eva\n", expect=21)
    change = f"dn: uid=anna,{PEOPLE}\nchangetype: modify\nadd: nonsense\nnonsense: x\n"
    tool("ldapmodify", stdin=change, expect=17)


# authentication and extended operations --------------------------------------------------------


def test_whoami_answers_with_the_bound_name(tool: Tool) -> None:
    assert tool("ldapwhoami").stdout.strip() == f"dn:{ADMIN}"
    assert tool("ldapwhoami", bind=()).stdout.strip() == "anonymous"
    anna = ("-D", f"uid=anna,{PEOPLE}", "-w", "anna-password")
    assert tool("ldapwhoami", bind=anna).stdout.strip() == f"dn:uid=anna,{PEOPLE}"


def test_a_wrong_password_is_refused(tool: Tool) -> None:
    tool("ldapwhoami", bind=("-D", f"uid=anna,{PEOPLE}", "-w", "wrong"), expect=49)


def test_a_password_is_changed_and_the_new_one_counts(tool: Tool) -> None:
    bram = f"uid=bram,{PEOPLE}"
    tool("ldappasswd", "-s", "new-password", bram)
    tool("ldapwhoami", bind=("-D", bram, "-w", "bram-password"), expect=49)
    own = ("-D", bram, "-w", "new-password")
    tool("ldappasswd", "-a", "new-password", "-s", "bram-password", bind=own)
    tool("ldapwhoami", bind=("-D", bram, "-w", "bram-password"))
    generated = tool("ldappasswd", bram).stdout
    assert "New password: " in generated
    tool("ldappasswd", "-s", "bram-password", bram)


def test_ldapexop_asks_who_it_is_and_meets_refusals(tool: Tool) -> None:
    assert f"dn:{ADMIN}" in tool("ldapexop", "whoami").stdout
    assert "Protocol error (2)" in tool("ldapexop", "1.2.3.4", expect=1).stderr
    assert "(119)" in tool("ldapexop", "cancel", "77", expect=1).stderr


def test_starttls_and_ldaps_work_with_the_certificate(tool: Tool, directory: Served) -> None:
    assert tool("ldapwhoami", "-ZZ").stdout.strip() == f"dn:{ADMIN}"
    assert tool("ldapwhoami", url=directory.ldaps).stdout.strip() == f"dn:{ADMIN}"
