"""SMTP protocol logs as Exchange writes them (certificate-facts 5.4).

One SmtpSend and one SmtpReceive set of files per server, shared by all connectors; a session
leaves rows only when its connector's ProtocolLoggingLevel is Verbose.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from threading import Lock

from cryptography import x509

from directory.clock import Clock
from edgesync.config import Version, VersionProfile
from edgesync.transport.certificate_rows import certificate_rows

FIELDS = (
    "date-time", "connector-id", "session-id", "sequence-number", "local-endpoint",
    "remote-endpoint", "event", "data", "context",
)  # fmt: skip
FILE_SIZE_MAX = 10 * 1024 * 1024
"""Bytes after which a new file is begun (Exchange's default)."""
FOLDER_SIZE_MAX = 250 * 1024 * 1024
"""Bytes of all files after which the oldest goes (Exchange's default)."""
AGE_MAX = timedelta(days=30)
"""Age at which a file goes (Exchange's default)."""
MEMORY_ROWS_MAX = 20_000
"""Rows kept when there is no folder: a day of a busy lab."""
DATA_MAX = 8192
"""Longest data or context of one row; a peer decides how long its lines are."""


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
        values = (
            _instant(self.at), self.connector, self.session, str(self.sequence), self.local,
            self.remote, self.event, self.data, self.context,
        )  # fmt: skip
        return ",".join(_quoted(value) for value in values)


def _instant(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _quoted(value: str) -> str:
    value = value.replace("\r", " ").replace("\n", " ")
    if len(value) > DATA_MAX:
        value = value[:DATA_MAX] + "..."
    if "," in value or '"' in value:
        return '"' + value.replace('"', '""') + '"'
    return value


class ProtocolLog:
    """One server's log of one kind: files in a folder, or rows in memory when there is none."""

    def __init__(
        self, kind: LogKind, profile: VersionProfile, clock: Clock, folder: Path | None
    ) -> None:
        self._kind, self._profile, self._clock = kind, profile, clock
        self._folder = folder
        self._stem = ""
        self._number = 0
        self._size = 0
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
            if self._folder is None:
                return
            path = self._place(row.at)
            is_new = not path.exists()
            text = (self._header(row.at) if is_new else "") + row.render() + "\r\n"
            # opened for each row: nothing to close when a lab ends, and others may read along
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write(text)
            self._size += len(text.encode())
            if is_new:
                self._prune(path, row.at)

    def _place(self, at: datetime) -> Path:
        """The file a row goes into: a new one each day (or hour), and when one is full."""
        assert self._folder is not None
        # late 2016 and 2019 builds put the hour into the name
        hourly = self._profile.version.at_least(Version.EXCHANGE_2016)
        stem = self._kind.prefix + at.astimezone(UTC).strftime("%Y%m%d%H" if hourly else "%Y%m%d")
        if stem != self._stem:
            self._stem, self._number = stem, 1
            self._folder.mkdir(parents=True, exist_ok=True)
        elif self._size >= FILE_SIZE_MAX:
            self._number += 1
        else:
            return self._folder / f"{stem}-{self._number}.LOG"
        path = self._folder / f"{stem}-{self._number}.LOG"
        while path.exists() and path.stat().st_size >= FILE_SIZE_MAX:
            self._number += 1
            path = self._folder / f"{stem}-{self._number}.LOG"
        self._size = path.stat().st_size if path.exists() else 0
        return path

    def _header(self, at: datetime) -> str:
        return "".join(
            line + "\r\n"
            for line in (
                "#Software: Microsoft Exchange Server",
                f"#Version: {self._profile.log_version}",
                f"#Log-type: {self._kind.log_type}",
                f"#Date: {_instant(at)}",
                f"#Fields: {','.join(FIELDS)}",
            )
        )

    def _prune(self, current: Path, at: datetime) -> None:
        """Circular logging: the oldest files go when all are too many or too old."""
        assert self._folder is not None
        files = [p for p in self._folder.glob(f"{self._kind.prefix}*-*.LOG") if p != current]
        files.sort(key=_file_order)
        total = sum(p.stat().st_size for p in files)
        for path in files:
            day = _file_day(path)
            if total <= FOLDER_SIZE_MAX and (day is None or at - day <= AGE_MAX):
                continue
            total -= path.stat().st_size
            path.unlink()


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


def _file_order(path: Path) -> tuple[str, int]:
    stem, _, number = path.stem.rpartition("-")
    return stem, int(number) if number.isdecimal() else 0


def _file_day(path: Path) -> datetime | None:
    try:
        return datetime.strptime(path.stem[4:12], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


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
