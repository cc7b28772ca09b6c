"""EdgeSync in real time, in the foreground: by the clock, or following AD's changes at once."""

from __future__ import annotations

import math
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.lab.edge_sync import EdgeSync
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context
    from edgesync.sync.kinds import Job

_RUNS_KEPT = 10_000
"""Latest runs that are listed at the end; progress names each as it ends."""

_LOOK_AGAIN_S = 0.5
"""Longest wait between two looks at the clock and at a request to stop."""


_QUIET_S = 0.001
"""Changes come in bursts. A run waits until none came for so long: then one run takes them all,
where each would cost a session, a lease and a cookie of its own."""

_BURST_MAX_S = 0.02
"""Longest that a run waits for a burst to end."""


def _render(document: Document) -> Iterable[str]:
    rows = [(r["at"], r["edge"], r["job"], r["result"]) for r in document["runs"]]
    yield from columns(("Started", "Edge", "Job", "Result"), rows)
    yield f"ended: {document['ended']}"


@operation(
    "sync", "watch", render=_render, rows="runs", writes=True,
    example="edgesync sync watch --immediate --for 10m",
)  # fmt: skip
def watch(
    context: Context,
    *,
    for_: Annotated[str | None, Help("how long; until stopped without", metavar="SPAN")] = None,
    immediate: Annotated[
        bool, Help("follow AD's change notifications, not only the clock")
    ] = False,
    stop: Annotated[bool, Help("end a watch that runs on a lab that is up")] = False,
) -> Outcome:
    """Run EdgeSync on its schedule in real time until stopped, by Ctrl-C or --stop.

    A stop waits for the batch that is being written; the next run goes on from the cookie. With
    --immediate every commit in AD starts an incremental run at once.
    """
    from edgesync.errors import UsageError
    from edgesync.lab.edge_sync import EdgeSync
    from edgesync.operations.timespan import parse_timespan

    span = parse_timespan(for_) if for_ else None
    if span is not None and span <= timedelta(0):
        raise UsageError(f"--for {for_} is no time at all", "for example --for 10m")
    service = context.lab.service(EdgeSync)
    if stop:
        service.stop_watch.set()
        return Outcome(_document([], "asked to stop"))
    return Watch(context, service, immediate=immediate).run(span)


class Watch:
    """One watch, from its start to its end."""

    def __init__(self, context: Context, service: EdgeSync, *, immediate: bool) -> None:
        self.context = context
        self.lab: Lab = context.lab
        self.service = service
        self.immediate = immediate
        self.wake = threading.Event()
        self.changed: set[Job] = set()
        """Jobs whose part of AD has changed since they were last run."""
        self.notices = 0
        """How often AD told of a change."""
        self.stop = service.stop_watch
        self.runs: deque[Document] = deque(maxlen=_RUNS_KEPT)

    def run(self, span: timedelta | None) -> Outcome:
        """Watch for a span, or until stopped."""
        from directory.clock import SystemClock

        real = SystemClock()
        until = real.monotonic() + span.total_seconds() if span else math.inf
        drives_clock = not self.lab.clock.is_running
        self.stop.clear()
        with _interrupts(self._interrupted), self._listening():
            if drives_clock:
                # A call on a lab that is up holds the lab already; this one takes it itself.
                self.lab.take()
                self.lab.clock.run_with(real)
            try:
                while not self.stop.is_set() and real.monotonic() < until:
                    self._work(drives_clock=drives_clock)
                    self._wait(min(_LOOK_AGAIN_S, max(0.0, until - real.monotonic())))
            finally:
                if drives_clock:
                    self.lab.clock.stop()
                    self.lab.give_back()
        ended = "stopped" if self.stop.is_set() else "the time is over"
        self.stop.clear()
        return Outcome(_document(list(self.runs), ended))

    def _work(self, *, drives_clock: bool) -> None:
        if self.immediate and self.changed:
            from edgesync.sync.kinds import Job

            jobs = tuple(job for job in (Job.CONFIGURATION, Job.RECIPIENTS) if job in self.changed)
            self.changed.difference_update(jobs)  # before reading: what changes now comes again
            for edge in self.service.subscribed():
                self.service.run(edge.name, jobs=jobs, manual=False)
        elif drives_clock:  # a lab that is up runs what is due by itself
            self.lab.run_due()

    def _wait(self, seconds: float) -> None:
        """Let others use the lab while nothing is to be done."""
        self.lab.give_back()
        try:
            if self.wake.wait(seconds):
                self.until_quiet()
        finally:
            self.lab.take()
        self.wake.clear()

    def until_quiet(self) -> None:
        """Wait for the end of a burst of changes."""
        for _ in range(round(_BURST_MAX_S / _QUIET_S)):
            before = self.notices
            if self.stop.wait(_QUIET_S) or self.notices == before:
                return

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Take note of every run, and of every change in AD."""
        from edgesync.sync.kinds import Job
        from edgesync.sync.report import Result, instant

        def note(edge: str, job: Job, at: datetime, result: Result) -> None:
            run = {"edge": edge, "job": job.value, "at": instant(at), "result": result.value}
            self.runs.append(run)
            self.context.progress({"phase": f"{edge} {job.value} {result.value}",
                                   "done": len(self.runs)})  # fmt: skip

        def changed(job: Job) -> None:
            self.notices += 1
            self.changed.add(job)
            self.wake.set()

        port = self.lab.ad.port("sync watch")
        names = self.lab.ad.names
        if self.immediate:
            port.on_change(names.domain, lambda: changed(Job.RECIPIENTS))
            port.on_change(names.configuration, lambda: changed(Job.CONFIGURATION))
        self.service.after_run.append(note)
        self.service.should_stop = self.stop.is_set
        try:
            yield
        finally:
            self.service.should_stop = lambda: False
            self.service.after_run.remove(note)
            port.close()

    def _interrupted(self) -> None:
        self.stop.set()
        self.wake.set()


@contextmanager
def _interrupts(stop: Any) -> Iterator[None]:
    """Ctrl-C asks to stop instead of breaking off; only the main thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda _number, _frame: stop()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _document(runs: list[Document], ended: str) -> Document:
    return {"schema": "edgesync.sync-watch/1", "runs": runs, "ended": ended}
