"""Every fault that can be put into a lab and taken out again, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from edgesync.errors import UsageError
from edgesync.lab.faults.book import FaultBook
from edgesync.lab.faults.fault import Fault as LineFault
from edgesync.lab.faults.fault import FaultKind
from edgesync.lab.network import Network
from edgesync.simulation.disk import Moment, Tripwire, lay, lift
from edgesync.simulation.faults import Faults
from edgesync.simulation.faulty_port import PortFault
from edgesync.simulation.impostor import Impostor
from edgesync.simulation.scenario import parse_span
from edgesync.simulation.skew import SkewedClock

Words = Sequence[str]
CRASHES = frozenset({PortFault.CRASH, PortFault.CRASH_AFTER})


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: its words, and what it does to a lab."""

    name: str
    usage: str
    gist: str
    begin: Callable[[Faults, Words], None]
    end: Callable[[Faults, Words], None]


def begin(faults: Faults, words: Words) -> None:
    """Put a fault in: its name and operands.

    Raises:
        UsageError: nobody knows it, or it needs other words.
    """
    fault = _find(words)
    try:
        fault.begin(faults, words[1:])
    except (IndexError, ValueError) as error:
        raise UsageError(f"fault {' '.join(words)!r}", f"usage: {fault.usage}") from error
    faults.active[tuple(words)] = None


def heal(faults: Faults, words: Words) -> None:
    """Take a fault out, or ``all`` of them."""
    for known in [w for w in faults.active if list(words) in (["all"], list(w))]:
        _find(known).end(faults, known[1:])
        del faults.active[known]


def _pair(faults: Faults, words: Words) -> tuple[str, str]:
    return faults.lab.server(words[0]).name, faults.lab.server(words[1]).name


def _cut(faults: Faults, words: Words) -> None:
    faults.cut.add(frozenset(name.casefold() for name in _pair(faults, words)))


def _join(faults: Faults, words: Words) -> None:
    faults.cut.discard(frozenset(name.casefold() for name in _pair(faults, words)))


def _require_disk(faults: Faults) -> None:
    if faults.lab.root is None:
        raise UsageError("a lab in memory does not survive a crash", "[lab] durable = true")


def _plan(fault: PortFault) -> Callable[[Faults, Words], None]:
    def planned(faults: Faults, words: Words) -> None:
        if fault in CRASHES:
            _require_disk(faults)
        at = int(words[2]) if len(words) > 2 else 0
        faults.plan(_pair(faults, words), fault, at)

    return planned


def _interrupt(faults: Faults, words: Words) -> None:
    step = " ".join(words[3:])
    if not step:
        raise IndexError
    faults.plan(_pair(faults, words), PortFault.DURING, int(words[2]), step)


def _unplan(faults: Faults, words: Words) -> None:
    faults.plans.pop(_pair(faults, words), None)


def _wire(faults: Faults, words: Words) -> None:
    _require_disk(faults)
    moment = Moment(words[2]) if len(words) > 2 else Moment.BEFORE
    at, store = int(words[1]), faults.directory(words[0]).agent.store

    def die() -> NoReturn:
        faults.struck["crash-write"] += 1
        faults.die()

    lay(store, lambda journal: Tripwire(journal, at, moment, die))  # passes everything else on


def _unwire(faults: Faults, words: Words) -> None:
    lift(faults.directory(words[0]).agent.store, Tripwire)


def _skew(faults: Faults, words: Words) -> None:
    clock = faults.lab.clock
    name = faults.lab.server(words[0]).name
    faults.set_clock(name, SkewedClock(clock, parse_span(words[1]), clock.now()))


def _drift(faults: Faults, words: Words) -> None:
    clock = faults.lab.clock
    name = faults.lab.server(words[0]).name
    faults.set_clock(name, SkewedClock(clock, parse_span("0s"), clock.now(), float(words[1])))


def _mend_clock(faults: Faults, words: Words) -> None:
    faults.set_clock(faults.lab.server(words[0]).name, None)


def _other_controller(faults: Faults, _words: Words) -> None:
    faults.other_controller = True


def _own_controller(faults: Faults, _words: Words) -> None:
    faults.other_controller = False


def _strip(faults: Faults, words: Words) -> None:
    faults.stripped.add(frozenset(_pair(faults, words)))


def _unstrip(faults: Faults, words: Words) -> None:
    faults.stripped.discard(frozenset(_pair(faults, words)))


def _garble(faults: Faults, words: Words) -> None:
    faults.garbled.add(frozenset(_pair(faults, words)))


def _ungarble(faults: Faults, words: Words) -> None:
    faults.garbled.discard(frozenset(_pair(faults, words)))


def _resign(faults: Faults, words: Words) -> None:
    """Both ways: the middle reads the names of both and shows each a twin of the other."""
    first, second = _pair(faults, words)
    book = faults.lab.service(FaultBook)
    for caller, target in ((first, second), (second, first)):
        found = book.add(LineFault(0, FaultKind.RESIGN_TLS, target, caller=caller))
        faults.in_book.setdefault(frozenset((first, second)), []).append(found.id)


def _leave(faults: Faults, words: Words) -> None:
    book = faults.lab.service(FaultBook)
    mine = faults.in_book.pop(frozenset(_pair(faults, words)), [])
    for counted in book.listed():
        if counted.fault.id in mine:
            faults.struck["resign-tls"] += counted.struck
            book.remove(counted.fault.id)


def _impersonate(faults: Faults, words: Words) -> None:
    name = faults.lab.server(words[0]).name
    network = faults.lab.service(Network)
    impostor = Impostor(faults.lab, name, network.host(name))
    faults.impostors[name] = impostor
    faults.masked.add(name)
    network.impostors[name] = impostor.host


def _unmask(faults: Faults, words: Words) -> None:
    name = faults.lab.server(words[0]).name
    faults.masked.discard(name)
    faults.lab.service(Network).impostors.pop(name, None)


def _break_mail(*, loses_ack: bool) -> Callable[[Faults, Words], None]:
    def breaks(faults: Faults, words: Words) -> None:
        faults.breaking[_pair(faults, words)] = (int(words[2]), loses_ack)

    return breaks


def _mend_mail(faults: Faults, words: Words) -> None:
    faults.breaking.pop(_pair(faults, words), None)


def _find(words: Words) -> Fault:
    found = next((fault for fault in FAULTS if words and fault.name == words[0]), None)
    if found is None:
        known = ", ".join(fault.name for fault in FAULTS)
        raise UsageError(f"there is no fault {' '.join(words)!r}", f"faults are {known}")
    return found


FAULTS: tuple[Fault, ...] = (
    Fault("cut", "cut HUB01 EDGE01", "no packet passes between two machines", _cut, _join),
    *(
        Fault(fault.value, f"{fault.value} HUB01 EDGE01 [N]", gist, _plan(fault), _unplan)
        for fault, gist in (
            (PortFault.LOSE_REQUEST, "the N-th write of the Hub's sessions never arrives"),
            (PortFault.LOSE_ACK, "the N-th write is done, its acknowledgement is lost"),
            (PortFault.REPEAT, "the N-th write arrives twice and is acknowledged twice"),
            (PortFault.CRASH, "everything dies before the N-th write, and starts again"),
            (PortFault.CRASH_AFTER, "everything dies right after the N-th write"),
        )
    ),
    Fault("during", "during HUB01 EDGE01 N STEP",
          "right before the N-th write of the Hub's sessions somebody takes a step: "
          "a command or an act", _interrupt, _unplan),
    Fault("crash-write", "crash-write AD N [before|within|after]",
          "everything dies at the N-th write of a directory's journal, whoever writes; "
          "within: before its transaction is committed", _wire, _unwire),
    Fault("skew", "skew HUB01 2h", "a machine's clock is off by a span", _skew, _mend_clock),
    Fault("drift", "drift EDGE01 500", "a machine's clock runs too fast by parts per million",
          _drift, _mend_clock),
    Fault("failover-dc", "failover-dc", "EdgeSync reads AD from another domain controller",
          _other_controller, _own_controller),
    Fault("disk-full", "disk-full EDGE01", "the journal of AD or of an Edge's ADAM takes nothing",
          lambda f, w: f.fill_disk(f.directory(w[0]).name),
          lambda f, w: f.free_disk(f.directory(w[0]).name)),
    Fault("strip-tls", "strip-tls HUB01 EDGE01", "a firewall removes STARTTLS and X-ANONYMOUSTLS",
          _strip, _unstrip),
    Fault("garble-tls", "garble-tls HUB01 EDGE01", "something spoils TLS between two machines",
          _garble, _ungarble),
    Fault("resign-tls", "resign-tls HUB01 EDGE01",
          "a machine in the middle ends TLS on both sides with look-alikes and passes all on",
          _resign, _leave),
    Fault("impostor", "impostor EDGE01", "a machine with a key of its own answers in its place",
          _impersonate, _unmask),
    Fault("break-mail", "break-mail EDGE01 HUB01 N", "the next SMTP connection breaks",
          _break_mail(loses_ack=False), _mend_mail),
    Fault("lose-mail-ack", "lose-mail-ack EDGE01 HUB01 N",
          "the next SMTP connection breaks after the N-th answer was sent",
          _break_mail(loses_ack=True), _mend_mail),
)  # fmt: skip
"""Every fault there is."""
