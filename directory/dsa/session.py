"""Who is asking: the state of one connection or in-process caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from directory.model.dn import DN, ROOT
from directory.model.messages import Reply
from directory.store.entry import Author

if TYPE_CHECKING:
    from directory.dsa.paging import SavedSet
    from directory.dsa.quick import Plan
    from directory.dsa.repeats import Repeat


class Role(StrEnum):
    """What an identity is to the directory; access control is a table over these."""

    ANONYMOUS = "anonymous"
    AUTHENTICATED = "authenticated"
    REPLICATION = "replication"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated name, or nobody. ``guid`` is that of its entry, if it has one."""

    dn: DN = ROOT
    role: Role = Role.ANONYMOUS
    guid: bytes | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody has bound."""
        return self.role is Role.ANONYMOUS

    @property
    def is_administrator(self) -> bool:
        """Whether every entry may be read and written."""
        return self.role is Role.ADMINISTRATOR

    @property
    def authorization_id(self) -> str:
        """RFC 4513 section 5.2.1.8; empty for nobody."""
        return "" if self.is_anonymous else f"dn:{self.dn}"


ANONYMOUS = Identity()
LOCAL = Identity(DN.of(("cn", "local administrator")), Role.ADMINISTRATOR)
"""Callers in this process that need no bind: the lab, the command line."""


@dataclass(slots=True)
class Session:
    """Mutable; one per connection or embedded caller.

    ``deliver`` is set by the listener: how replies of persisting searches reach the client.
    ``note`` says what the caller is doing; the change log keeps it beside the identity.
    ``group_commit`` leaves the durability of changes to ``commit_group``.
    ``takes_turns`` has a TURN among the replies of a search that does not answer for a while.
    """

    identity: Identity = ANONYMOUS
    is_secure: bool = False
    peer_certificate: bytes | None = field(default=None, repr=False)
    tls_channel_binding: bytes | None = field(default=None, repr=False)
    deliver: Callable[[int, Reply], None] | None = None
    note: str = ""
    group_commit: bool = False
    takes_turns: bool = False
    peer: str = ""
    is_global_catalog: bool = False
    sasl: object | None = field(default=None, repr=False)
    """The unfinished SASL exchange, if one is under way."""
    pages: dict[bytes, SavedSet] = field(default_factory=dict, repr=False)
    """Unfinished paged searches by cookie."""
    page_count: int = 0
    plan: Plan | None = field(default=None, repr=False)
    """How the last quick search was answered; the next is nearly always like it."""
    asked: tuple[object, ...] | None = field(default=None, repr=False)
    """What the last quick search in an index's order asked."""
    repeat: Repeat | None = field(default=None, repr=False)
    """That again, and its answer, where it was asked more than once."""
    _author_for: Identity | None = field(default=None, repr=False)
    _author: Author | None = field(default=None, repr=False)

    @property
    def author(self) -> Author:
        """How the change log names this session; one object for all its changes."""
        author = self._author
        if author is None or self._author_for is not self.identity or author.note != self.note:
            author = self._author = Author(str(self.identity.dn), self.note)
            self._author_for = self.identity
        return author
