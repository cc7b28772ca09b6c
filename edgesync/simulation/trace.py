"""What happened in a simulation, as lines; two runs of one seed give the same hash on any machine.

Lines hold instants, steps, exit codes and events. Ciphertext is left out: RSA-OAEP and TLS are
randomised by design, and nothing that is random may be in here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

from edgesync.events import Event

LINES_MAX = 1_000_000
"""Most lines kept for looking at; the hash covers those beyond too."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    at: datetime
    what: str
    """``step``, ``event``, ``fault`` or ``check``."""
    server: str
    text: str


@dataclass(slots=True)
class Trace:
    """All lines so far, and their hash."""

    lines: list[Line] = field(default_factory=list)
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, at: datetime, what: str, server: str, text: str) -> None:
        """One more line."""
        row = (at.isoformat(), what, server, text)
        self._hash.update(json.dumps(row).encode() + b"\n")
        if len(self.lines) < LINES_MAX:
            self.lines.append(Line(at, what, server, text))

    def event(self, event: Event) -> None:
        """A server logged something."""
        data = " ".join(f"{name}={value}" for name, value in sorted(event.data.items()))
        self.add(event.at, "event", event.server, f"{event.kind.name} {data}".strip())

    @property
    def hash(self) -> str:
        """SHA-256 of all lines, hexadecimal."""
        return self._hash.hexdigest()
