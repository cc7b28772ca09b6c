"""The check before the first byte of a credential: is this the certificate AD has?

Both ways to an Edge's ADAM use it: LDAPS (``edgesync.port.ldap``), after the handshake and before
the bind, and the in-process session of a lab that is down.
"""

from __future__ import annotations

import hashlib
import hmac

from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.session import Session
from edgesync.errors import Unreachable
from edgesync.port.embedded import EmbeddedPort


class PinMismatch(Unreachable):
    """The peer showed another certificate than the one expected; nothing was sent to it."""

    def __init__(self, presented: bytes | None, expected: bytes, peer: str) -> None:
        self.presented = _thumbprint(presented) if presented else "none"
        self.published = _thumbprint(expected)
        super().__init__(
            f"{peer} presented certificate {self.presented}, but {self.published} is expected",
            "if the new certificate is right, subscribe the Edge again; else look who answers",
        )


def check_pin(presented: bytes | None, expected: bytes, peer: str) -> None:
    """Pass when the DER certificate a peer presented is byte for byte the expected one.

    Raises:
        PinMismatch: otherwise, or when it presented none.
    """
    if presented is None or not hmac.compare_digest(presented, expected):
        raise PinMismatch(presented, expected, peer)


def pinned_session(
    agent: DirectoryServiceAgent,
    *,
    presented: bytes | None,
    expected: bytes,
    bind_name: str,
    password: bytes,
    peer: str,
    note: str = "",
) -> EmbeddedPort:
    """The in-process twin of an LDAPS session: compare certificates, then bind.

    ``presented`` is what the machine's store would present on LDAPS.

    Raises:
        PinMismatch: before anything is asked of the directory.
        LdapError: the directory refuses the credentials.
    """
    check_pin(presented, expected, peer)
    port = EmbeddedPort(agent, Session(is_secure=True, note=note))
    port.bind(bind_name, password)
    return port


def _thumbprint(der: bytes) -> str:
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()
