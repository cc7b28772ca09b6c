"""What a scenario may expect, as words: one method per word, each says what is different."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from edgesync.errors import UsageError
from edgesync.events import Event
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.organization.servers import ServerObject, read_server
from edgesync.simulation.expectation import recipients_found
from edgesync.simulation.faults import Faults
from edgesync.simulation.mail_ledger import MailLedger
from edgesync.simulation.perform import Performed
from edgesync.simulation.scenario import parse_span
from edgesync.subscription.accounts import list_accounts


class Seen(Protocol):
    """What an expectation may look at: a play."""

    lab: Lab
    logged: list[Event]
    mail: MailLedger
    faults: Faults

    def ask(self, command: str) -> Performed:
        """Run a command on the present lab."""
        ...


ANSWER_SHOWN = 500
"""Characters of an answer that a failed expectation quotes."""

_COUNT = re.compile(r"(?P<how>>=|<=|=|<|>)?(?P<number>\d+)\Z")
_HOW: Mapping[str, Callable[[int, int], bool]] = {
    ">=": operator.ge, "<=": operator.le, "=": operator.eq, "<": operator.lt, ">": operator.gt,
}  # fmt: skip

USAGE: Mapping[str, str] = {
    "trusted": "expect trusted: every applicable cell of the trust matrix",
    "trust": "expect trust HUB01 EDGE01 smtp|ldaps REASON",
    "in-sync": "expect in-sync: every Edge, compared object by object",
    "sync": "expect sync EDGE01 Normal|Failed|... [full]",
    "job": "expect job EDGE01 recipients success|failed|partial",
    "lease": "expect lease EDGE01 HUB01",
    "account": "expect account EDGE01 ESRA.EDGE01.HUB01.1 [COUNT]: the accounts of that name",
    "event": "expect event 1036 [COUNT]: a number or a name, over the whole play",
    "answer": "expect answer 'TEXT' 'COMMAND': the command's JSON has the text",
    "no-answer": "expect no-answer 'TEXT' 'COMMAND': it has not",
    "queue": "expect queue COUNT: messages waiting anywhere",
    "delivered": "expect delivered COUNT: messages in mailboxes",
    "delay": "expect delay SPAN: no message took longer",
    "recipient": "expect recipient EDGE01 COUNT: recipients its ADAM knows",
    "impostor": "expect impostor EDGE01 COUNT: messages the machine in the middle got",
}
"""Every word after ``expect``."""


class Expectations:
    """Answers what is not as expected; nothing when all is."""

    def __init__(self, play: Seen) -> None:
        self._play = play

    def check(self, words: Sequence[str]) -> Iterator[str]:
        """Differences, in words.

        Raises:
            UsageError: nobody knows the expectation.
        """
        if not words or words[0] not in USAGE:
            raise UsageError(f"expect {' '.join(words)!r}", f"one of {', '.join(USAGE)}")
        method = getattr(self, "_" + words[0].replace("-", "_"))
        try:
            yield from method(*words[1:])
        except (TypeError, ValueError) as error:
            raise UsageError(f"expect {' '.join(words)}: {error}", USAGE[words[0]]) from error

    def _trusted(self) -> Iterator[str]:
        document = self._play.ask("trust matrix").document
        for cell in document.get("cells", []):
            if cell["verdict"] not in {"trusted", "not_applicable"}:
                way = f"{cell['verifier']} -> {cell['peer']} ({cell['path']})"
                yield f"{way} is {cell['verdict']}: {cell['reason']}"

    def _trust(self, verifier: str, peer: str, path: str, reason: str) -> Iterator[str]:
        done = self._play.ask(f"trust check {verifier} {peer} --path {path}")
        found = done.document.get("cell", {}).get("reason", done.message)
        if found != reason:
            yield f"it is {found}"

    def _in_sync(self) -> Iterator[str]:
        done = self._play.ask("sync verify --full")
        for edge in done.document.get("edges", []):
            if edge["sync_status"] != "Normal":
                yield f"{edge['edge']} is {edge['sync_status']}: {edge['failure_detail']}"
        if not done.document.get("edges"):
            yield done.message or "no Edge is subscribed"

    def _sync(self, edge: str, status: str, how: str = "") -> Iterator[str]:
        option = " --full" if how == "full" else ""
        done = self._play.ask(f"sync verify --edge {edge}{option}")
        edges = done.document.get("edges", [])
        found = edges[0]["sync_status"] if edges else done.message
        if found != status:
            yield f"it is {found}"

    def _job(self, edge: str, job: str, result: str) -> Iterator[str]:
        lines = self._server(edge).status
        found = next((line for line in lines if line.startswith(f"job={job};")), "no run yet")
        if f";result={result};" not in found:
            yield f"it is {found}"

    def _lease(self, edge: str, hub: str) -> Iterator[str]:
        value = (self._server(edge).lease or b"").decode()
        if f";holder={hub};".casefold() not in value.casefold():
            yield f"it is {value or 'free'}"

    def _account(self, edge: str, name: str, count: str = "1") -> Iterator[str]:
        directory = self._play.lab.edge(edge)
        accounts = list_accounts(directory.port("expect"), directory.names)
        yield from _counted(sum(n.casefold() == name.casefold() for n in accounts), count)

    def _event(self, what: str, count: str = ">=1") -> Iterator[str]:
        found = sum(what in {str(e.kind.id), e.kind.name} for e in self._play.logged)
        yield from _counted(found, count)

    def _answer(self, text: str, command: str) -> Iterator[str]:
        done = self._play.ask(command)
        found = json.dumps(done.document, ensure_ascii=False)
        if text not in found:
            yield f"it is {(found if done.document else done.message)[:ANSWER_SHOWN]}"

    def _no_answer(self, text: str, command: str) -> Iterator[str]:
        if not list(self._answer(text, command)):
            yield "it has the text"

    def _queue(self, count: str) -> Iterator[str]:
        services = self._play.lab.service(Network).mail().services.values()
        rows = [row for service in services for row in service.queues()]
        yield from _counted(sum(row.message_count for row in rows), count)

    def _delivered(self, count: str) -> Iterator[str]:
        boxes = self._play.lab.service(Network).mail().mailboxes
        yield from _counted(sum(len(boxes.messages(box)) for box in boxes.mailboxes()), count)

    def _delay(self, span: str) -> Iterator[str]:
        longest = self._play.mail.longest_delay()
        if longest > parse_span(span):
            yield f"the longest took {longest}"

    def _recipient(self, edge: str, count: str) -> Iterator[str]:
        yield from _counted(len(recipients_found(self._play.lab, edge)), count)

    def _impostor(self, server: str, count: str) -> Iterator[str]:
        name = self._play.lab.server(server).name
        impostor = self._play.faults.impostors.get(name)
        yield from _counted(len(impostor.taken) if impostor else 0, count)

    def _server(self, edge: str) -> ServerObject:
        directory = self._play.lab.edge(edge)
        found = read_server(directory.port("expect"), directory.names, directory.name)
        assert found is not None
        return found


def _counted(found: int, wanted: str) -> Iterator[str]:
    match = _COUNT.match(wanted)
    if match is None:
        raise ValueError(f"{wanted!r} is no count such as 3 or >=1")
    if not _HOW[match["how"] or "="](found, int(match["number"])):
        yield f"there are {found}"
