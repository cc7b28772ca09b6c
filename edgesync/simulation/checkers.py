"""What must never happen, and what must have happened after quiet time.

Checkers look at directories, sessions and mailboxes, never at what the engine says of itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from directory.model.filter import ANY_ENTRY, Present
from directory.model.messages import ModifyRequest, Scope, SearchRequest
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.organization.servers import ServerRole, list_servers
from edgesync.port.embedded import EmbeddedPort
from edgesync.port.port import DirectoryPort, Write, find, iterate, read
from edgesync.simulation.expectation import (
    configuration_expected,
    configuration_found,
    differences,
    recipients_expected,
    recipients_found,
)
from edgesync.simulation.pairs import distrusted_pairs

CREDENTIALS = "msExchEdgeSyncCredential"
LEASE = "msExchEdgeSyncLease"
COOKIES = "msExchEdgeSyncCookies"
CERTIFICATE = "msExchServerInternalTLSCert"

EDGESYNC_MAY_CHANGE = frozenset({CREDENTIALS.lower()})
"""All that EdgeSync itself changes in AD (edgesync-facts 3.3): its own credentials."""

_BOOKKEEPING = frozenset({"whenchanged", "usnchanged", "dscorepropagationdata"})

SAME_RUN = timedelta(seconds=1)
"""A cookie this old is the run's own: virtual time stands still during a run."""

FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    checker: str
    at: datetime
    detail: str


@dataclass
class Watch:
    """Eyes on one lab: fed by the faults' hooks, asked between steps."""

    lab: Lab
    violations: list[Violation] = field(default_factory=list)
    forced: bool = False
    """A cookie was advanced by the operator's force: it may be ahead from then on."""
    edited: set[str] = field(default_factory=set)
    """Edges whose configuration somebody edited by hand: no cookie knows of that."""
    _source: tuple[int, dict[str, dict[str, tuple[bytes, ...]]]] | None = None
    _read_from: dict[tuple[str, str], int] = field(default_factory=dict)
    """AD's last change when a Hub's session on an Edge began."""

    def report(self, checker: str, detail: str) -> None:
        """Keep a violation; the same one is kept once."""
        found = Violation(checker, self.lab.clock.now(), detail)
        if not any((v.checker, v.detail) == (checker, detail) for v in self.violations):
            self.violations.append(found)

    # hooks ---------------------------------------------------------------------------------

    def session(self, hub: str, edge: str, port: DirectoryPort) -> None:
        """No expired credential is accepted: who is bound has an account that is still good."""
        self._read_from[hub, edge] = self.lab.ad.agent.store.committed_usn
        if not isinstance(port, EmbeddedPort):
            return
        bound = port.session.identity.dn
        directory = self.lab.edge(edge)
        entry = read(directory.port("check"), bound, ("accountExpires",))
        ends = _filetime(entry.first("accountExpires") if entry else None)
        if ends is None or ends <= self.lab.clock.now():
            self.report("expired-credential", f"{bound.rdn.value} logged on to {edge} after {ends}")

    def before_write(self, hub: str, edge: str, write: Write) -> None:
        """One writer per Edge: whoever writes holds the lease, by ADAM's own word."""
        if isinstance(write, ModifyRequest) and any(
            change.name.lower() == LEASE.lower() for change in write.modifications
        ):
            return  # taking, renewing or giving back the lease: a compare-and-swap of its own
        holder = self._lease(edge).get("holder", "")
        if holder.casefold() != hub.casefold():
            self.report("one-writer", f"{hub} wrote on {edge} while {holder or 'nobody'} held it")

    def after_write(self, hub: str, edge: str, write: Write) -> None:
        """A cookie is never ahead of the data: what it stands for is there when it is written."""
        if not isinstance(write, ModifyRequest) or self.forced:
            return
        if self._read_from.get((hub, edge)) != self.lab.ad.agent.store.committed_usn:
            return  # AD has moved on since: what came meanwhile is for the next run
        written = [
            json.loads(value)["job"]
            for change in write.modifications
            if change.name.lower() == COOKIES.lower()
            for value in change.values
        ]
        for job in written:
            edited = job == "configuration" and edge in self.edited
            if edited or not self._is_new_cookie(hub, job, write):
                continue
            for difference in self._behind(edge, job):
                self.report("cookie-ahead", f"{job} cookie of {edge}, but {difference}")

    # between steps -------------------------------------------------------------------------

    def check_safety(self) -> None:
        """Everything that can be judged from what is there."""
        self._no_secret_in_adam()
        self._nobody_trusted_unpublished()

    def remember_source(self) -> None:
        """AD as it is before only servers act."""
        self._source = (self.lab.ad.agent.store.committed_usn, _dump(self.lab.ad_port()))

    def check_one_way(self) -> None:
        """One way: while only servers acted, AD changed in EdgeSync's own credentials alone."""
        if self._source is None:
            return
        (usn, before), self._source = self._source, None
        if usn == self.lab.ad.agent.store.committed_usn:
            return
        after = _dump(self.lab.ad_port())
        for dn in sorted({*before, *after}):
            old, new = before.get(dn, {}), after.get(dn, {})
            changed = {n for n in {*old, *new} if old.get(n) != new.get(n)} - _BOOKKEEPING
            if changed - EDGESYNC_MAY_CHANGE:
                self.report("one-way", f"{dn}: {', '.join(sorted(changed))} changed in AD")

    @contextmanager
    def not_looking(self) -> Iterator[None]:
        """Somebody acts in the middle of what servers do: that may change AD."""
        was_looking = self._source is not None
        self.check_one_way()
        yield
        if was_looking:
            self.remember_source()

    def check_liveness(self) -> None:
        """After quiet time: every Edge knows what it should, and trust is published everywhere."""
        lab = self.lab
        for server in list_servers(lab.ad_port(), lab.ad.names, role=ServerRole.EDGE):
            if server.name not in lab.edges or server.site is None:
                continue
            for job in ("configuration", "recipients"):
                for difference in self._behind(server.name, job):
                    self.report("convergence", f"{server.name}: {difference}")
        for problem in distrusted_pairs(lab):
            self.report("pair-distrusted", problem)

    # parts ---------------------------------------------------------------------------------

    def _behind(self, edge: str, job: str) -> Iterator[str]:
        lab = self.lab
        if job == "recipients":
            expected, found = recipients_expected(lab), recipients_found(lab, edge)
        elif job == "configuration":
            known = next(
                (s for s in list_servers(lab.ad_port(), lab.ad.names, role=ServerRole.EDGE)
                 if s.name.casefold() == edge.casefold()), None,
            )  # fmt: skip
            if known is None or known.site is None:
                return
            expected = configuration_expected(lab, known.site)
            found = configuration_found(lab, edge)
        else:
            return
        yield from map(str, differences(expected, found))

    def _is_new_cookie(self, hub: str, job: str, write: ModifyRequest) -> bool:
        """Whether a written cookie is this run's own; those of other jobs are only kept."""
        now = self.lab.clock_of(hub).now()
        for change in write.modifications:
            for value in change.values if change.name.lower() == COOKIES.lower() else ():
                given = json.loads(value)
                issued = datetime.fromisoformat(given["issued"])
                if given["job"] == job and abs(now - issued) <= SAME_RUN:
                    return True
        return False

    def _lease(self, edge: str) -> dict[str, str]:
        directory = self.lab.edge(edge)
        entry = read(directory.port("check"), directory.names.server(edge), (LEASE,))
        value = entry.first(LEASE) if entry else None
        if value is None:
            return {}
        return dict(part.split("=", 1) for part in value.decode().split(";"))

    def _no_secret_in_adam(self) -> None:
        """An Edge stands in the perimeter: no clear address, no other server's credential."""
        for edge, directory in self.lab.edges.items():
            port = directory.port("check")
            for entry in find(port, directory.names.recipients, Present("proxyAddresses")):
                for value in entry.values("proxyAddresses"):
                    if b"@" in value:
                        self.report("secret-in-adam", f"{edge} knows an address in clear")
            for entry in find(port, directory.names.servers, Present(CREDENTIALS)):
                if entry.text("cn").casefold() != edge.casefold():
                    self.report("secret-in-adam", f"{edge} has credentials of {entry.text('cn')}")

    def _nobody_trusted_unpublished(self) -> None:
        """A session was trusted only with a certificate that the verifier's directory names."""
        network = self.lab.service(Network)
        for server in self.lab.servers("hub", "edge"):
            host = network.host(server.name)
            now = self.lab.clock.now()
            fresh = [s for s in host.sessions if s.trust and bool(s.trust) and s.at >= now]
            if not fresh:
                continue
            directory = self.lab.directory_of(server.name)
            published = {
                value
                for entry in find(
                    directory.port("check"), directory.names.servers, Present(CERTIFICATE)
                )
                for value in entry.values(CERTIFICATE)
            }
            for session in fresh:
                if session.handshake.peer not in published:
                    self.report("trusted-unpublished", f"{server.name} trusted a stranger")


def _dump(port: EmbeddedPort) -> dict[str, dict[str, tuple[bytes, ...]]]:
    found = {}
    for context in port.identity.naming_contexts:
        for entry in iterate(port, SearchRequest(context, Scope.SUBTREE, ANY_ENTRY, ("*",))):
            found[str(entry.dn)] = {
                name.lower(): tuple(sorted(values)) for name, values in entry.attributes.items()
            }
    return found


def _filetime(value: bytes | None) -> datetime | None:
    if value is None:
        return None
    return FILETIME_EPOCH + timedelta(microseconds=int(value) // 10)
