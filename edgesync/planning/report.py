"""Reports for a change request: one HTML file without anything to fetch, or JUnit for a CI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any
from xml.etree import ElementTree as ET

from directory.clock import Clock
from edgesync.lab.lab import Lab
from edgesync.planning.drawing import matrix_section, page
from edgesync.planning.health import Status, health
from edgesync.planning.matrix import in_short

HEALTH = "edgesync.report-health/1"
REHEARSAL = "edgesync.report-rehearsal/1"

_TONES = {"ok": "ok", "warning": "warn", "error": "bad"}


def health_document(lab: Lab, clock: Clock) -> dict[str, Any]:
    """The health of a lab as JSON."""
    matrix, findings = health(lab, clock)
    return {
        "schema": HEALTH,
        **_about(lab),
        "summary": {s.value: sum(f.status is s for f in findings) for s in Status},
        "findings": [finding.document() for finding in findings],
        "matrix": matrix.document(),
    }


def rehearsal_document(
    lab: Lab, rehearsal: Mapping[str, Any], plan: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A rehearsal, and the plan it is of, as JSON."""
    return {
        "schema": REHEARSAL,
        **_about(lab),
        "trusted": rehearsal["trusted"],
        "mail_delay_s": rehearsal["mail_delay_s"],
        "mail_lost": rehearsal["mail_lost"],
        "plan": dict(plan) if plan is not None else None,
        "stages": list(rehearsal["stages"]),
    }


def _about(lab: Lab) -> dict[str, Any]:
    described = lab.description
    return {
        "at": lab.clock.now().isoformat().replace("+00:00", "Z"),
        "lab": described.name,
        "version": described.version.value,
        "imported": described.source == "import",
        "assumptions": list(lab.ledger.get("assumed") or ()),
    }


# HTML --------------------------------------------------------------------------------------------


def health_html(document: Mapping[str, Any]) -> str:
    """The health report as a page."""
    counts = document["summary"]
    verdict = (
        f"{counts['error']} errors, {counts['warning']} warnings, {counts['ok']} checks in order"
    )
    worst = [f for f in document["findings"] if f["status"] != "ok"]
    sections = [
        ("", f"<p><strong>{escape(verdict)}</strong></p>"),
        ("What needs attention", _findings(worst) if worst else "<p>Nothing.</p>"),
        ("Who trusts whom", matrix_section(document["matrix"])),
        ("Every check", _findings(document["findings"])),
        *_assumptions(document),
    ]
    return page(f"Health of {document['lab']}", _subtitle(document), sections)


def rehearsal_html(document: Mapping[str, Any]) -> str:
    """The rehearsal report as a page."""
    lost = "MAIL IS LOST" if document["mail_lost"] else "no mail lost"
    ends = "every cell trusted" if document["trusted"] else "direct trust broken"
    verdict = f"Ends with {ends}; longest mail delay {document['mail_delay_s']:.0f} s, {lost}."
    sections = [("", f"<p><strong>{escape(verdict)}</strong></p>")]
    if document["plan"] is not None:
        sections += _plan_sections(document["plan"])
    sections.append(("Step by step", _stages(document["stages"])))
    sections.append(("In the end", matrix_section(document["stages"][-1]["matrix"])))
    sections += _assumptions(document)
    return page(f"Rehearsal on {document['lab']}", _subtitle(document), sections)


def _subtitle(document: Mapping[str, Any]) -> str:
    kind = "made from a real organisation's exports" if document["imported"] else "a preset"
    return f"{document['version']}, {kind}; lab clock {document['at']}"


def _findings(findings: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(f['check'])}</td><td>{escape(f['subject'])}</td>"
        f'<td class="{_TONES[f["status"]]}">{f["status"]}</td><td>{escape(f["detail"])}'
        f"{''.join(f'<br><code>{escape(c)}</code>' for c in f['fix'])}</td></tr>"
        for f in findings
    )
    head = "".join(f'<th scope="col">{h}</th>' for h in ("Check", "Of", "Status", "Found"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _plan_sections(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    commands = "\n".join(step["command"] for step in plan["steps"])
    reasons = "".join(
        f"<li><code>{escape(s['command'])}</code><br>{escape(s['why'])}</li>" for s in plan["steps"]
    )
    proof = (
        f"{plan['states_explored']} states explored, {plan['cases_played']} courses played. "
        f"Longest delay {plan['mail_delay_s']:.0f} s; with one fault {plan['worst_case_s']:.0f} s "
        f"({plan['worst_case']})."
    )
    rejected = "".join(f"<li>{escape(r['why'])}</li>" for r in plan["rejected"])
    return [
        ("Plan", f"<ol>{reasons}</ol><pre>{escape(commands)}</pre><p>{escape(proof)}</p>"),
        ("Orders not taken", f"<ul>{rejected}</ul>"),
    ]


def _stages(stages: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for number, stage in enumerate(stages):
        bad = in_short(stage["matrix"]["cells"])
        mail = [f"{m['flow']}: {m['state']}" for m in stage["mail"] if m["state"] != "ok"]
        rows.append(
            f"<tr><td>{number}</td><td>{escape(stage['at'])}</td>"
            f"<td><code>{escape(stage['what'])}</code> {escape(stage['message'])}</td>"
            f'<td class="{"bad" if bad else "ok"}">{_lines(bad) or "every cell trusted"}</td>'
            f'<td class="{"warn" if mail else "ok"}">{_lines(mail) or "flows"}</td></tr>'
        )
    heads = ("", "Lab time", "Step", "Direct trust", "Mail")
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(escape(text) for text in texts)


def _assumptions(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not document["assumptions"]:
        return []
    items = "".join(f"<li>{escape(text)}</li>" for text in document["assumptions"])
    return [("Assumptions of the import", f"<ul>{items}</ul>")]


# JUnit -------------------------------------------------------------------------------------------


def health_junit(document: Mapping[str, Any]) -> str:
    """The health report as JUnit XML: a suite per check, errors are failures."""
    root = ET.Element("testsuites", name=f"edgesync health of {document['lab']}")
    checks = dict.fromkeys(f["check"] for f in document["findings"])
    for check in checks:
        found = [f for f in document["findings"] if f["check"] == check]
        failures = sum(f["status"] == "error" for f in found)
        suite = ET.SubElement(root, "testsuite", name=check, tests=str(len(found)),
                              failures=str(failures), errors="0", skipped="0")  # fmt: skip
        for finding in found:
            case = ET.SubElement(suite, "testcase", classname=f"edgesync.{check}",
                                 name=finding["subject"], time="0")  # fmt: skip
            _told(case, finding["status"], finding["detail"], finding["fix"])
    return _xml(root)


def rehearsal_junit(document: Mapping[str, Any]) -> str:
    """The rehearsal as JUnit XML: a test case per step, and one each for trust and mail."""
    cases = [
        (
            stage["what"],
            "error" if stage["exit_code"] not in {None, 0, 3} else "ok",
            stage["message"],
        )
        for stage in document["stages"]
    ]
    trusted, lost = document["trusted"], document["mail_lost"]
    cases.append(("direct trust in the end", "ok" if trusted else "error", "not every cell"))
    detail = f"longest delay {document['mail_delay_s']:.0f} s"
    cases.append(("mail", "error" if lost else "ok", f"mail is lost; {detail}" if lost else detail))
    root = ET.Element("testsuites", name=f"edgesync rehearsal on {document['lab']}")
    failures = sum(status == "error" for _, status, _ in cases)
    suite = ET.SubElement(root, "testsuite", name="rehearsal", tests=str(len(cases)),
                          failures=str(failures), errors="0", skipped="0")  # fmt: skip
    for name, status, text in cases:
        case = ET.SubElement(suite, "testcase", classname="edgesync.rehearsal", name=name, time="0")
        _told(case, status, text, ())
    return _xml(root)


def _told(case: ET.Element, status: str, text: str, fix: Sequence[str]) -> None:
    if status == "error":
        failure = ET.SubElement(case, "failure", message=text)
        failure.text = "\n".join(fix)
    elif status == "warning":
        ET.SubElement(case, "system-out").text = "\n".join((f"warning: {text}", *fix))


def _xml(root: ET.Element) -> str:
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
