"""Plays a scenario step by step on a lab in virtual time, with checkers looking on."""

from __future__ import annotations

import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from directory.errors import DirectoryError
from edgesync.errors import EdgeSyncError, ExitCode, NoSuchThing, UsageError
from edgesync.events import MESSAGE_DELIVERED, MESSAGE_RETURNED, Event
from edgesync.lab.folder import VIRTUAL, new_lab, open_lab
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.lab.routine import Routine
from edgesync.simulation.acts import ACTS, Stage, current
from edgesync.simulation.checkers import Violation, Watch
from edgesync.simulation.coverage import STRUCK, kind_of
from edgesync.simulation.disk import photograph
from edgesync.simulation.expect import Expectations
from edgesync.simulation.fault_table import begin, heal
from edgesync.simulation.faults import Faults
from edgesync.simulation.faulty_port import Crash
from edgesync.simulation.internet import InternetHost
from edgesync.simulation.mail_ledger import MailLedger
from edgesync.simulation.outcome import Failure, Played
from edgesync.simulation.perform import Perform, Performed
from edgesync.simulation.scenario import Scenario, parse_span
from edgesync.simulation.trace import Trace

QUIET_TIME = timedelta(hours=9)
"""After the last fault: two rounds of the slowest job (recipients, 4 hours) and one hour more."""

OUTSIDE = "fourth.test"
"""Where partners and strangers of the scenarios have their mailboxes."""

CRASHES_MAX = 20
"""Most restarts during one step: a crash strikes once, so more is a loop."""

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder with a name of its own is made below it
"""Where Linux has files in memory."""

PASSIVE = frozenset({"advance", "send", "expect", "settle"})
"""Steps that change nothing by themselves."""

BOOK = (["add"], ["remove"], ["clear"], ["list"])
"""After ``fault``: a command on the lab's own list of faults."""

_EXIT = re.compile(r"(?P<step>.*?)\s+=>\s+(?P<exit>\d+|any)\Z")
_PLACE = re.compile(r"\{(?P<which>internal|newest|oldest):(?P<server>[^}]+)\}")


@dataclass
class Play:
    """One performance: the lab of the moment and everything around it."""

    scenario: Scenario
    perform: Perform
    folder: Path
    lab: Lab
    trace: Trace = field(default_factory=Trace)
    mail: MailLedger = field(default_factory=MailLedger)
    failures: list[Failure] = field(default_factory=list)
    number: int = 0
    events: int = 0
    logged: list[Event] = field(default_factory=list)
    messages: int = 0
    met: Counter[str] = field(default_factory=Counter)
    well_since: datetime = field(init=False)
    """When people or faults did something last; from then on all is as it should be, or soon."""
    remains: Path | None = None
    """What the disks had when everything died."""
    internet: InternetHost = field(default_factory=lambda: InternetHost(OUTSIDE))

    def __post_init__(self) -> None:
        self.watch = Watch(self.lab)
        self.faults = Faults(self.lab)
        self.stage = Stage(self.lab, self.faults, self.scenario.seed)
        self.started_at = self.well_since = self.lab.clock.now()
        self.expectations = Expectations(self)
        self._attach(self.lab)

    def _attach(self, lab: Lab) -> None:
        self.faults.attach(lab)
        self.lab = self.watch.lab = self.stage.lab = lab
        self.faults.on_session = self.watch.session
        self.faults.before_write = self.watch.before_write
        self.faults.after_write = self.watch.after_write
        self.faults.die = self._die
        self.faults.perform = self._meanwhile
        lab.service(Routine)
        network = lab.service(Network)
        network.mail()
        network.strangers[OUTSIDE] = self.internet.connect
        lab.listeners.append(self._heard)

    def _heard(self, event: Event) -> None:
        self.events += 1
        self.logged.append(event)
        self.trace.event(event)
        message = str(event.data.get("message", ""))
        if event.kind is MESSAGE_DELIVERED and self._has_arrived(message, str(event.data["how"])):
            self.mail.ended.setdefault(message, event.at)
        if event.kind is MESSAGE_RETURNED:
            self.mail.returned.add(message)

    def _has_arrived(self, message: str, how: str) -> bool:
        """A hop inside the organisation is no arrival: a mailbox is, and the host outside."""
        sent = self.mail.sent.get(message)
        return sent is not None and (how == "to the mailbox" if sent[2] else OUTSIDE in how)

    def close(self) -> None:
        """Let the lab of the moment go."""
        self.lab.close()

    # steps ---------------------------------------------------------------------------------

    def run(self) -> Played:
        """Take every step; the first failure of a checker ends the play."""
        for number, step in enumerate(self.scenario.steps, 1):
            self.number = number
            self._step(step)
            if any(failure.checker != "expectation" for failure in self.failures):
                break
        return Played(
            self.scenario, self.trace, tuple(self.failures), self.started_at,
            self.lab.clock.now(), self.events, self.mail.longest_delay(),
            self.met + Counter({STRUCK + k: n for k, n in self.faults.struck.items()}),
        )  # fmt: skip

    def _step(self, step: str) -> None:
        self.trace.add(self.lab.clock.now(), "step", "", step)
        self.met[kind_of(step)] += 1
        if step.partition(" ")[0] not in PASSIVE:
            self.well_since = self.lab.clock.now()
        done = False
        for _ in range(CRASHES_MAX):
            try:
                if not done:
                    self._take(step)
                break
            except Crash:
                self._restart()
                done = not step.startswith("advance")  # the operator sees it and tries no more
            except EdgeSyncError as error:
                self.fail("step", f"{step}: {error.message}")
                break
        self._look()

    def _take(self, step: str) -> None:
        words = shlex.split(step)
        verb = words[0]
        if verb == "advance":
            self._advance(parse_span(words[1]))
        elif verb == "settle":
            self._settle()
        elif verb == "fault" and words[1:2] not in BOOK:
            begin(self.faults, words[1:])
        elif verb == "heal":
            heal(self.faults, words[1:])
        elif verb == "expect":
            for problem in self.expectations.check(words[1:]):
                self.fail("expectation", f"{step}: {problem}")
        elif verb == "send":
            self._send(words[1:])
        else:
            self._command(step)

    def _act(self, verb: str, words: Sequence[str], step: str) -> Performed:
        usage, _, act = ACTS[verb]
        self.lab.begin_command(step)
        try:
            act(self.stage, words)
        except (IndexError, KeyError) as error:
            raise UsageError(f"{step!r} needs more words", f"usage: {usage}") from error
        except UsageError:
            raise
        except EdgeSyncError as error:
            return Performed(int(error.exit_code), {}, error.message)
        except DirectoryError as error:
            return Performed(int(ExitCode.FAILED), {}, str(error))
        return Performed(int(ExitCode.OK), {})

    def _command(self, step: str) -> None:
        """A command or an act, and how it ends: well, unless the line says otherwise."""
        match = _EXIT.match(step)
        text, wanted = (match["step"], match["exit"]) if match else (step, "0")
        self.watch.forced |= "--force-cookie" in text
        words = shlex.split(text)
        if words[0] == "tamper":
            self.watch.edited.add(self.lab.server(words[1]).name)
        if words[0] in ACTS:
            done = self._act(words[0], words[1:], text)
        else:
            done = self.ask(self._filled(text))
        self.trace.add(self.lab.clock.now(), "answer", "", str(done.exit_code))
        if wanted not in {"any", str(done.exit_code)}:
            said = f" ({done.message})" if done.message else ""
            self.fail("expectation", f"{text}: exit {done.exit_code}, not {wanted}{said}")

    def _meanwhile(self, step: str) -> None:
        """Somebody acts in the middle of a run; what comes of it is theirs."""
        self.trace.add(self.lab.clock.now(), "step", "", f"meanwhile: {step}")
        self.met[kind_of(step)] += 1
        with self.watch.not_looking():
            try:
                self._command(f"{step} => any")
            except EdgeSyncError as error:
                self.trace.add(self.lab.clock.now(), "answer", "", error.message)

    def ask(self, command: str) -> Performed:
        """Run a command on the present lab."""
        return self.perform(self.lab, command, self.folder)

    def _filled(self, text: str) -> str:
        def certificate(match: re.Match[str]) -> str:
            server = self.lab.server(match["server"]).name
            if match["which"] == "internal":
                return current(self.lab, server).thumbprint
            own = sorted(self.lab.store(server).certificates, key=lambda c: c.not_before)
            if not own:
                raise NoSuchThing(f"{server} has no certificate", "cert list shows")
            return (own[-1] if match["which"] == "newest" else own[0]).thumbprint

        return _PLACE.sub(certificate, text)

    def _advance(self, span: timedelta) -> None:
        until = self.lab.clock.now() + span
        self.watch.remember_source()
        for _ in range(CRASHES_MAX):
            try:
                self.lab.agenda.advance_to(until)
                break
            except Crash:
                self._restart()
        self.watch.check_one_way()

    def _settle(self) -> None:
        if self.faults.active:
            self.well_since = self.lab.clock.now()
        heal(self.faults, ["all"])
        self._advance(QUIET_TIME)
        self.watch.check_liveness()
        self.mail.check_end(self.lab, self.watch.report)
        budget = parse_span(self.scenario.mail_delay)
        self.mail.check_delay(self.well_since, budget, self.watch.report)

    def _send(self, words: Sequence[str]) -> None:
        """``send inbound [ADDRESS]`` or ``send outbound``: the checker follows the message."""
        forest = self.lab.description.forest
        inbound = words[0] == "inbound"
        self.messages += 1
        if inbound:
            to = words[1] if len(words) > 1 else f"user0@{forest}"
            text = f"mail send --from partner@{OUTSIDE} --to {to}"
        else:
            to = f"someone{self.messages}@{OUTSIDE}"
            text = f"mail send --from user0@{forest} --to {to}"
        done = self.ask(f"{text} --subject 'Message {self.messages}'")
        rows = done.document.get("recipients", [])
        refused = [row for row in rows if row["state"] in {"refused", "returned"}]
        message_id = done.document.get("message_id", "")
        state = rows[0]["state"] if rows else "none"
        self.trace.add(self.lab.clock.now(), "answer", "", f"{message_id} {state}")
        if message_id and not refused:
            now = self.lab.clock.now()
            self.mail.sent[message_id] = (now, to, inbound)
            if state in ({"delivered"} if inbound else {"relayed"}):
                self.mail.ended[message_id] = now

    # crashes and judgement -----------------------------------------------------------------

    def _die(self) -> NoReturn:
        """Keep what the disks have at this instant; all the rest is gone."""
        if self.lab.root is not None:
            self.remains = photograph(self.lab.root)
        raise Crash

    def _restart(self) -> None:
        """Everything in memory is gone; what the disks had is there. Time has not stood still."""
        root, now = self.lab.root, self.lab.clock.now()
        assert root is not None, "faults that crash ask for a lab on disk"
        assert self.remains is not None
        self.trace.add(now, "fault", "", "crash and restart")
        with suppress(EdgeSyncError, DirectoryError):
            self.lab.close()
        shutil.rmtree(root)
        self.remains.rename(root)
        self.remains = None
        lab = open_lab(root, effort=VIRTUAL)
        lab.clock.set(now)
        self._attach(lab)

    def _look(self) -> None:
        self.watch.check_safety()
        self.mail.check(self.lab, self.faults.lost_mail_acks, self.watch.report)
        for impostor in self.faults.impostors.values():
            if any(taken.message_id in self.mail.sent for taken in impostor.taken):
                self.watch.report("impostor-took-mail", "mail of the organisation went to it")
        for violation in self.watch.violations:
            self._violated(violation)
        self.watch.violations.clear()

    def _violated(self, violation: Violation) -> None:
        self.trace.add(violation.at, "check", "", f"{violation.checker}: {violation.detail}")
        self.failures.append(
            Failure(violation.checker, violation.at, self.number, violation.detail)
        )

    def fail(self, checker: str, detail: str) -> None:
        """Something is not as it should be."""
        self._violated(Violation(checker, self.lab.clock.now(), detail))


def play(
    scenario: Scenario, perform: Perform, *, prepare: Callable[[Play], None] = lambda _play: None
) -> Played:
    """Play a scenario in a lab of its own, which is gone afterwards.

    ``prepare`` sees the play before its first step: tests break parts of the code there.
    """
    with ExitStack() as stack:
        scratch = IN_MEMORY if IN_MEMORY.is_dir() else None  # fsync costs nothing there
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="edgesync-play-", dir=scratch)))
        root = folder / "lab" if scenario.lab.durable else None
        lab = new_lab(scenario.lab.description(scenario.seed), root, effort=VIRTUAL)
        show = Play(scenario, perform, folder, lab)
        stack.callback(show.close)
        prepare(show)
        return show.run()
