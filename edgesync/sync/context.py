"""What a run of EdgeSync needs of its surroundings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from directory.clock import Clock
from edgesync.config import Policy, SyncTiming
from edgesync.errors import EdgeSyncError
from edgesync.events import Emit
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.port.port import DirectoryPort
from edgesync.sync.report import JobReport


class RunRecorder(Protocol):
    """Who remembers runs: the history."""

    def record(self, run: JobReport) -> None:
        """Keep one report."""
        ...


class StopRequested(EdgeSyncError):
    """The run was asked to stop; what was done stays, the cookie waits for the next run."""

    def __init__(self) -> None:
        super().__init__("stopped before the end", "the next run goes on where this one stopped")


@dataclass
class SyncContext:
    """Everything a run needs of its surroundings."""

    hub: str
    edge: str
    source: DirectoryPort
    """AD, or what stands for it."""
    open_target: Callable[[str], DirectoryPort]
    """Opens the Edge's ADAM: certificate compared before any credential, then bound."""
    names: ForestNames
    site: str
    timing: SyncTiming
    policy: Policy
    emit: Emit
    edge_names: EdgeNames | None = None
    """None: read off the Edge's rootDSE."""
    clock: Clock | None = None
    """For durations and renewals of the lease inside long runs; None: time stands still."""
    stopwatch: Callable[[], float] | None = None
    """Seconds, for the durations in reports; None: the clock's. A lab's clock may stand still."""
    history: RunRecorder | None = None
    should_stop: Callable[[], bool] = lambda: False
