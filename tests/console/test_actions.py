"""Everything the command line does to a lab is possible in the console, with its command shown."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest

from edgesync.console.forms import PREFIX
from edgesync.operations.commands import parse_command
from edgesync.operations.registry import Operation, all_operations
from tests.console.conftest import Site

WHOLE_LABS = frozenset({"lab.new", "lab.import", "lab.restore", "lab.destroy"})
"""They make, replace or remove a lab that nobody has open; a running one they refuse."""

COMMAND = re.compile(r'<div class="command"><span class="label">[^<]*</span><code[^>]*>([^<]*)')


def offered() -> list[Operation]:
    return [item for item in all_operations() if item.remote]


def example(operation: Operation) -> str:
    """The command in an example, which may be part of a line for a shell."""
    inside = re.search(r"\$\((edgesync [^)]*)\)", operation.example)
    return inside[1] if inside else operation.example.partition(" > ")[0]


def test_nothing_that_changes_a_lab_is_left_to_the_command_line() -> None:
    kept_back = {item.name for item in all_operations() if not item.remote}
    elsewhere = {"doctor", "simulate.campaign", "subscription.inspect", "trust.probe"}
    assert kept_back - elsewhere == WHOLE_LABS
    lab_less = {item.name for item in all_operations() if not (item.writes or item.needs_lab)}
    assert elsewhere <= lab_less


@pytest.mark.parametrize("operation", offered(), ids=lambda item: item.name)
def test_a_form_shows_the_command_that_does_the_same(site: Site, operation: Operation) -> None:
    asked = parse_command(example(operation))
    assert asked.operation is operation
    fields = {PREFIX + name: value for name, value in asked.parameters.items()}
    page = site.page(f"/do/{operation.name}?{urlencode(fields, doseq=True)}")
    assert page.status == 200
    shown = parse_command(unescape(COMMAND.findall(page.text)[0]))
    assert shown.operation is operation
    for parameter in operation.parameters:
        meant = asked.parameters.get(parameter.name, parameter.default)
        assert shown.parameters.get(parameter.name, parameter.default) == meant


def test_the_page_of_actions_leads_to_each(site: Site) -> None:
    text = site.page("/actions").text
    assert {item.name for item in offered()} == set(re.findall(r'href="/do/([\w.]+)"', text))


def test_only_what_may_change_the_lab_is_marked_so(site: Site) -> None:
    """A call that only looks leaves no command in the lab's memory and moves no clock."""
    inner = site.lab.lab
    before = (inner.clock.now(), len(list(inner.ledger.commands())))
    for item in offered():
        if (
            not item.changes({})
            and item.needs_lab
            and not any(p.is_required for p in item.parameters)
        ):
            site.call(item.name)
    assert (inner.clock.now(), len(list(inner.ledger.commands()))) == before
    assert site.call("mail.queue", parameters={"retry": True}).status == 200
    assert len(list(inner.ledger.commands())) == before[1] + 1


NOT_TRIED = frozenset({"sync.watch", "simulate.run", "simulate.replay"})
"""They go on for as long as they are told, or for seconds; each has tests of its own."""


@pytest.mark.parametrize(
    "operation", [o for o in offered() if o.name not in NOT_TRIED], ids=lambda item: item.name
)
def test_each_action_ends_in_an_answer_or_in_a_reason(
    operation: Operation, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its example, sent as the form sends it; what earlier ones did to the lab stays."""
    monkeypatch.chdir(tmp_path)
    asked = parse_command(example(operation))
    fields = {PREFIX + name: value for name, value in asked.parameters.items()}
    given = site.submit(f"/do/{operation.name}", answer="yes", **fields)
    assert given.status == 303, given.text
    page = site.page(given.headers["location"])
    assert page.status < 500, page.text
    shown = unescape(COMMAND.findall(page.text)[0])
    assert parse_command(shown).operation is operation
