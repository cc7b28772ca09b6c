"""The commands of EdgeSync as people and scripts type them: answers, exit codes, cmdlet names."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from directory.model.dn import DN
from directory.model.messages import ModifyRequest
from directory.model.modification import replace
from edgesync.lab.folder import open_lab
from tests.support.program import Program

pytestmark = pytest.mark.slow  # a process for each command

SITE = "Default-First-Site-Name"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A lab of 2016 with EDGE01 subscribed and synchronized."""
    folder = tmp_path_factory.mktemp("sync")
    made = Program(folder / "lab")
    made.ok("lab", "new", "--recipients", "20", "--version", "exchange-2016")
    file = str(folder / "EDGE01.xml")
    made.ok("subscription", "export", "EDGE01", "--file", file, "--yes")
    made.ok("subscription", "import", file, "--site", SITE)
    made.ok("sync", "run")
    return made


def edit_by_hand(program: Program, dn: str) -> None:
    """Somebody with an LDAP editor on the Edge."""
    with open_lab(program.lab) as lab:
        lab.begin_command("an LDAP editor")
        change = replace("msExchAcceptedDomainName", b"evil.test")
        lab.edge_port("EDGE01").modify(ModifyRequest(DN.parse(dn), (change,)))


def test_the_answer_is_no_while_data_differ_and_says_who_did_it(program: Program) -> None:
    found = program.json("directory", "search", "--server", "EDGE01",
                         "(objectClass=msExchAcceptedDomain)")  # fmt: skip
    dn = found["entries"][0]["dn"]
    edit_by_hand(program, dn)
    assert program.run("sync", "verify").code == 0
    drift = program.run("sync", "verify", "--full", "-o", "json")
    assert drift.code == 3
    [conflict] = drift.document["edges"][0]["kinds"]["accepted_domain"]["conflict_objects"]
    assert (conflict["dn"], conflict["attribute"]) == (dn, "msExchAcceptedDomainName")
    assert "LDAP editor" in conflict["changed"]["command"]
    planned = program.json("sync", "plan", "--full", "--job", "configuration")
    assert [c["change"] for c in planned["runs"][0]["changes"]] == ["modify"]
    program.ok("sync", "run", "--full")
    assert program.run("sync", "verify", "--full").code == 0


def test_who_is_not_subscribed_is_not_found(program: Program) -> None:
    for words in (("run", "--edge", "EDGE02"), ("verify", "--edge", "EDGE02"),
                  ("status", "--edge", "NOBODY")):  # fmt: skip
        done = program.run("sync", *words)
        assert done.code == 4
        assert done.err.startswith("error: ")
        assert "\nhint: " in done.err


@pytest.mark.parametrize(
    "words",
    [("run", "--job", "mail"), ("run", "--delete-threshold", "x"),
     ("verify", "--max-report-size", "0"), ("verify", "--recipient", "a@b", "--full"),
     ("watch", "--for", "soon")],
)  # fmt: skip
def test_wrong_words_are_wrong_usage(program: Program, words: tuple[str, ...]) -> None:
    assert program.run("sync", *words).code == 2


def test_cmdlet_names_do_the_same(program: Program) -> None:
    started = program.ok("Start-EdgeSynchronization", "-TargetServer", "EDGE01", "-ForceFullSync",
                         "-o", "json").document  # fmt: skip
    assert {run["mode"] for run in started["runs"]} == {"full"}
    tested = program.ok("test-edgesynchronization", "-FullCompareMode", "-o", "json").document
    assert tested["edges"][0]["sync_status"] == "Normal"
    [known] = program.ok("Get-EdgeSubscription", "-o", "json").document["subscriptions"]
    assert (known["name"], known["state"]) == ("EDGE01", "active")
    configs = program.ok("Get-EdgeSyncServiceConfig", "-o", "json").document["configs"]
    assert {item["site"] for item in configs} == {SITE, "Branch"}


def test_settings_of_a_site_change_the_schedule(program: Program) -> None:
    program.ok("Set-EdgeSyncServiceConfig", "-Identity", SITE, "-RecipientSyncInterval", "00:01:00")
    [edge] = program.json("sync", "status")["edges"]
    jobs = {job["job"]: job for job in edge["jobs"]}
    assert jobs["recipients"]["next_due"] < jobs["configuration"]["next_due"]
    refused = program.run("sync", "config", "--site", SITE, "--option-duration", "1m")
    assert refused.code == 2


def test_history_and_lease_tell_what_happened(program: Program) -> None:
    runs = program.json("sync", "history", "--job", "recipients")["runs"]
    assert {run["edge"] for run in runs} == {"EDGE01"}
    [lease] = program.json("sync", "lease")["leases"]
    assert (lease["holder"], lease["kind"]) == ("HUB01", "option")
    taken = program.json("sync", "run", "--hub", "HUB02", "--job", "topology")
    assert taken["runs"][0]["hub"] == "HUB02"
    [lease] = program.json("sync", "lease")["leases"]
    assert (lease["holder"], lease["generation"]) == ("HUB02", 2)


def test_an_address_is_found_by_its_hash(program: Program) -> None:
    found = program.json("directory", "search", "--server", "ad", "(proxyAddresses=*)")
    values = [v for e in found["entries"] for v in e["attributes"]["proxyAddresses"]]
    address = next(str(v)[5:] for v in values if str(v).startswith("SMTP:"))
    here = program.run("recipient", "find", address, "--server", "EDGE01", "-o", "json")
    assert here.code == 0
    assert len(base64.b64decode(here.document["hash"].partition(":")[2])) == 32
    assert program.run("recipient", "find", "nobody@contoso.test").code == 3


def test_a_watch_ends_on_ctrl_c_and_says_what_ran(program: Program) -> None:
    process = subprocess.Popen(
        program.command("sync", "watch", "--for", "1m", "-o", "json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(2.0)  # it needs to be watching; how long does not matter
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode in {0, 130}, err
    if process.returncode == 0:
        assert json.loads(out)["ended"] == "stopped"
    assert program.run("sync", "verify", "--full").code == 0


def test_a_file_is_inspected_without_its_password(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "EDGE02.xml"
    program.ok("subscription", "export", "EDGE02", "--file", str(file), "--yes")
    password = file.read_text().partition("<ESRAPassword>")[2].partition("<")[0]
    shown = program.ok("subscription", "inspect", str(file), "-o", "json")
    assert shown.document["file"]["account"] == "ESRA.EDGE02"
    assert password
    assert password not in shown.out
    again = program.run("subscription", "export", "EDGE02", "--file", str(file), "--yes")
    assert again.code == 6
    broken = tmp_path / "broken.xml"
    broken.write_text("<a/>")
    assert "EdgeServerName" in program.run("subscription", "inspect", str(broken)).err


@pytest.mark.fact("edgesync-facts 4.6")
def test_the_log_has_as_much_as_the_sites_level_says(program: Program) -> None:
    folder = program.lab / "logs" / "EdgeSync"
    program.ok("sync", "run")
    assert not folder.exists()  # LogLevel is None by default
    program.ok("sync", "config", "--site", SITE, "--log-level", "Low")
    program.ok("sync", "run", "--job", "topology")
    program.ok("sync", "config", "--site", SITE, "--log-level", "Medium")
    program.ok("sync", "run", "--job", "recipients")
    [file] = folder.glob("*/EDGESYNC*-1.LOG")
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    events = [tuple(line.split(",")[1:4]) for line in lines]
    assert events == [
        ("EDGE01", "topology", "success"),
        ("EDGE01", "recipients", "lease"),
        ("EDGE01", "recipients", "cookie"),
        ("EDGE01", "recipients", "success"),
    ]
    program.ok("sync", "config", "--site", SITE, "--log-enabled", "false")
    program.ok("sync", "run")
    assert len(file.read_text().splitlines()) == len(lines) + 5


def test_removing_a_subscription_in_the_organisation(program: Program) -> None:
    removed = program.json("Remove-EdgeSubscription", "EDGE01")
    assert removed["side"] == "organization"
    assert len(removed["connectors"]) == 2
    assert program.json("subscription", "list")["subscriptions"] == []
    assert program.run("sync", "run").code == 4
