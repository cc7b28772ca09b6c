"""Integrated Windows authentication of the web site: NTLM, passed through to AD (MS-NTHT).

NTLM logs on a connection, not a request: three messages in three requests, and what follows on the
same connection is the user's. The server knows no password; it hands each message to AD and passes
on what AD answers, as a member server does. Negotiate (RFC 4559) is NTLM in SPNEGO; its other
mechanism, Kerberos, is not here.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from directory.model.dn import DN
from edgesync.client_access.accounts import Account

SCHEMES = ("Negotiate", "NTLM")
"""What is offered, the preferred one first."""

TOKEN_LENGTH_MAX = 16384
"""Longest message taken, Base64: as long as all headers of a request may be."""


@dataclass(frozen=True, slots=True)
class Progress:
    """AD's answer to one message of a log-on."""

    token: bytes = field(default=b"", repr=False)
    """For the client; empty when there is nothing more to say."""
    user: DN | None = None
    """Who the client has proved to be; None while it has not."""
    is_over: bool = False


class PassThrough(Protocol):
    """One log-on at AD."""

    def answer(self, token: bytes) -> Progress:
        """What AD makes of the client's next message."""
        ...


StartLogOn = Callable[[], PassThrough]


@dataclass(frozen=True, slots=True)
class LogOnStep:
    """What to tell the client: an account, or a challenge to answer on the same connection."""

    account: Account | None
    header: str = field(default="", repr=False)
    """Value of WWW-Authenticate; empty for none."""


@dataclass
class ConnectionLogOn:
    """Who one connection belongs to."""

    account: Account | None = None
    _scheme: str = ""
    _under_way: PassThrough | None = None

    def step(
        self,
        authorization: str,
        start: StartLogOn | None,
        account_of: Callable[[DN], Account | None],
    ) -> LogOnStep:
        """The client's next message; a log-on that fails begins anew with the next."""
        scheme, _, text = authorization.partition(" ")
        known = next((s for s in SCHEMES if s.casefold() == scheme.casefold()), "")
        self.account = None
        if not known or start is None or len(text) > TOKEN_LENGTH_MAX:
            return self._failed()
        if self._under_way is None or known != self._scheme:
            self._scheme, self._under_way = known, start()
        try:
            progress = self._under_way.answer(b64decode(text.strip(), validate=True))
        except (NotBase64, ValueError):
            return self._failed()
        header = f"{known} {b64encode(progress.token).decode()}" if progress.token else ""
        if not progress.is_over:
            return LogOnStep(None, header)
        self._under_way = None
        if progress.user is not None:
            self.account = account_of(progress.user)
        return LogOnStep(self.account, header if self.account is not None else "")

    def _failed(self) -> LogOnStep:
        self._under_way = None
        return LogOnStep(None)
