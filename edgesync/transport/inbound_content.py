"""What comes after DATA or BDAT, and the submission it becomes.

Only CRLF ``.`` CRLF ends DATA. Content with a bare CR or LF is taken to its real end and then
refused, so no part of it can be read as commands here or at the next server (the SMTP smuggling
of CVE-2023-51764).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edgesync.transport import reply
from edgesync.transport.headers import (
    HOPS_MAX,
    header_size,
    hops,
    message_id_of,
    received_line,
    stamped,
)
from edgesync.transport.host import TransportHost
from edgesync.transport.message import AuthAs, Submission
from edgesync.transport.permissions import Rights
from edgesync.transport.reply import Reply
from edgesync.transport.transaction import Transaction
from edgesync.trust.channel import Channel

_END = b"\r\n.\r\n"
READ_SIZE = 1 << 20
"""Bytes moved at a time."""

CHUNK_TAKEN = Reply.of("250 2.6.0 CHUNK received OK")


class Content(Protocol):
    """Content on its way in."""

    @property
    def is_open(self) -> bool:
        """Whether the next bytes are content rather than a command."""
        ...

    def feed(self, channel: Channel) -> bytes | Reply | None:
        """Take what has come: the whole content, the reply it ends in, or None for more."""
        ...


class DotContent:
    """The content after DATA, up to the dot; dots undone."""

    is_open = True

    def __init__(self, size_max: int) -> None:
        self._raw = bytearray(b"\r\n")  # so that a dot on the very first line is found the same way
        self._size_max = size_max
        self._is_too_large = False

    def feed(self, channel: Channel) -> bytes | Reply | None:
        """Take what has come; of what is too large only the end is looked for."""
        while channel.buffered:
            searched = max(0, len(self._raw) - len(_END) + 1)
            self._raw += channel.take(READ_SIZE)
            end = self._raw.find(_END, searched)
            if end >= 0:
                channel.put_back(bytes(self._raw[end + len(_END) :]))
                return self._checked(bytes(self._raw[: end + 2]))
            if len(self._raw) > self._size_max + len(_END):
                self._is_too_large = True
                del self._raw[: -len(_END) + 1]
        return None

    def _checked(self, raw: bytes) -> bytes | Reply:
        content = raw.replace(b"\r\n.", b"\r\n")[2:]
        if self._is_too_large or len(content) > self._size_max:
            return reply.MESSAGE_TOO_LARGE
        return reply.BARE_LINE_FEEDS if has_bare_line_ends(content) else content


class ChunkContent:
    """The content of a series of BDAT chunks (RFC 3030)."""

    def __init__(self, size_max: int, *, is_binary: bool) -> None:
        self._size_max = size_max
        self._is_binary = is_binary
        self._missing = 0
        self._content = bytearray()
        self._is_too_large = False
        self._is_last = False
        self.is_open = False

    def expect(self, size: int, *, is_last: bool) -> None:
        """A BDAT command announced a chunk."""
        self._missing, self._is_last, self.is_open = size, is_last, True

    def feed(self, channel: Channel) -> bytes | Reply | None:
        """Take what has come of the announced chunk."""
        while self._missing and channel.buffered:
            data = channel.take(min(self._missing, READ_SIZE))
            self._missing -= len(data)
            if len(self._content) + len(data) > self._size_max:
                self._is_too_large = True
                self._content.clear()
            if not self._is_too_large:
                self._content += data
        if self._missing:
            return None
        self.is_open = False
        if not self._is_last:
            return CHUNK_TAKEN
        if self._is_too_large:
            return reply.MESSAGE_TOO_LARGE
        content = bytes(self._content)
        if has_bare_line_ends(content) and not self._is_binary:
            return reply.BARE_LINE_FEEDS
        return content


class PassedOver:
    """A chunk nobody asked for: it must be read, or it would be taken for commands."""

    is_open = True

    def __init__(self, size: int, answer: Reply) -> None:
        self._missing = size
        self._answer = answer

    def feed(self, channel: Channel) -> bytes | Reply | None:
        """Throw away what has come of it."""
        while self._missing and channel.buffered:
            self._missing -= len(channel.take(min(self._missing, READ_SIZE)))
        return None if self._missing else self._answer


def has_bare_line_ends(content: bytes) -> bool:
    """Whether a CR or an LF stands alone."""
    pairs = content.count(b"\r\n")
    return content.count(b"\r") != pairs or content.count(b"\n") != pairs


def refuse_content(content: bytes, header_size_max: int) -> Reply | None:
    """The reply that turns a whole message away, or None when it is taken."""
    if header_size(content) > header_size_max:
        return reply.HEADER_TOO_LARGE
    if hops(content) >= HOPS_MAX:
        return reply.HOP_COUNT
    return None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came from, as the session knew it."""

    helo: str
    peer_ip: str
    own_ip: str
    is_protected: bool
    name: str
    auth_as: AuthAs


def submission_of(
    transaction: Transaction, content: bytes, host: TransportHost, rights: Rights, origin: Origin
) -> Submission:
    """The message a server answers for from now on."""
    message_id = message_id_of(content) or f"<{host.server.entropy.uuid().hex}@{host.fqdn}>"
    received = received_line(
        helo=origin.helo, peer_ip=origin.peer_ip, own_fqdn=host.fqdn, own_ip=origin.own_ip,
        tls=origin.is_protected, build=host.build, at=host.now(),
    )  # fmt: skip
    content = stamped(
        content, received=received, rights=rights, auth_as=origin.auth_as,
        auth_source=host.fqdn, message_id=message_id,
    )  # fmt: skip
    return Submission(
        transaction.envelope, content, message_id, host.now(), origin.auth_as, origin.name,
        transaction.domain_secured,
    )  # fmt: skip
