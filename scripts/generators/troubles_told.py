"""docs/scenarios/troubles.md: documented failures and reasons, and the scenarios that tell them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from edgesync.simulation.scenario import Scenario, gallery
from edgesync.trust.verdict import Reason
from scripts.generators.document import document


class Row(NamedTuple):
    """One row of a fact sheet's list of what administrators struggle with."""

    number: int
    symptom: str
    scenarios: tuple[str, ...]
    elsewhere: str = ""
    """Why no scenario tells it, and the test that does."""


EDGESYNC_FACTS_10 = (
    Row(1, "10104 and 1024 after a certificate job", ("renewed-edge", "renewed-hub")),
    Row(2, "1035: a CNG key on the Hub", ("cng-key",)),
    Row(3, "the prompt is answered Yes", ("answer-yes", "answer-no")),
    Row(4, "a bought certificate on the Edge is renewed", ("authority-certificate-renewed",)),
    Row(5, "nothing syncs after the import", ("bootstrap-expired", "unreachable")),
    Row(6, "the Edge cannot be resolved or connected to", ("unreachable", "one-of-two")),
    Row(7, "a Hub that came later never syncs", ("hub-added-later",)),
    Row(8, "1045: no service configuration", ("settings-missing",)),
    Row(9, "an old version or no licence is shown", ("version-shown",)),
    Row(10, "ports changed later", ("port-changed",)),
    Row(11, "an old Hub's test says Failed", (),
        "a lab has Hubs of one version: tests/unit/sync/test_verify.py has the words"),
    Row(12, "a new mailbox is rejected with 550 5.1.1", ("new-recipient",)),
    Row(13, "mail for a sub-domain", ("sub-domain",)),
    Row(14, "automatic connectors change routing", ("automatic-connectors",)),
    Row(15, "Normal, but the data differ", ("drift-by-hand",)),
    Row(16, "credentials linger", ("removed-on-one-side",)),
    Row(17, "ADAM's database is damaged", ("adam-restored",)),
    Row(18, "clocks differ", ("clock-ahead", "clock-behind")),
    Row(19, "the same certificate on Edge and Hub", ("shared-certificate",)),
)  # fmt: skip
"""Rows of edgesync-facts section 10, in its order."""

CERTIFICATE_FACTS_9 = (
    Row(1, "12014, STARTTLS missing", ("name-in-no-certificate",)),
    Row(2, "mail waits with 451 5.7.3", ("renewed-edge", "renewed-hub", "answer-yes")),
    Row(3, "the same reply, no certificate changed", ("connector-refuses", "tls-stripped")),
    Row(4, "12015 to 12017 every year", ("expired", "year")),
    Row(5, "a certificate cannot be removed", ("cannot-be-removed",)),
    Row(6, "Outlook warns of a name", ("outlook-name",)),
    Row(7, "POP3 and IMAP4 with a wildcard certificate", ("wildcard-for-pop",)),
    Row(8, "no credentials: key missing, not granted, CNG",
        ("store-lost", "key-unreadable", "cng-key")),
    Row(9, "454 4.7.0 between Hubs", ("kerberos-clock",)),
    Row(10, "subscribed, and sync never starts",
        ("bootstrap-expired", "unreachable", "cng-key", "look-alike")),
    Row(11, "a domain-secured partner is stuck", ("domain-secured-partner",)),
    Row(12, "imported on another server than the request", ("imported-without-key",)),
    Row(13, "Outlook Anywhere with a self-signed certificate", ("outlook-anywhere",)),
    Row(14, "an authority's certificate lacks names", ("request-without-names",)),
)  # fmt: skip
"""Rows of certificate-facts section 9, in its order."""


def telling(reason: Reason, scenarios: dict[str, Scenario]) -> list[str]:
    """Scenarios that expect a reason at some step."""
    if reason is Reason.TRUSTED:
        return ["first-day"]
    return [
        name
        for name, scenario in scenarios.items()
        if any(step.startswith("expect trust ") and step.endswith(f" {reason.value}")
               for step in scenario.steps)
    ]  # fmt: skip


@document("scenarios/troubles.md")
def troubles() -> str:
    """Rows and reasons, each with links to its scenarios."""
    lines = ["# What each scenario tells", "",
             "## What administrators struggle with (edgesync-facts 10)", ""]  # fmt: skip
    lines += _table(EDGESYNC_FACTS_10)
    lines += ["", "## What administrators struggle with (certificate-facts 9)", ""]
    lines += _table(CERTIFICATE_FACTS_9)
    lines += ["", "## Reasons", "", "| reason | scenarios |", "|---|---|"]
    scenarios = gallery()
    lines += [f"| `{reason}` | {_links(telling(reason, scenarios))} |" for reason in Reason]
    return "\n".join(lines)


def _table(rows: tuple[Row, ...]) -> Iterator[str]:
    yield "| # | symptom | scenarios |"
    yield "|---|---|---|"
    for row in rows:
        yield f"| {row.number} | {row.symptom} | {_links(row.scenarios) or row.elsewhere} |"


def _links(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"[{name}]({name}.md)" for name in names)
