"""What POP3 and IMAP4 dialogues have in common: lines in, lines out, TLS on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from edgesync.client_access.accounts import Account

LogOn = Callable[[str, str], Account | None]
Messages = Callable[[str], tuple[bytes, ...]]


class After(Enum):
    """What the connection does once an answer is sent."""

    GO_ON = auto()
    START_TLS = auto()
    HANG_UP = auto()


@dataclass(frozen=True, slots=True)
class Reaction:
    """An answer (whole lines) and what comes after it."""

    data: bytes = field(default=b"", repr=False)
    after: After = After.GO_ON
    is_error: bool = False
    """Whether it counts against the client: wrong commands, failed log-ons."""


@dataclass
class Surroundings:
    """What a dialogue may use."""

    fqdn: str
    banner: str
    log_on: LogOn
    messages: Messages
    needs_tls: bool
    """Whether a password in clear text needs TLS first (LoginType)."""
    offers_tls: bool
    is_protected: bool = False
    """TLS is on; kept up to date by the connection."""


class Dialogue(Protocol):
    """One client's conversation, line by line."""

    def greeting(self) -> bytes:
        """The first line."""
        ...

    def line(self, line: bytes) -> Reaction:
        """The answer to a command."""
        ...


def crlf(*lines: str) -> bytes:
    """Lines for the wire."""
    return "".join(line + "\r\n" for line in lines).encode("utf-8", "replace")
