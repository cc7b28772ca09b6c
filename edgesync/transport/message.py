"""A message on its way: envelope, content, and what the receiving session knew of its sender."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from edgesync.transport.command import RcptTo

CONTENT_MAX = 64 * 1024 * 1024
"""Largest message held, whatever a connector says: the queue lives in memory."""


class AuthAs(StrEnum):
    """How far the sender was known (header X-MS-Exchange-Organization-AuthAs)."""

    ANONYMOUS = "Anonymous"
    INTERNAL = "Internal"
    PARTNER = "Partner"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who it is from and for, with the extensions asked for."""

    sender: str
    recipients: tuple[RcptTo, ...]
    body: str = "7BIT"
    smtputf8: bool = False
    ret: str = ""
    envelope_id: str = ""

    def only(self, recipients: tuple[RcptTo, ...]) -> Envelope:
        """The same envelope for some of its recipients."""
        return Envelope(
            self.sender, recipients, self.body, self.smtputf8, self.ret, self.envelope_id
        )


@dataclass(frozen=True, slots=True)
class Submission:
    """A message a server has taken responsibility for."""

    envelope: Envelope
    content: bytes = field(repr=False)
    message_id: str
    received_at: datetime
    auth_as: AuthAs = AuthAs.ANONYMOUS
    peer: str = ""
    """Name of the server it came from, where direct trust or Kerberos gave one."""
    domain_secured: bool = False
    """It came from a domain-secured partner over mutual TLS (certificate-facts 6.3)."""
