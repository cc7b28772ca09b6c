"""The faults of one lab: put in, taken out, counted. They are kept with the lab's memory.

A fault strikes the n-th request that fits it, or does not, whatever the hour and the thread: chance
is drawn from the lab's seed, the fault's number and n.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from directory.entropy import SeededEntropy
from edgesync.errors import NoSuchThing, RefusedByRule
from edgesync.lab.directories import AD
from edgesync.lab.faults.fault import Fault
from edgesync.lab.lab import Lab

FAULTS_MAX = 100
"""Most faults at once: each is looked at for every request."""

_KEY = "faults"
_DRAW_OCTETS = 7


@dataclass(frozen=True, slots=True)
class Wire:
    """One place where bytes pass: between a listener and whoever calls it.

    A wire while the lab is up has two places: the listener, where callers have no names, and the
    side of a machine of the lab that calls. In memory both are one.
    """

    server: str
    service: str
    caller: str = ""
    """The machine of the lab that calls, where it is known."""
    is_at_listener: bool = True

    def has(self, fault: Fault) -> bool:
        """Whether a fault lies here."""
        is_here = bool(self.caller) if fault.caller else self.is_at_listener
        return is_here and fault.lies_between(self.server, self.service, self.caller)


@dataclass(slots=True)
class Counted:
    """A fault with what it met and what it struck."""

    fault: Fault
    seen: int = 0
    struck: int = 0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.fault.document(), "seen": self.seen, "struck": self.struck}


class FaultBook:
    """The faults of one lab. Safe to use from the lab's threads."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._lock = threading.Lock()
        self._faults: list[Counted] = [
            Counted(Fault.from_document(row), row["seen"], row["struck"])
            for row in lab.ledger.get(_KEY) or ()
        ]
        self._last = max((item.fault.id for item in self._faults), default=0)
        self.changed: list[Callable[[], None]] = []
        """Told when faults came or went."""

    # the list --------------------------------------------------------------------------------

    def listed(self) -> list[Counted]:
        """Every fault, as it stands."""
        with self._lock:
            return [replace(item) for item in self._faults]

    def add(self, fault: Fault) -> Fault:
        """Put a fault in; gives it back with its number and with names as the lab writes them.

        Raises:
            UsageError: it cannot be.
            NoSuchThing: the lab has no such server.
            RefusedByRule: there are too many.
        """
        lab = self._lab
        server = AD if fault.server.upper() == AD else lab.server(fault.server).name
        caller = lab.server(fault.caller).name if fault.caller else ""
        with self._lock:
            if len(self._faults) >= FAULTS_MAX:
                raise RefusedByRule(f"a lab has at most {FAULTS_MAX} faults", "remove some")
            self._last += 1
            numbered = replace(fault, id=self._last, server=server, caller=caller).checked()
            self._faults.append(Counted(numbered))
        self._tell()
        return numbered

    def remove(self, number: int) -> Fault:
        """Take one fault out.

        Raises:
            NoSuchThing: there is none of that number.
        """
        with self._lock:
            found = next((item for item in self._faults if item.fault.id == number), None)
            if found is None:
                raise NoSuchThing(f"there is no fault {number}", "edgesync fault list")
            self._faults.remove(found)
        self._tell()
        return found.fault

    def clear(self) -> int:
        """Take every fault out; returns how many there were."""
        with self._lock:
            count = len(self._faults)
            self._faults.clear()
        self._tell()
        return count

    def close(self) -> None:
        """Remember how far each script has come."""
        if self._faults:
            self._save()

    def _tell(self) -> None:
        self._save()
        for tell in list(self.changed):
            tell()

    def _save(self) -> None:
        self._lab.ledger.set(**{_KEY: [item.document() for item in self.listed()]})

    # strikes ---------------------------------------------------------------------------------

    def is_hit(self, wire: Wire) -> bool:
        """Whether any fault may strike on this line."""
        with self._lock:
            return any(wire.has(item.fault) for item in self._faults)

    def looks_inside(self, wire: Wire) -> bool:
        """Whether any fault of this line strikes requests, which TLS would hide."""
        with self._lock:
            return any(
                wire.has(item.fault) and not item.fault.is_of_connections for item in self._faults
            )

    def connection(self, wire: Wire) -> list[Fault]:
        """Count a connection that begins; the faults that strike it."""
        return self._struck(wire, "", of_connections=True)

    def request(self, wire: Wire, operation: str) -> list[Fault]:
        """Count a request; the faults that strike it."""
        return self._struck(wire, operation, of_connections=False)

    def _struck(self, wire: Wire, operation: str, *, of_connections: bool) -> list[Fault]:
        with self._lock:
            return [
                item.fault
                for item in self._faults
                if item.fault.is_of_connections is of_connections
                and wire.has(item.fault)
                and item.fault.concerns(operation)
                and self._strikes(item)
            ]

    def _strikes(self, item: Counted) -> bool:
        fault = item.fault
        item.seen += 1
        if fault.times and item.struck >= fault.times:
            return False
        strikes = item.seen in fault.at if fault.at else self._draw(item) < fault.probability
        item.struck += strikes
        return strikes

    def _draw(self, item: Counted) -> float:
        """A number from 0 to 1 for this fault's n-th request: the same in every run."""
        if item.fault.probability >= 1.0:
            return 0.0
        entropy = SeededEntropy(self._lab.description.seed, f"fault/{item.fault.id}/{item.seen}")
        octets = entropy.token_bytes(_DRAW_OCTETS)
        return int.from_bytes(octets, "big") / float(1 << (8 * _DRAW_OCTETS))
