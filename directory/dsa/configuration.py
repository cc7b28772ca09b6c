"""What makes one directory different from another."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from directory.model.dn import DN

ProfileName = Literal["generic", "ad", "adam"]

TOMBSTONE_LIFETIME_DAYS = 180
"""AD's default since Windows Server 2003 SP1 (MS-ADTS 7.1.1.2.4.1.1)."""

PASSWORD_COST_LOG2 = 14
"""scrypt's N as a power of two: 16 MiB and some 50 ms for each try (RFC 7914's interactive use)."""


@dataclass(frozen=True, kw_only=True)
class DirectoryConfiguration:
    """Everything ``open_directory`` needs to know, beside clock, entropy and file.

    ``naming_contexts``: the suffixes of a generic directory; domain and configuration of an AD;
    configuration and application partitions of an ADAM. ``replication_accounts`` is the container
    whose accounts may write what is replicated, and nothing else. ``ntlm``: whether an AD or ADAM
    takes NTLM binds and keeps the NT hashes they need; None is yes when the extra ``ntlm`` is
    installed. Names that follow from these are worked out once: every search compares with them.
    """

    profile: ProfileName = "generic"
    naming_contexts: tuple[DN, ...]
    schema_texts: tuple[str, ...] = ()
    admin_dn: DN | None = None
    admin_password: bytes = field(default=b"", repr=False)
    dns_host_name: str = "localhost"
    site: str = "Default-First-Site-Name"
    allow_anonymous_read: bool = False
    replication_accounts: DN | None = None
    tombstone_lifetime_days: int = TOMBSTONE_LIFETIME_DAYS
    password_cost_log2: int = PASSWORD_COST_LOG2
    ntlm: bool | None = None

    @property
    def is_generic(self) -> bool:
        """Whether it behaves as an RFC directory, not as Microsoft's."""
        return self.profile == "generic"

    @property
    def domain(self) -> DN | None:
        """An AD's domain."""
        return self.naming_contexts[0] if self.profile == "ad" else None

    @cached_property
    def configuration(self) -> DN | None:
        """The configuration naming context of an AD or ADAM."""
        if self.is_generic:
            return None
        for dn in self.naming_contexts:
            if dn.rdns and dn.rdn.normal == "cn=configuration":
                return dn
        return self.naming_contexts[0].child("CN", "Configuration")

    @cached_property
    def schema_context(self) -> DN | None:
        """The schema naming context."""
        return self.configuration.child("CN", "Schema") if self.configuration else None

    @property
    def all_contexts(self) -> tuple[DN, ...]:
        """Every naming context, the implied ones included."""
        own = list(self.naming_contexts)
        for dn in (self.configuration, self.schema_context):
            if dn is not None and dn not in own:
                own.append(dn)
        return tuple(own)

    @cached_property
    def subschema(self) -> DN:
        """Where the schema is published."""
        if self.schema_context is not None:
            return self.schema_context.child("CN", "Aggregate")
        return DN.of(("cn", "Subschema"))

    @property
    def netbios_domain(self) -> str:
        """The short name of an AD's domain: its first label, upper case."""
        return self.domain.rdn.value.upper()[:15] if self.domain and self.domain.rdns else ""

    @property
    def dns_domain(self) -> str:
        """The DNS name of an AD's domain."""
        if self.domain is None:
            return ""
        return ".".join(rdn.value for rdn in self.domain.rdns if rdn.type.lower() == "dc")
