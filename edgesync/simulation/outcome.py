"""What came of a play: its trace, what did not hold, and what was met on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from edgesync.simulation.scenario import Scenario
from edgesync.simulation.trace import Trace


@dataclass(frozen=True, slots=True)
class Failure:
    """A checker or an expectation that did not hold; or a step that could not be taken."""

    checker: str
    at: datetime
    step: int
    """Number of the step, from 1."""
    detail: str

    def document(self) -> dict[str, Any]:
        """The failure as JSON."""
        return {
            "checker": self.checker,
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "step": self.step,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a scenario."""

    scenario: Scenario
    trace: Trace
    failures: tuple[Failure, ...]
    started_at: datetime
    ended_at: datetime
    events: int
    mail_delay: timedelta
    met: Counter[str]
    """How often each kind of step was taken, and each fault really struck (``struck cut``)."""

    @property
    def passed(self) -> bool:
        """Whether every expectation and checker held."""
        return not self.failures

    def document(self) -> dict[str, Any]:
        """The play as JSON (contract 3.5)."""
        return {
            "name": self.scenario.name,
            "title": self.scenario.title,
            "seed": self.scenario.seed,
            "trace_hash": self.trace.hash,
            "result": "passed" if self.passed else "failed",
            "failures": [failure.document() for failure in self.failures],
            "steps": len(self.scenario.steps),
            "events": self.events,
            "virtual_s": (self.ended_at - self.started_at).total_seconds(),
            "mail_delay_s": self.mail_delay.total_seconds(),
            "met": dict(sorted(self.met.items())),
        }
