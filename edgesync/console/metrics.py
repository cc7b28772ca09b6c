"""Numbers for Prometheus, in its text format 0.0.4.

Labels hold names of servers, jobs and words of ours: no address, no DN, nothing a stranger wrote.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from directory.dsa.context import DsaObserver
from edgesync.console.asking import ask
from edgesync.console.trust_table import matrix_answer
from edgesync.events import Event
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.lab.wire_counts import WireCounts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
RUNS_READ = 10_000
"""Most past runs summed up: a month of three jobs on a few Edges."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """One family of numbers."""

    name: str
    kind: str
    help: str
    samples: tuple[tuple[Labels, float], ...]

    def lines(self) -> Iterator[str]:
        """The family as Prometheus reads it."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.samples:
            inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            yield f"{self.name}{{{inner}}} {value:.15g}" if inner else f"{self.name} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class BindCounter:
    """Counts binds and refusals of one directory and tells the observer before it too."""

    def __init__(
        self, directory: str, counts: Counter[tuple[str, str]], inner: DsaObserver
    ) -> None:
        self._directory = directory
        self._counts = counts
        self._inner = inner

    def bound(self, name: str, peer: str, at: datetime) -> None:
        """A bind succeeded."""
        self._counts[self._directory, "bound"] += 1
        self._inner.bound(name, peer, at)

    def bind_refused(self, name: str, peer: str, reason: str, at: datetime) -> None:
        """A bind failed."""
        self._counts[self._directory, "bind_refused"] += 1
        self._inner.bind_refused(name, peer, reason, at)

    def access_refused(self, identity: str, operation: str, dn: str, at: datetime) -> None:
        """A caller asked for what it may not do."""
        self._counts[self._directory, "access_refused"] += 1
        self._inner.access_refused(identity, operation, dn, at)


class Counters:
    """What has been counted since the console started to listen."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._lock = threading.Lock()
        self._events: Counter[tuple[str, str]] = Counter()
        self.ldap: Counter[tuple[str, str]] = Counter()
        lab.listeners.append(self.notify)
        agents = {"AD": lab.ad.agent, **{name: edge.agent for name, edge in lab.edges.items()}}
        for name, agent in agents.items():
            agent.observer = BindCounter(name, self.ldap, agent.observer)

    def close(self) -> None:
        """Count no more events."""
        if self.notify in self._lab.listeners:
            self._lab.listeners.remove(self.notify)

    def notify(self, event: Event) -> None:
        """Count an event; called in whatever thread it happened."""
        with self._lock:
            self._events[event.server, event.kind.name] += 1

    def events(self) -> dict[tuple[str, str], int]:
        """Events by server and name."""
        with self._lock:
            return dict(self._events)


def metrics(request: Request) -> Response:
    """``GET /metrics``."""
    lines = [line for metric in collect(request) for line in metric.lines()]
    return PlainTextResponse("\n".join(lines) + "\n", media_type=CONTENT_TYPE)


def collect(request: Request) -> Iterator[Metric]:
    """Every family."""
    lab: Lab = request.app.state.lab
    counters: Counters = request.app.state.counters
    yield Metric("edgesync_up", "gauge", "Whether the lab's listeners serve",
                 (({}, float(bool(lab.addresses))),))  # fmt: skip
    yield Metric("edgesync_clock_seconds", "gauge", "The lab's own time",
                 (({}, lab.clock.now().timestamp()),))  # fmt: skip
    yield from _certificates(lab)
    yield from _sync(request)
    yield _trust(request)
    yield from _directories(lab, counters)
    yield Metric(
        "edgesync_ldap_requests_total", "counter", "LDAP requests that came over sockets",
        _sorted(
            ({"directory": d, "operation": o, "result": r}, n)
            for (d, o, r), n in lab.service(WireCounts).counted().items()
        ),
    )  # fmt: skip
    yield from _smtp(lab)
    yield _queues(request)
    yield Metric(
        "edgesync_events_total", "counter", "Events logged since the console started",
        _sorted(({"server": s, "name": n}, count) for (s, n), count in counters.events().items()),
    )  # fmt: skip


def _sorted(samples: Iterable[tuple[Labels, float]]) -> tuple[tuple[Labels, float], ...]:
    return tuple(sorted(samples, key=lambda sample: tuple(sample[0].values())))


def _certificates(lab: Lab) -> Iterator[Metric]:
    found = [
        ({"server": name, "thumbprint": item.thumbprint, "services": str(int(item.services))}, item)
        for name, store in lab.machines.items()
        for item in store.certificates
        if not item.is_pending
    ]
    yield Metric("x509_cert_not_after", "gauge", "When a certificate ends, seconds since 1970",
                 tuple((labels, item.not_after.timestamp()) for labels, item in found))  # fmt: skip
    yield Metric("x509_cert_not_before", "gauge", "When a certificate begins, seconds since 1970",
        tuple((labels, item.not_before.timestamp()) for labels, item in found))  # fmt: skip


def _sync(request: Request) -> Iterator[Metric]:
    jobs = [
        ({"edge": edge["edge"], "job": job["job"]}, job)
        for edge in ask(request, "sync.status").rows("edges")
        for job in edge["jobs"]
    ]
    now: datetime = request.app.state.lab.clock.now()
    yield Metric(
        "edgesync_sync_age_seconds", "gauge", "Lab time since a job last synchronized",
        tuple(
            (labels, (now - datetime.fromisoformat(job["synchronized_at"])).total_seconds())
            for labels, job in jobs if job["synchronized_at"]
        ),
    )  # fmt: skip
    yield Metric(
        "edgesync_sync_consecutive_failures",
        "gauge",
        "Failures of a job since it last ran well",
        tuple((labels, job["consecutive_failures"]) for labels, job in jobs),
    )
    runs: Counter[tuple[str, str, str]] = Counter()
    changes: Counter[tuple[str, str, str]] = Counter()
    for run in ask(request, "sync.history", limit=RUNS_READ).rows("runs"):
        runs[run["edge"], run["job"], run["result"]] += 1
        for change in ("added", "updated", "moved", "deleted", "failed"):
            changes[run["edge"], run["job"], change] += int(run[change])
    for name, kind, counted in (("runs", "result", runs), ("changes", "change", changes)):
        yield Metric(
            f"edgesync_sync_{name}", "gauge", f"EdgeSync {name} in the history kept",
            _sorted(({"edge": e, "job": j, kind: w}, n) for (e, j, w), n in counted.items()),
        )  # fmt: skip


def _trust(request: Request) -> Metric:
    cells = matrix_answer(request).rows("cells")
    return Metric(
        "edgesync_trusted", "gauge", "1 when a verifier trusts a peer; the reason is a label",
        tuple(
            (_cell(cell), float(cell["verdict"] == "trusted"))
            for cell in cells if cell["verdict"] != "not_applicable"
        ),
    )  # fmt: skip


def _cell(cell: Mapping[str, Any]) -> Labels:
    return {key: str(cell[key]) for key in ("verifier", "peer", "path", "reason")}


def _directories(lab: Lab, counters: Counters) -> Iterator[Metric]:
    stores = [("AD", lab.ad.agent.store)]
    stores += [(name, edge.agent.store) for name, edge in lab.edges.items()]
    yield Metric("edgesync_directory_entries", "gauge", "Entries a directory holds",
                 tuple(({"directory": name}, store.count) for name, store in stores))  # fmt: skip
    yield Metric("edgesync_directory_highest_usn", "gauge", "Changes a directory has committed",
                 tuple(({"directory": n}, s.committed_usn) for n, s in stores))  # fmt: skip
    yield Metric(
        "edgesync_ldap_binds_total",
        "counter",
        "Binds and refusals since the console started",
        _sorted(({"directory": d, "result": r}, n) for (d, r), n in counters.ldap.items()),
    )


SMTP_FAMILIES = (
    ("sessions", "session", "tls", "Receiving sessions, once more when TLS is on"),
    ("commands", "command", "verb", "SMTP commands heard"),
    ("replies", "reply", "code", "SMTP replies given"),
    ("verdicts", "verdict", "reason", "What direct trust said of a client"),
)
"""Name, kind and label of each family of SMTP counters."""


def _smtp(lab: Lab) -> Iterator[Metric]:
    network = lab.service(Network)
    counts = [(s.name, network.host(s.name).counts) for s in lab.servers("hub", "edge")]
    for family, kind, label, text in SMTP_FAMILIES:
        yield Metric(
            f"edgesync_smtp_{family}_total", "counter", text,
            _sorted(
                ({"server": name, label: word}, number)
                for name, counted in counts for word, number in counted.of(kind).items()
            ),
        )  # fmt: skip


def _queues(request: Request) -> Metric:
    waiting: Counter[str] = Counter()
    for queue in ask(request, "mail.queue").rows("queues"):
        waiting[queue["server"]] += int(queue["message_count"])
    return Metric("edgesync_mail_queue_messages", "gauge", "Messages that wait on a server",
                  tuple(({"server": s}, n) for s, n in sorted(waiting.items())))  # fmt: skip
