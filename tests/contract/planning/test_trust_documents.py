"""The documents and exit codes of the trust commands, as scripts and CI read them."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from edgesync.errors import EdgeSyncError, ExitCode
from edgesync.lab.lab import Lab
from edgesync.operations.commands import parse_command
from edgesync.operations.context import Context
from edgesync.operations.registry import Outcome
from edgesync.trust.verdict import Reason, Verdict
from tests.support.trust_lab import run, trusting_lab

THUMBPRINT = re.compile(r"[0-9A-F]{40}\Z")
CELL = {
    "verifier", "peer", "path", "verdict", "reason", "presented", "published", "replicated",
    "installed",
}  # fmt: skip


def ask(lab: Lab, command: str) -> Outcome:
    parsed = parse_command(command)
    return parsed.run(Context(lab, Path("unused"), note=command))


def shown(lab: Lab, command: str) -> list[str]:
    parsed = parse_command(command)
    outcome = parsed.run(Context(lab, Path("unused"), note=command))
    return list(parsed.operation.render(outcome.document))


def test_the_matrix_has_the_contracts_cells_and_says_yes_by_exit_code() -> None:
    with trusting_lab() as lab:
        outcome = ask(lab, "trust matrix")
        document = outcome.document
        assert outcome.exit_code is ExitCode.OK
        assert document["schema"] == "edgesync.trust-matrix/1"
        assert datetime.fromisoformat(document["at"]) == lab.clock.now()
        applicable = [c for c in document["cells"] if c["verdict"] != "not_applicable"]
        assert all(set(cell) == CELL for cell in document["cells"])
        assert {c["verdict"] for c in applicable} == {"trusted"}
        assert len([c for c in applicable if c["path"] == "smtp"]) == 8
        assert len([c for c in applicable if c["path"] == "ldaps"]) == 4
        for cell in applicable:
            copies = {cell["presented"], cell["published"], cell["replicated"], *cell["installed"]}
            assert len(copies) == 1
            assert THUMBPRINT.match(copies.pop())


@pytest.mark.fact("certificate-facts 4.9")
def test_hubs_do_not_use_direct_trust_among_themselves() -> None:
    with trusting_lab() as lab:
        cells = ask(lab, "trust matrix").document["cells"]
        between = [c for c in cells if c["verifier"] == "HUB01" and c["peer"] == "HUB02"]
        assert [c["verdict"] for c in between] == ["not_applicable"]


def test_one_bad_cell_turns_the_matrix_to_exit_3() -> None:
    with trusting_lab() as lab:
        run(lab, "cert renew EDGE01 --yes")
        outcome = ask(lab, "trust matrix")
        assert outcome.exit_code is ExitCode.NO
        bad = [
            c
            for c in outcome.document["cells"]
            if c["verdict"] not in {"trusted", "not_applicable"}
        ]
        assert {(c["verifier"], c["peer"], c["path"]) for c in bad} == {
            ("HUB01", "EDGE01", "smtp"),
            ("HUB02", "EDGE01", "smtp"),
            ("HUB01", "EDGE01", "ldaps"),
            ("HUB02", "EDGE01", "ldaps"),
        }
        assert {c["reason"] for c in bad} == {"mismatch"}
        assert all(c["presented"] != c["published"] for c in bad)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("trust check HUB01 EDGE01", ExitCode.NO),
        ("trust check HUB01 EDGE01 --path ldaps", ExitCode.NO),
        ("trust check EDGE01 HUB01", ExitCode.OK),
        ("trust check HUB01 EDGE02", ExitCode.OK),
        ("trust check HUB01 HUB02", ExitCode.OK),
        ("trust explain HUB01 EDGE01", ExitCode.NO),
        ("trust explain EDGE02 HUB02", ExitCode.OK),
    ],
)
def test_the_exit_code_is_the_answer(command: str, code: ExitCode) -> None:
    with trusting_lab() as lab:
        run(lab, "cert renew EDGE01 --yes")
        assert ask(lab, command).exit_code is code


def test_a_server_nobody_knows_is_exit_4() -> None:
    with trusting_lab() as lab, pytest.raises(EdgeSyncError) as caught:
        ask(lab, "trust check HUB01 EDGE09")
    assert caught.value.exit_code is ExitCode.NOT_FOUND


def test_an_explanation_has_the_contracts_keys() -> None:
    with trusting_lab() as lab:
        run(lab, "cert renew EDGE01 --yes")
        document = ask(lab, "trust explain HUB01 EDGE01").document
        assert document["schema"] == "edgesync.trust-explain/1"
        assert Verdict(document["verdict"]) is Verdict.UNTRUSTED
        assert Reason(document["reason"]) is Reason.MISMATCH
        assert [s["step"] for s in document["steps"]] == list(range(1, len(document["steps"]) + 1))
        assert all(set(s) == {"step", "ok", "detail", "evidence"} for s in document["steps"])
        assert {(e["source"], e["id"]) for e in document["events"]} >= {
            ("MSExchangeTransport", 2018),
            ("MSExchangeTransport", 1036),
        }
        assert "cert renew EDGE01" in document["cause"]
        assert all(command.startswith("edgesync ") for command in document["fix"])
        kinds = {truth["kind"] for truth in document["truths"]}
        assert kinds == {"installed", "presented", "published", "replicated"}


@pytest.mark.parametrize(
    "command",
    ["trust matrix", "trust explain HUB01 EDGE01", "trust check HUB01 EDGE01",
     "trust whatif --do 'cert renew HUB01 --yes'"],
)  # fmt: skip
def test_text_fits_eighty_columns(command: str) -> None:
    with trusting_lab() as lab:
        run(lab, "cert renew EDGE01 --yes")
        # a command that is to be copied stays on its line
        lines = [line for line in shown(lab, command) if "edgesync " not in line]
        assert max(len(line) for line in lines) <= 80


def as_document(lab: Lab, command: str) -> dict[str, Any]:
    return dict(ask(lab, command).document)


def test_a_plan_has_the_contracts_keys_and_its_numbers_are_numbers() -> None:
    with trusting_lab(hubs=2, edges=1) as lab:
        document = as_document(lab, "trust plan renew EDGE01")
        assert document["schema"] == "edgesync.trust-plan/1"
        assert all(set(step) == {"command", "why"} for step in document["steps"])
        assert document["mail_lost"] == 0
        assert document["states_explored"] > 1
        assert document["worst_case_s"] >= document["mail_delay_s"] > 0
        assert all(set(r) == {"steps", "mail_delay_s", "why"} for r in document["rejected"])
