"""A fault as people ask for it: what happens, on whose line, to which requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from edgesync.errors import UsageError

SECONDS_MAX = 3600.0
"""Longest delay: every client of this field has given up by then."""

AT_MAX = 1000
"""Most numbers of one script."""


class FaultKind(StrEnum):
    """What goes wrong."""

    CUT = "cut"
    RESET = "reset"
    LOSE_ACK = "lose-ack"
    DELAY = "delay"
    REFUSE_BIND = "refuse-bind"
    STRIP_TLS = "strip-tls"
    RESIGN_TLS = "resign-tls"


GISTS = {
    FaultKind.CUT: "connections end before a word is said",
    FaultKind.RESET: "the connection is reset when a request comes; the server never sees it",
    FaultKind.LOSE_ACK: "the request is done, its answer never comes, the connection is reset",
    FaultKind.DELAY: "the answer comes so many seconds late",
    FaultKind.REFUSE_BIND: "LDAP binds get invalidCredentials, AUTH of SMTP gets 535; "
    "the server sees none of them",
    FaultKind.STRIP_TLS: "STARTTLS and X-ANONYMOUSTLS are not offered, "
    "and refused when asked for all the same",
    FaultKind.RESIGN_TLS: "somebody in the middle ends TLS with a look-alike certificate "
    "and opens TLS of their own",
}
"""What each does."""


OF_CONNECTIONS = frozenset({FaultKind.CUT, FaultKind.STRIP_TLS, FaultKind.RESIGN_TLS})
"""Kinds that strike a connection when it begins; the others strike requests."""

SERVICES = (
    "smtp", "ldap", "ldaps", "gc", "http", "https", "pop", "pops", "imap", "imaps", "sip", "sips",
)  # fmt: skip
"""Listeners that can be hit, as ``lab status`` names them."""

BINDS = frozenset({"bind", "auth", "x-exps"})
"""Requests that prove who somebody is."""

_BINDING = frozenset({"smtp", "ldap", "ldaps", "gc"})
_STRIPPED = frozenset({"smtp", "ldap", "gc"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. It strikes by script (``at``), else by probability, at most ``times`` times."""

    id: int
    kind: FaultKind
    server: str
    """At whose listeners: a server of the lab, or AD."""
    service: str = ""
    """Which listener: a word of SERVICES; empty means every one."""
    caller: str = ""
    """Only when this machine of the lab calls; empty means whoever does, strangers too."""
    request: str = ""
    """Only these requests: bind, search, add, modify, ... of LDAP, a verb of SMTP."""
    at: tuple[int, ...] = ()
    """Which of the requests (or connections) that fit, counted from 1."""
    probability: float = 1.0
    times: int = 0
    """How often at most; 0 means without end."""
    seconds: float = 0.0
    """How late an answer comes."""

    @property
    def is_of_connections(self) -> bool:
        """Whether it strikes connections rather than requests."""
        return self.kind in OF_CONNECTIONS

    def lies_between(self, server: str, service: str, caller: str) -> bool:
        """Whether it may strike on the line between a caller and a listener."""
        return (
            server.casefold() == self.server.casefold()
            and self.service in {"", service}
            and self.reaches(service)
            and self.caller.casefold() in {"", caller.casefold()}
        )

    def concerns(self, operation: str) -> bool:
        """Whether it may strike a request of this name."""
        if self.kind is FaultKind.REFUSE_BIND and operation.casefold() not in BINDS:
            return False
        return self.request.casefold() in {"", operation.casefold()}

    def reaches(self, service: str) -> bool:
        """Whether a listener of this protocol has what the fault spoils."""
        if self.kind is FaultKind.REFUSE_BIND:
            return service in _BINDING
        return self.kind is not FaultKind.STRIP_TLS or service in _STRIPPED

    def checked(self) -> Fault:
        """The fault itself, when it can be.

        Raises:
            UsageError: names what cannot be.
        """
        if self.service and (self.service not in SERVICES or not self.reaches(self.service)):
            raise UsageError(
                f"{self.kind} cannot happen at {self.service!r}",
                f"services are {', '.join(s for s in SERVICES if self.reaches(s))}",
            )
        if not 0.0 < self.probability <= 1.0:
            raise UsageError(
                f"a probability of {self.probability:g} is none", "more than 0, at most 1"
            )
        if len(self.at) > AT_MAX or any(number < 1 for number in self.at):
            raise UsageError("at counts from 1", f"for example 1,3,5; at most {AT_MAX} numbers")
        if self.at and self.probability != 1.0:
            raise UsageError("a fault strikes by script or by probability", "give one of them")
        if self.times < 0 or not 0.0 <= self.seconds <= SECONDS_MAX:
            raise UsageError(
                "times and seconds cannot be negative", f"seconds are at most {SECONDS_MAX:g}"
            )
        if (self.kind is FaultKind.DELAY) != bool(self.seconds):
            raise UsageError(
                "delay and seconds belong together", "fault add delay HUB01 --seconds 5"
            )
        if self.is_of_connections and self.request:
            raise UsageError(f"{self.kind} strikes connections, not requests", "leave it out")
        return self

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "kind": self.kind.value, "at": list(self.at)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Fault:
        """Back from JSON."""
        known = {item.name for item in fields(cls)}
        given = {name: value for name, value in document.items() if name in known}
        given |= {"kind": FaultKind(given["kind"]), "at": tuple(given["at"])}
        return cls(**given)
