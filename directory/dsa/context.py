"""What the parts of the DSA share: the store and everything passed in from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from directory.clock import Clock
from directory.dsa.access import AccessPolicy
from directory.dsa.configuration import DirectoryConfiguration
from directory.dsa.passwords import PasswordHasher
from directory.dsa.persist import PersistentSearches
from directory.dsa.selection import Selections
from directory.dsa.throttle import BindThrottle
from directory.entropy import Entropy
from directory.model.names import AttributeName
from directory.schema.schema import Attribute, Schema
from directory.store.store import Store


class DsaObserver(Protocol):
    """Told what an administrator may want to know. Never sees a password."""

    def bound(self, name: str, peer: str, at: datetime) -> None:
        """A bind succeeded."""
        ...

    def bind_refused(self, name: str, peer: str, reason: str, at: datetime) -> None:
        """A bind failed, or was not even tried because too many had failed."""
        ...

    def access_refused(self, identity: str, operation: str, dn: str, at: datetime) -> None:
        """An authenticated caller asked for what it may not do."""
        ...


class Silence:
    """An observer that does nothing."""

    def bound(self, name: str, peer: str, at: datetime) -> None:
        """Nothing."""

    def bind_refused(self, name: str, peer: str, reason: str, at: datetime) -> None:
        """Nothing."""

    def access_refused(self, identity: str, operation: str, dn: str, at: datetime) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class WireName:
    """What an add must know about an attribute it was given."""

    attribute: Attribute
    name: AttributeName
    spelling: bytes
    """How the store keeps the name: the schema's way."""
    check: Callable[[bytes], object] | None
    """Raises ValueError for what is no value of its syntax."""
    is_kept: bool
    """Whether its wire form can be kept: spelled as the schema does, and not computed."""
    is_computed: bool
    heads: dict[int, bytes] = field(default_factory=dict, repr=False)
    """``ber.attribute_head`` by the length of the value, for the short ones."""


@dataclass(slots=True)
class Context:
    """One directory as its operations see it."""

    configuration: DirectoryConfiguration
    store: Store
    clock: Clock
    entropy: Entropy
    access: AccessPolicy
    hasher: PasswordHasher
    throttle: BindThrottle
    observer: DsaObserver = field(default_factory=Silence)
    selections: Selections = field(init=False)
    persistent: PersistentSearches = field(init=False)
    shapes_passed: set[tuple[tuple[bytes, ...], tuple[AttributeName, ...]]] = field(
        default_factory=set
    )
    """Classes and attributes that are known to go together."""
    class_blobs: dict[tuple[bytes, ...], bytes] = field(default_factory=dict)
    """Object classes as they are given, checked, and as the store keeps them."""
    class_chains: dict[tuple[bytes, ...], tuple[bytes, ...]] = field(default_factory=dict)
    """Object classes as they are given, and with all their superclasses."""
    wire_names: dict[bytes, WireName] = field(default_factory=dict)
    """Attribute names of adds as clients spell them, looked up."""

    def __post_init__(self) -> None:
        self.selections = Selections(self.store, generic=self.configuration.is_generic)
        self.persistent = PersistentSearches(self.store)

    @property
    def schema(self) -> Schema:
        """The schema in force."""
        return self.store.schema

    def new_guid(self) -> bytes:
        """An identity nobody has; seeded entropy may start again at a restart, hence the look."""
        while True:
            octets = bytearray(self.entropy.token_bytes(16))
            octets[6] = octets[6] & 0x0F | 0x40  # a version 4 UUID (RFC 9562 section 5.4)
            octets[8] = octets[8] & 0x3F | 0x80
            guid = bytes(
                octets[3::-1] + octets[5:3:-1] + octets[7:5:-1] + octets[8:]
            )  # AD's byte order
            if guid not in self.store.guids:
                return guid

    def new_guids(self, count: int) -> list[bytes]:
        """``new_guid`` for many: the same identities in the same order."""
        known = self.store.guids
        found: dict[bytes, None] = {}
        while len(found) < count:
            size = 16 * (count - len(found))
            drawn = bytearray(self.entropy.token_bytes(size))
            drawn[6::16] = drawn[6::16].translate(_VERSION_4)
            drawn[8::16] = drawn[8::16].translate(_VARIANT)
            octets = bytearray(size)
            for at, drawn_at in enumerate(_AD_ORDER):
                octets[at::16] = drawn[drawn_at::16]
            guids = (bytes(octets[at : at + 16]) for at in range(0, size, 16))
            found.update((guid, None) for guid in guids if guid not in known)
        return list(found)

    def now(self) -> int:
        """The instant in whole seconds, as entries are stamped with it."""
        return int(self.clock.now().timestamp())


_VERSION_4 = bytes(octet & 0x0F | 0x40 for octet in range(256))
_VARIANT = bytes(octet & 0x3F | 0x80 for octet in range(256))
"""What makes 16 random octets a version 4 UUID, octet by octet."""

_AD_ORDER = (3, 2, 1, 0, 5, 4, 7, 6, *range(8, 16))
"""Where AD's byte order takes each octet of a UUID from (MS-DTYP 2.3.4)."""
