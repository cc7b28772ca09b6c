"""What a schema is made of, as RFC 4512 section 4.1 defines it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Usage(StrEnum):
    """What an attribute is for (section 4.1.2)."""

    USER = "userApplications"
    DIRECTORY = "directoryOperation"
    DISTRIBUTED = "distributedOperation"
    DSA = "dSAOperation"


class ObjectClassKind(StrEnum):
    """Section 4.1.1."""

    ABSTRACT = "ABSTRACT"
    STRUCTURAL = "STRUCTURAL"
    AUXILIARY = "AUXILIARY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What all kinds of definition share. ``text`` is the definition as it is published."""

    oid: str
    names: tuple[str, ...] = ()
    description: str = ""
    obsolete: bool = False
    extensions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    text: str = field(default="", compare=False, repr=False)

    @property
    def name(self) -> str:
        """The name to use: the first one, or the OID."""
        return self.names[0] if self.names else self.oid


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeType(Definition):
    """Section 4.1.2. Rules and syntax are filled in from the supertype when the schema is built."""

    superior: str | None = None
    equality: str | None = None
    ordering: str | None = None
    substring: str | None = None
    syntax: str | None = None
    single_value: bool = False
    collective: bool = False
    no_user_modification: bool = False
    usage: Usage = Usage.USER

    @property
    def is_operational(self) -> bool:
        """Whether it is returned only when asked for by name or by ``+``."""
        return self.usage is not Usage.USER


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectClass(Definition):
    """Section 4.1.1."""

    superiors: tuple[str, ...] = ()
    kind: ObjectClassKind = ObjectClassKind.STRUCTURAL
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRule(Definition):
    """A DIT content rule (section 4.1.6); its OID is that of the structural class."""

    auxiliaries: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax(Definition):
    """A syntax (section 4.1.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingRuleDescription(Definition):
    """A matching rule's description (section 4.1.3)."""

    syntax: str = ""
