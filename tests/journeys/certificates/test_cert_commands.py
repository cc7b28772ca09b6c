"""The certificate commands on a lab in a folder, in both vocabularies, as a person types them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import stat
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgesync.cli.main import main
from tests.support.program import ROOT, Program

pytestmark = pytest.mark.fact("certificate-facts 2.1")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """The command line in this process: as fast as a function, as strict as a process."""

    lab: Path

    def run(self, *words: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = main(["--lab", str(self.lab), *words])
            except SystemExit as end:
                code = int(end.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    def ok(self, *words: str) -> Done:
        done = self.run(*words)
        assert done.code == 0, f"{words}: {done.code}\n{done.out}{done.err}"
        return done

    def json(self, *words: str) -> Any:
        return json.loads(self.ok(*words, "-o", "json").out)

    def certificates(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json("cert", "list", *words)["certificates"]
        return found

    def internal(self, server: str) -> str:
        return next(str(c["thumbprint"]) for c in self.certificates(server) if c["is_internal"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates") / "lab"
    Shell(folder).ok("lab", "new", "--recipients", "2", "--version", "exchange-2007")
    return folder


@pytest.fixture
def shell(made: Path, tmp_path: Path) -> Shell:
    shutil.copytree(made, tmp_path / "lab")
    return Shell(tmp_path / "lab")


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("a secret\n")
    return str(path)


def test_every_server_has_the_certificate_of_its_setup(shell: Shell) -> None:
    found = {c["server"]: c for c in shell.certificates()}
    assert {name: c["services_column"] for name, c in found.items() if name != "AD"} == {
        "HUB01": "....S", "HUB02": "....S", "HUB03": "....S", "CAS01": "IP.W.", "UM01": "..U..",
        "EDGE01": "....S", "EDGE02": "....S",
    }  # fmt: skip
    assert {c["status"] for c in found.values()} == {"Valid"}
    assert "PRIVATE" not in json.dumps(list(found.values()))


def test_the_list_has_every_format_of_the_contract(shell: Shell) -> None:
    table = shell.ok("cert", "list", "HUB01").out.splitlines()
    assert table[0].split() == ["Server", "Thumbprint", "Services", "Subject", "Status", "NotAfter"]
    rows = [json.loads(line) for line in shell.ok("cert", "list", "-o", "jsonl").out.splitlines()]
    assert len(rows) == 7
    sheet = list(csv.DictReader(io.StringIO(shell.ok("cert", "list", "-o", "csv").out)))
    assert [row["thumbprint"] for row in sheet] == [row["thumbprint"] for row in rows]
    assert len(rows[0]["thumbprint"]) == 40
    assert rows[0]["not_after"].endswith("Z")


def test_renewal_with_yes_replaces_the_default_and_with_no_does_not(shell: Shell) -> None:
    old = shell.internal("EDGE01")
    kept = shell.ok("cert", "renew", "EDGE01", "--no")
    assert "was not replaced" in kept.err
    assert shell.internal("EDGE01") == old
    document = shell.json("cert", "renew", "EDGE01", "--yes")
    assert document["published"]
    assert shell.internal("EDGE01") == document["certificate"]["thumbprint"] != old


def test_without_a_terminal_exchanges_default_answer_is_taken_and_said(shell: Shell) -> None:
    old = shell.internal("HUB01")
    done = shell.ok("cert", "renew", "HUB01")
    assert "Overwrite existing default SMTP certificate" in done.err
    assert "answered Yes" in done.err
    assert shell.internal("HUB01") != old


def test_the_same_commands_give_the_same_bytes_on_another_lab(made: Path, tmp_path: Path) -> None:
    thumbprints = []
    for name in ("one", "two"):
        shutil.copytree(made, tmp_path / name)
        item = Shell(tmp_path / name)
        thumbprints.append(item.json("cert", "renew", "EDGE01", "--yes")["stored"])
    assert thumbprints[0] == thumbprints[1]


def test_cmdlets_take_exchanges_words(shell: Shell, secret: str, tmp_path: Path) -> None:
    done = shell.ok(
        "new-exchangecertificate", "-Server", "HUB01", "-DomainName", "mail.contoso.test,hub01",
        "-SubjectName", "CN=mail.contoso.test", "-IncludeAcceptedDomains", "-KeySize", "4096",
        "-PrivateKeyExportable", "$true", "-FriendlyName", "Mail", "-Services", "SMTP,IIS",
        "-Force",
    )  # fmt: skip
    assert "...WS" in done.out
    (item,) = [c for c in shell.certificates("HUB01") if c["friendly_name"] == "Mail"]
    assert item["domains"][:2] == ["mail.contoso.test", "hub01"]
    assert (item["key_size"], item["exportable"]) == (4096, True)
    mark = item["thumbprint"]

    target = tmp_path / "mail.pfx"
    shell.ok(
        "Export-ExchangeCertificate", "-Thumbprint", mark, "-Password", secret, "-Path", str(target)
    )
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    shell.ok("Import-ExchangeCertificate", "-Server", "CAS01", "-Path", str(target),
             "-Password", secret)  # fmt: skip
    shell.ok("Enable-ExchangeCertificate", "-Identity", f"CAS01\\{mark}", "-Services", "IIS")
    shown = {c["thumbprint"]: c for c in shell.certificates("CAS01")}
    assert shown[mark]["services"] == ["IIS"]
    assert all("IIS" not in c["services"] for t, c in shown.items() if t != mark)
    shell.ok(
        "Remove-ExchangeCertificate", "-Server", "CAS01", "-Thumbprint", mark, "-Confirm:$false"
    )
    assert mark not in {c["thumbprint"] for c in shell.certificates("CAS01")}


@pytest.mark.fact("certificate-facts 2.2")
def test_get_with_a_domain_name_puts_the_selected_one_first(shell: Shell) -> None:
    shell.ok("cert", "renew", "HUB01", "--no")
    selected = shell.json("cert", "select", "HUB01", "--fqdn", "hub01.contoso.test")["chosen"]
    first = shell.json(
        "Get-ExchangeCertificate", "-Server", "HUB01", "-DomainName", "hub01.contoso.test"
    )["certificates"][0]
    assert first["thumbprint"] == selected


@pytest.mark.fact("certificate-facts 3.5")
def test_a_client_certificate_is_shown_to_edges_only(shell: Shell) -> None:
    words = ("cert", "select", "HUB01", "--for", "anonymous-tls", "--peer")
    assert shell.json(*words, "EDGE01")["chosen"] == shell.internal("HUB01")
    between = shell.run(*words, "HUB02")
    assert between.code == 3
    assert "Kerberos" in between.out


@pytest.mark.fact("certificate-facts 2.2")
def test_authorities_issue_and_revoke_for_real(shell: Shell, tmp_path: Path) -> None:
    shell.ok("cert", "new", "EDGE01", "--request", "--domain-name", "mail.contoso.test")
    (pending,) = [c for c in shell.certificates("EDGE01") if c["is_pending"]]
    assert pending["status"] == "PendingRequest"
    answer = tmp_path / "answer.p7b"
    shell.ok("cert", "sign", "EDGE01", "--authority", "public", "--file", str(answer))
    mark = shell.json("cert", "import", "EDGE01", str(answer))["certificate"]["thumbprint"]
    shell.ok("cert", "enable", mark, "--services", "SMTP", "--no")
    (item,) = [c for c in shell.certificates("EDGE01") if c["thumbprint"] == mark]
    assert (item["status"], item["root_ca_type"], item["is_internal"]) == (
        "Valid", "ThirdParty", False,
    )  # fmt: skip
    assert shell.json("cert", "select", "EDGE01", "--fqdn", "mail.contoso.test")["chosen"] == mark

    shell.ok("cert", "revoke", "EDGE01", mark)
    (item,) = [c for c in shell.certificates("EDGE01") if c["thumbprint"] == mark]
    assert item["status"] == "Revoked"
    refused = shell.run("cert", "select", "EDGE01", "--fqdn", "mail.contoso.test", "-o", "json")
    assert refused.code == 3
    document = json.loads(refused.out)
    assert {c["reason"] for c in document["certificates"]} == {"revoked", "name_mismatch"}
    assert [e["id"] for e in document["events"]] == [12014]


def test_an_edge_does_not_trust_the_enterprise_authority(shell: Shell) -> None:
    for server, status in (("HUB01", "Valid"), ("EDGE01", "Untrusted")):
        shell.ok("cert", "new", server, "--request")
        document = shell.json("cert", "sign", server, "--authority", "enterprise")
        assert document["certificate"]["status"] == status


@pytest.mark.fact("certificate-facts 1.1")
def test_show_tells_the_truths_and_names_the_disagreement(shell: Shell) -> None:
    assert "all copies agree" in shell.ok("cert", "show", "HUB01").out
    kinds = {t["kind"]: t for t in shell.json("cert", "show", "HUB01")["truths"]["truths"]}
    assert set(kinds) == {"presented", "published", "installed"}
    assert len({t["thumbprint"] for t in kinds.values()}) == 1
    mark = shell.internal("HUB01")
    shell.ok("cert", "remove", "HUB01", mark, "--yes")
    shown = shell.json("cert", "show", "HUB01")
    assert shown["disagreements"][0] == "AD names no internal transport certificate of HUB01"
    assert shown["certificates"] == []


def test_expiry_has_a_calendar_and_a_picture(shell: Shell) -> None:
    document = shell.json("cert", "expiry", "--within", "2w")
    assert document["items"] == []
    rows = shell.json("cert", "expiry", "--within", "400d")["items"]
    assert {row["light"] for row in rows} == {"green"}
    shell.ok("cert", "authorities")
    kinds = [row["kind"] for row in shell.json("cert", "expiry")["items"]]
    assert kinds.count("authority") == 3
    assert shell.ok("cert", "expiry", "-o", "ics").out.startswith("BEGIN:VCALENDAR")
    assert shell.ok("cert", "expiry", "-o", "svg").out.startswith("<svg ")


def test_expiry_counts_the_credentials_of_edgesync(shell: Shell, tmp_path: Path) -> None:
    file = str(tmp_path / "edge01.xml")
    shell.ok("subscription", "export", "EDGE01", "--file", file)
    shell.ok("subscription", "import", file, "--site", "Default-First-Site-Name")
    rows = shell.json("cert", "expiry", "EDGE01", "--within", "60d")["items"]
    assert {row["kind"] for row in rows} == {"credential"}
    lights = {row["name"]: row["light"] for row in rows}
    assert lights["ESRA.EDGE01"] == "red"
    assert lights["ESRA.EDGE01.HUB01.0"] == "yellow"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("cert", "list", "HUB09"), 4, "no server 'HUB09'"),
        (("cert", "show", "HUB01", "00000000"), 4, "no certificate with thumbprint"),
        (("cert", "enable", "HUB01", "--services", "SMTP"), 2, "which certificate of HUB01"),
        (("cert", "remove", "0123456789"), 4, "no server has a certificate"),
        (("cert", "new", "HUB01", "--services", "FTP"), 2, "is not a service"),
        (("cert", "new", "HUB01", "--domain-name", "a b"), 2, "cannot be a domain name"),
        (("cert", "new", "HUB01", "--key-size", "512"), 2, "512 bits"),
        (("cert", "new", "HUB01", "--subject-name", "x"), 2, "subject name is wrong"),
        (("cert", "import", "HUB01", "/nowhere/a.pfx"), 4, "no file /nowhere/a.pfx"),
        (("cert", "import", "HUB01", str(ROOT / "LICENSE")), 1, "neither DER nor PEM"),
        (("cert", "sign", "HUB01"), 4, "no request waits"),
        (("cert", "expiry", "--within", "soon"), 2, "is not a time span"),
        (("cert", "export", "HUB01", "{internal}", "--file", "x.pfx"), 1, "not exportable"),
        (("cert", "export", "HUB01", "{internal}"), 2, "goes into a file"),
        (("cert", "revoke", "HUB01", "{internal}"), 6, "no authority of the lab"),
        (("Remove-ExchangeCertificate", "-Wrong", "x"), 2, "-Wrong"),
    ],
)
def test_bad_input_is_two_lines_and_changes_nothing(
    shell: Shell, words: tuple[str, ...], code: int, said: str
) -> None:
    before = shell.certificates()
    mark = shell.internal("HUB01")
    done = shell.run(*(word.format(internal=mark) for word in words), "--yes")
    lines = done.err.strip().splitlines()
    assert done.code == code, done.err
    assert lines[-2].startswith("error: ")
    assert said in lines[-2]
    assert lines[-1].startswith("hint: ")
    assert shell.certificates() == before


@pytest.mark.fact("certificate-facts 2.4")
def test_later_versions_refuse_what_2007_allows(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "lab")
    shell.ok("lab", "new", "--recipients", "1", "--hubs", "1", "--edges", "0", "--sites", "1",
             "--version", "exchange-2016")  # fmt: skip
    done = shell.run("cert", "remove", "HUB01", shell.internal("HUB01"), "--yes")
    assert done.code == 6
    assert "would stop" in done.err


def test_what_if_says_what_would_be_done_and_does_nothing(shell: Shell) -> None:
    before = shell.certificates()
    mark = shell.internal("HUB01")
    for words, said in (
        (
            ("New-ExchangeCertificate", "-Server", "HUB01", "-WhatIf"),
            "make a certificate for HUB01",
        ),
        (("Enable-ExchangeCertificate", "-Thumbprint", mark, "-Services", "POP", "-WhatIf"), "POP"),
        (("Remove-ExchangeCertificate", "-Thumbprint", mark, "-WhatIf"), f"remove {mark}"),
    ):
        done = shell.ok(*words)
        assert done.out.startswith("What if: ")
        assert said in done.out
    assert shell.certificates() == before


@pytest.mark.fact("certificate-facts 6.3")
def test_a_strangers_root_is_trusted_by_one_machine(shell: Shell) -> None:
    fixtures = ROOT / "fixtures" / "certificates"
    shell.ok("cert", "import", "EDGE01", str(fixtures / "mail.p7b"))
    (item,) = [c for c in shell.certificates("EDGE01") if "mail.contoso.test" in c["domains"]]
    trust = ("cert", "trust", "EDGE01", str(fixtures / "authority.pem"), "--kind", "group-policy")

    def judged() -> tuple[str, str]:
        shown = shell.certificates("EDGE01", "--thumbprint", item["thumbprint"])[0]
        return shown["status"], shown["root_ca_type"]

    # made after the lab's clock stands: not yet valid there, whatever the root
    assert judged() == ("DateInvalid", "None")
    shell.ok(*trust)
    assert judged()[1] == "GroupPolicy"
    shell.ok(*trust, "--remove")
    assert judged()[1] == "None"
    assert shell.run(*trust, "--remove").code == 4


def test_the_private_keys_of_a_lab_are_for_its_owner_only(shell: Shell) -> None:
    shell.ok("cert", "authorities")
    keys = list(shell.lab.rglob("*.key"))
    assert len(keys) >= 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


def test_it_works_as_a_process_too(shell: Shell) -> None:
    program = Program(shell.lab)
    assert len(program.json("cert", "list", "EDGE02")["certificates"]) == 1
    done = program.run("cert", "list", "EDGE09")
    assert (done.code, "Traceback" in done.err) == (4, False)
