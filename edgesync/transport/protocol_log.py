"""SMTP protocol logs as Exchange writes them (certificate-facts 5.4).

One SmtpSend and one SmtpReceive set of files per server, shared by all connectors; a session
leaves rows only when its connector's ProtocolLoggingLevel is Verbose.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock

from cryptography import x509

from directory.clock import Clock
from edgesync.config import Version, VersionProfile
from edgesync.log_files import SOFTWARE, LogFiles, LogLimits, log_instant, log_row
from edgesync.transport.certificate_rows import certificate_rows

FIELDS = (
    "date-time", "connector-id", "session-id", "sequence-number", "local-endpoint",
    "remote-endpoint", "event", "data", "context",
)  # fmt: skip
MEMORY_ROWS_MAX = 20_000
"""Rows kept when there is no folder: a day of a busy lab."""


class LogKind(StrEnum):
    """Which of a server's two logs."""

    SEND = "SmtpSend"
    RECEIVE = "SmtpReceive"

    @property
    def prefix(self) -> str:
        """What file names begin with."""
        return "SEND" if self is LogKind.SEND else "RECV"

    @property
    def log_type(self) -> str:
        """The ``#Log-type`` line."""
        return f"SMTP {'Send' if self is LogKind.SEND else 'Receive'} Protocol Log"


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row; ``event`` is ``+`` connect, ``-`` end, ``>`` sent, ``<`` received, ``*`` note."""

    at: datetime
    connector: str
    session: str
    sequence: int
    local: str
    remote: str
    event: str
    data: str = ""
    context: str = ""

    def render(self) -> str:
        """The row as it stands in the file, without line end."""
        return log_row(
            log_instant(self.at), self.connector, self.session, str(self.sequence), self.local,
            self.remote, self.event, self.data, self.context,
        )  # fmt: skip


class ProtocolLog:
    """One server's log of one kind: files in a folder, or rows in memory when there is none."""

    def __init__(
        self,
        kind: LogKind,
        profile: VersionProfile,
        clock: Clock,
        folder: Path | None,
        limits: LogLimits | None = None,
    ) -> None:
        self._kind, self._profile, self._clock = kind, profile, clock
        # late 2016 and 2019 builds put the hour into the name
        hourly = profile.version.at_least(Version.EXCHANGE_2016)
        self._files = (
            LogFiles(folder, kind.prefix, self._header, limits, hourly=hourly) if folder else None
        )
        self._last_session = 0
        self._lock = Lock()
        self.recent: deque[LogRow] = deque(maxlen=MEMORY_ROWS_MAX)
        """The latest rows, whether or not there are files."""

    @property
    def profile(self) -> VersionProfile:
        """The version that decides names and forms."""
        return self._profile

    @property
    def clock(self) -> Clock:
        """The server's clock."""
        return self._clock

    def next_session(self) -> str:
        """A session id: the instant in 100 ns since year 1, as 16 hex digits; never twice."""
        since = self._clock.now() - datetime(1, 1, 1, tzinfo=UTC)
        ticks = (since.days * 86400 + since.seconds) * 10_000_000 + since.microseconds * 10
        with self._lock:
            self._last_session = max(ticks, self._last_session + 1)
            return f"{self._last_session:016X}"

    def write(self, row: LogRow) -> None:
        """Append one row."""
        with self._lock:
            self.recent.append(row)
            if self._files is not None:
                self._files.append(row.at, row.render())

    def _header(self, at: datetime) -> tuple[str, ...]:
        return (
            SOFTWARE,
            f"#Version: {self._profile.log_version}",
            f"#Log-type: {self._kind.log_type}",
            f"#Date: {log_instant(at)}",
            f"#Fields: {','.join(FIELDS)}",
        )


@dataclass(frozen=True, slots=True)
class ProtocolLogs:
    """The two logs of one server."""

    send: ProtocolLog
    receive: ProtocolLog

    @classmethod
    def open(
        cls, profile: VersionProfile, clock: Clock, folder: Path | None = None, server: str = ""
    ) -> ProtocolLogs:
        """Logs in ``folder/SmtpSend/server`` and ``folder/SmtpReceive/server``, or in memory."""

        def log(kind: LogKind) -> ProtocolLog:
            place = folder / kind.value / server if folder else None
            return ProtocolLog(kind, profile, clock, place)

        return cls(log(LogKind.SEND), log(LogKind.RECEIVE))


class SessionLog:
    """The rows of one session; writes nothing when its connector does not log."""

    def __init__(
        self, log: ProtocolLog, connector: str, *, verbose: bool, local: str = "", remote: str = ""
    ) -> None:
        self._log = log if verbose else None
        self._profile = log.profile
        self._clock = log.clock
        self.connector = connector
        self.id = log.next_session()
        self.local, self.remote = local, remote
        self._sequence = 0

    def connected(self) -> None:
        """``+``."""
        self._row("+")

    def disconnected(self, why: str) -> None:
        """``-``; why is ``Local``, ``Remote`` or ``Remote(SocketError)``."""
        self._row("-", context=why)

    def sent(self, text: str, context: str = "") -> None:
        """``>`` with one line of ours."""
        self._row(">", text, context)

    def received(self, text: str, context: str = "") -> None:
        """``<`` with one line of the peer's."""
        self._row("<", text, context)

    def note(self, data: str = "", context: str = "") -> None:
        """``*``."""
        self._row("*", data, context)

    def greeting(self, event: str, lines: tuple[str, ...]) -> None:
        """An EHLO reply: a row for each line, or one for all from 2019 on."""
        if self._profile.version.at_least(Version.EXCHANGE_2019) and len(lines) > 1:
            self._row(event, f"{lines[0][:3]}  " + " ".join(line[4:] for line in lines))
            return
        for line in lines:
            self._row(event, line)

    def certificate(self, verb: str, certificate: x509.Certificate) -> None:
        """The rows about a certificate; verb is ``Sending`` or ``Received``."""
        newest = self._profile.version.at_least(Version.EXCHANGE_2019)
        for data, context in certificate_rows(verb, certificate, newest=newest):
            self._row("*", data, context)

    def _row(self, event: str, data: str = "", context: str = "") -> None:
        if self._log is None:
            return
        row = LogRow(
            self._clock.now(), self.connector, self.id, self._sequence, self.local, self.remote,
            event, data, context,
        )  # fmt: skip
        self._sequence += 1
        self._log.write(row)
