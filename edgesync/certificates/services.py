"""Services a certificate is enabled for, in Exchange's order and column forms."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntFlag

from edgesync.config import Version
from edgesync.errors import UsageError
from edgesync.organization.servers import ServerRole


class Services(IntFlag):
    """AllowedServices, numbered as Exchange numbers them (certificate-facts 2.2)."""

    NONE = 0
    IMAP = 1
    POP = 2
    UM = 4
    IIS = 8
    SMTP = 16
    FEDERATION = 32
    UM_CALL_ROUTER = 64

    @property
    def words(self) -> tuple[str, ...]:
        """The services in flag order: ``("IMAP", "POP", "IIS", "SMTP")``."""
        return tuple(_WORDS[flag] for flag in _WORDS if flag in self)

    def __str__(self) -> str:
        return ", ".join(self.words) or "None"

    def column(self, version: Version = Version.EXCHANGE_2007) -> str:
        """The short Services column: one character per service the version knows, ``IP.WS``.

        Five characters are published for 2007 (certificate-facts 2.2); that later versions append
        one per service they added is our reading.
        """
        return "".join(_LETTERS[flag] if flag in self else "." for flag in known_services(version))


_WORDS = {
    Services.IMAP: "IMAP",
    Services.POP: "POP",
    Services.UM: "UM",
    Services.IIS: "IIS",
    Services.SMTP: "SMTP",
    Services.FEDERATION: "Federation",
    Services.UM_CALL_ROUTER: "UMCallRouter",
}
_LETTERS = dict(zip(_WORDS, "IPUWSFC", strict=True))
_BY_WORD = {word.casefold(): flag for flag, word in _WORDS.items()} | {"none": Services.NONE}


def known_services(version: Version) -> tuple[Services, ...]:
    """Services that exist in a version, in flag order."""
    count = 5
    if version.at_least(Version.EXCHANGE_2010):
        count = 6
    if version.at_least(Version.EXCHANGE_2013):
        count = 7
    return tuple(_WORDS)[:count]


def parse_services(text: str | Iterable[str]) -> Services:
    """Read ``SMTP,IIS``, ``["SMTP", "IIS"]`` or ``None``, in any case.

    Raises:
        UsageError: for a word that is no service.
    """
    words = text.split(",") if isinstance(text, str) else list(text)
    found = Services.NONE
    for word in (w.strip() for w in words):
        if not word:
            continue
        flag = _BY_WORD.get(word.casefold())
        if flag is None:
            raise UsageError(
                f"{word!r} is not a service", f"use {', '.join(('None', *_WORDS.values()))}"
            )
        found |= flag
    return found


def setup_services(roles: ServerRole, version: Version) -> Services:
    """Services setup enables its certificate for (certificate-facts 1).

    Nothing for a Mailbox-only server of 2007 and 2010; from 2013 on a Mailbox server does it all.
    """
    services = Services.NONE
    if roles & (ServerRole.HUB | ServerRole.EDGE):
        services |= Services.SMTP
    if roles & ServerRole.CLIENT_ACCESS:
        services |= Services.IMAP | Services.POP | Services.IIS
    if roles & ServerRole.UNIFIED_MESSAGING and not version.at_least(Version.EXCHANGE_2010):
        services |= Services.UM
    if roles & ServerRole.MAILBOX and version.at_least(Version.EXCHANGE_2013):
        services |= Services.IMAP | Services.POP | Services.IIS | Services.SMTP
    return services
