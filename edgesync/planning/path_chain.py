"""Reasons of a path other than direct trust: steps whose evidence is an attribute and who wrote it.

Whatever a step that went wrong rests on is remembered with its last change, and the latest of
them is named as the cause.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from directory.model.dn import DN
from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.selection import Selection
from edgesync.events import EventKind
from edgesync.lab.lab import Lab
from edgesync.planning.changelog import last_change
from edgesync.planning.explain import EVIDENCE_LINES_MAX, Chain

SETUP = "setup"
"""The note under which a lab is built: no cause, but how it was from the beginning."""

STORE_COMMAND = "cert"
"""Noun of the commands that change a machine's certificate store."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a path's story ends. An empty ``fix`` is found by trying, when something is wrong."""

    verdict: str
    reason: str
    pkix: str = ""
    events: tuple[EventKind, ...] = ()
    next: tuple[str, ...] = ()
    """Commands that look further, or do what the path is for."""


@dataclass
class PathChain(Chain):
    """Steps of one path in one lab."""

    lab: Lab | None = None
    changes: list[tuple[datetime, int, str]] = field(default_factory=list)
    """Changes behind steps that went wrong."""
    _looked_at: list[tuple[datetime, int, str]] = field(default_factory=list)
    """Changes behind the evidence of the step that is being written."""

    def add(self, ok: bool | None, detail: str, *evidence: str) -> None:
        """One more step, with the evidence gathered for it."""
        super().add(ok, detail, *evidence)
        if ok is False:
            self.changes += self._looked_at
        self._looked_at.clear()

    def attribute(self, server: str, dn: DN, name: str, shown: str) -> str:
        """An attribute of a server's own directory as evidence, with its last change."""
        assert self.lab is not None
        changed = last_change(self.lab.directory_of(server), dn, name)
        text = f"{name}: {shown or '(not set)'} of {dn}"
        if changed is None:
            return f"{text}; never written"
        if changed.command == SETUP:
            return f"{text}; as {self.origin} wrote it"
        what = f"{name} of {dn} was set by: {changed}"
        self._looked_at.append((changed.at, changed.usn, what))
        return f"{text}; last written {changed}"

    @property
    def origin(self) -> str:
        """Who wrote what nobody has changed since: setup, or the import of a real organisation."""
        assert self.lab is not None
        return "the import" if self.lab.description.source == "import" else "setup"

    def is_changed(self, server: str, dn: DN, name: str) -> bool:
        """Whether an attribute was written since setup."""
        assert self.lab is not None
        changed = last_change(self.lab.directory_of(server), dn, name)
        return changed is not None and changed.command != SETUP

    def store(self, server: str) -> str:
        """The latest command that changed a server's certificates; empty when none did."""
        assert self.lab is not None
        found = ""
        for command in self.lab.ledger.commands():
            words = _words(command.text)
            if STORE_COMMAND in words[:2] and server.casefold() in (w.casefold() for w in words):
                found = f"{command.at:%Y-%m-%d %H:%M:%SZ}, {command.text}"
                when = command.at
        if found:
            what = f"the certificates of {server} were changed by: {found}"
            self._looked_at.append((when, 0, what))
        return f"certificates of {server} last changed {found}" if found else ""

    @property
    def cause(self) -> str:
        """The latest change behind what went wrong; empty when that is as setup left it."""
        return max(self.changes)[2] if self.changes else ""

    def selected(self, server: str, selection: Selection, wanted: str, *evidence: str) -> None:
        """Which certificate a service chose by its rules, and why not each of the others."""
        refused = [
            f"not {r.certificate.thumbprint[:8]} ({r.certificate.subject}): "
            f"{r.reason.value}{': ' + r.detail if r.detail else ''}"
            for r in selection.rejected[:EVIDENCE_LINES_MAX]
        ]
        chosen = selection.chosen
        if chosen is None:
            nothing = () if refused else (f"the store of {server} is empty",)
            self.add(False, f"{server} has no certificate for {wanted}", *refused, *nothing,
                     self.store(server), *evidence)  # fmt: skip
        else:
            self.add(True, f"{server} chooses {chosen.thumbprint} for {wanted}",
                     *evidence, described(chosen), *refused)  # fmt: skip


def described(certificate: TransportCertificate) -> str:
    """A certificate in a line: whose, by whom, until when, for which names."""
    issuer = "self-signed" if certificate.is_self_signed else f"issued by {certificate.issuer}"
    dates = f"valid {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
    names = ", ".join(certificate.domains) or "no names"
    return f"{certificate.subject}, {issuer}, {dates}, names {names}"


def flag_words(flags: Iterable[object]) -> str:
    """Single flags by name, as evidence: ``TLS, EXCHANGE_SERVER``."""
    return ", ".join(str(getattr(flag, "name", flag)) for flag in flags)


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError:  # a note that is no command line
        words = text.split()
    return words[1:] if words[:1] == ["edgesync"] else words
