"""Reports are whole: one file each, nothing to fetch, hostile names shown as text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from directory.entropy import SeededEntropy
from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
)
from edgesync.certificates.services import Services
from edgesync.errors import ExitCode
from edgesync.lab.lab import Lab
from edgesync.operations.commands import parse_command
from edgesync.operations.context import Context
from edgesync.operations.registry import Outcome
from tests.support.program import Program
from tests.support.trust_lab import run, trusting_lab


def ask(lab: Lab, command: str) -> Outcome:
    return parse_command(command).run(Context(lab, Path("unused"), note=command))


class Outline(HTMLParser):
    """Checks nesting, and collects what a browser would fetch or run."""

    VOID = frozenset({"meta", "br", "col", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.fetched += [v or "" for k, v in attrs if k in {"src", "href", "action", "data"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(html: str) -> Outline:
    found = Outline()
    found.feed(html)
    assert found.open == []
    return found


COMMANDS = [
    "trust matrix",
    "report health",
    "report rehearsal --renew EDGE01",
    "report rehearsal --do 'cert renew HUB01 --yes'",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_is_well_formed_and_fetches_nothing(command: str) -> None:
    with trusting_lab() as lab:
        page = outline(ask(lab, command).document["texts"]["html"])
        assert page.fetched == []
        assert not page.tags & {"script", "link", "iframe", "img", "object"}


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_junit_counts_its_own_failures(command: str) -> None:
    with trusting_lab() as lab:
        run(lab, "cert renew EDGE02 --yes") if "renew EDGE01" not in command else None
        root = ET.fromstring(ask(lab, command).document["texts"]["junit"])
        for suite in root.iter("testsuite"):
            assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
            assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
        failing = root.findall(".//failure")
        assert bool(failing) == ("renew EDGE01" not in command)


def test_the_matrix_is_drawn_with_a_word_in_every_box() -> None:
    with trusting_lab() as lab:
        run(lab, "cert renew EDGE01 --yes")
        svg = ask(lab, "trust matrix").document["texts"]["svg"]
        root = ET.fromstring(svg)
        texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
        assert texts.count("mismatch 1") == 4
        assert texts.count("trusted") == 8
        assert "http" not in re.sub(r'xmlns="[^"]*"', "", svg)


def test_a_healthy_lab_has_no_errors_and_a_broken_one_names_them() -> None:
    with trusting_lab() as lab:
        run(lab, "sync run")
        healthy = ask(lab, "report health")
        assert healthy.exit_code is ExitCode.OK
        assert healthy.document["summary"]["error"] == 0
        assert healthy.document["summary"]["warning"] == 0

        run(lab, "cert renew EDGE01 --yes")
        broken = ask(lab, "report health")
        assert broken.exit_code is ExitCode.NO
        errors = {
            (f["check"], f["subject"])
            for f in broken.document["findings"]
            if f["status"] == "error"
        }
        assert ("four truths", "EDGE01") in errors
        assert ("direct trust", "HUB01 trusts EDGE01 (smtp)") in errors


@pytest.mark.fact("certificate-facts 2.5")
@pytest.mark.parametrize(
    ("days", "word"), [(290, ""), (310, "left"), (350, "urgent"), (400, "expired")]
)
def test_the_health_report_warns_before_a_certificate_ends(days: int, word: str) -> None:
    from datetime import timedelta

    with trusting_lab() as lab:
        lab.clock.set(lab.clock.now() + timedelta(days=days))
        found = [
            f
            for f in ask(lab, "report health").document["findings"]
            if f["check"] == "internal certificate" and f["subject"] == "EDGE01"
        ]
        assert [f["status"] for f in found] == ["warning" if word else "ok"]
        assert word in found[0]["detail"]


def test_a_lone_edge_is_named_as_what_it_is() -> None:
    with trusting_lab(edges=1) as lab:
        findings = ask(lab, "report health").document["findings"]
        assert any(f["check"] == "redundancy" and "alone" in f["detail"] for f in findings)


def test_hostile_names_are_text_in_every_report() -> None:
    with trusting_lab() as lab:
        evil = "<script>alert(1)</script>&\"'"
        lab.description = replace(lab.description, name=evil)
        lab.ledger.set(assumed=[evil])
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        certificate = issue_self_signed(
            CertificateSubject.of_server("x<b>y", "edge01.contoso.test"), key,
            now=lab.clock.now(), serial=serial_number(SeededEntropy(1, "evil")),
            profile=IssueProfile(5),
        )  # fmt: skip
        lab.store("EDGE01").put(
            TransportCertificate(certificate, key, Services.SMTP, evil, network_service=True)
        )
        for command in COMMANDS:
            texts = ask(lab, command).document["texts"]
            assert "<script" not in texts["html"]
            outline(texts["html"])
            if "junit" in texts:
                ET.fromstring(texts["junit"])


def test_an_imported_labs_assumptions_stand_in_its_reports() -> None:
    with trusting_lab() as lab:
        lab.ledger.set(assumed=["the clock was right"])
        document = ask(lab, "report health").document
        assert document["assumptions"] == ["the clock was right"]
        assert "the clock was right" in document["texts"]["html"]


def test_the_command_writes_html_junit_and_svg(tmp_path: Path) -> None:
    program = Program(tmp_path / "lab")
    program.ok("lab", "new", "--recipients", "3")
    assert program.ok("report", "health", "-o", "html").out.startswith("<!doctype html>")
    ET.fromstring(program.ok("report", "health", "-o", "junit").out)
    ET.fromstring(program.ok("trust", "matrix", "-o", "svg").out)
    assert program.run("report", "rehearsal").code == ExitCode.USAGE
