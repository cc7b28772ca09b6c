"""Who is asking: the state of one connection or in-process caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from directory.model.dn import DN, ROOT
from directory.model.messages import Reply


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated name, or nobody."""

    dn: DN = ROOT

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody has bound."""
        return self.dn.is_root


@dataclass(slots=True)
class Session:
    """Mutable; one per connection or embedded caller."""

    identity: Identity = field(default_factory=Identity)
    is_secure: bool = False
    peer_certificate: bytes | None = None
    tls_channel_binding: bytes | None = None
    deliver: Callable[[int, Reply], None] | None = None
    note: str = ""
    group_commit: bool = False
