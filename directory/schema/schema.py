"""A schema in force: look up what an attribute is, how it matches, what a class allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from directory.errors import InvalidSchema
from directory.limits import REMEMBERED_OCTETS_MAX
from directory.model.names import AttributeName, attribute_name
from directory.schema.definitions import (
    AttributeType,
    ContentRule,
    Definition,
    ObjectClass,
    ObjectClassKind,
)
from directory.schema.matching import RULES, MatchingRule
from directory.schema.syntaxes import DN_SYNTAXES, SYNTAXES, SyntaxRule

D = TypeVar("D", bound=Definition)

SPELLINGS_MAX = 10_000
"""Spellings of attribute descriptions remembered; strangers may send any."""

SUPERIORS_DEPTH_MAX = 32
"""Longest chain of supertypes or superclasses; the deepest real one has about ten."""


class Attribute:
    """One attribute type with everything resolved: the object the fast paths hold on to.

    ``name`` is the folded primary name, ``spelling`` how answers write it.
    """

    __slots__ = (
        "equality", "is_dn", "is_operational", "is_read_only", "name", "ordering", "single_value",
        "spelling", "substring", "syntax", "type",
    )  # fmt: skip

    def __init__(self, type: AttributeType) -> None:  # noqa: A002 - the noun of RFC 4512
        self.type = type
        self.spelling = type.name
        self.name = attribute_name(type.name)
        self.equality = _rule(type.equality)
        self.ordering = _rule(type.ordering)
        self.substring = _rule(type.substring)
        self.syntax: SyntaxRule | None = SYNTAXES.get(type.syntax or "")
        self.single_value = type.single_value
        self.is_dn = type.syntax in DN_SYNTAXES
        self.is_operational = type.is_operational
        self.is_read_only = type.no_user_modification

    def __repr__(self) -> str:
        return f"Attribute({self.spelling})"


def _rule(name: str | None) -> MatchingRule | None:
    return None if name is None else RULES.get(name.lower())


class Schema:
    """Definitions that agree with each other. A later one replaces an earlier one of its OID."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        types: dict[str, AttributeType] = {}
        classes: dict[str, ObjectClass] = {}
        self.content_rules: dict[str, ContentRule] = {}
        for definition in definitions:
            if isinstance(definition, AttributeType):
                _register(types, definition)
            elif isinstance(definition, ObjectClass):
                _register(classes, definition)
            elif isinstance(definition, ContentRule):
                self.content_rules[definition.oid] = definition
        self._types = types
        self._classes = classes
        self._attributes: dict[str, Attribute] = {}
        for definition in {id(d): d for d in types.values()}.values():
            attribute = Attribute(self._inherited(definition))
            self._attributes[definition.oid] = attribute
            for name in definition.names:
                self._attributes[name.lower()] = attribute
        self._canonical: dict[str, AttributeName] = {}
        self._spelled: dict[AttributeName, bytes] = {}
        self._chains: dict[str, tuple[str, ...]] = {}

    @property
    def attributes(self) -> Iterator[Attribute]:
        """Every attribute once, in the order of definition."""
        return iter({id(a): a for a in self._attributes.values()}.values())

    @property
    def object_classes(self) -> Iterator[ObjectClass]:
        """Every object class once."""
        return iter({id(c): c for c in self._classes.values()}.values())

    def attribute(self, description: str) -> Attribute | None:
        """The attribute that a name, an OID or a description with options stands for."""
        found = self._attributes.get(description)
        if found is not None:
            return found
        key = description.lower().partition(";")[0]
        return self._attributes.get(key.removeprefix("oid."))

    def object_class(self, name: str) -> ObjectClass | None:
        """The class of a name or OID."""
        return self._classes.get(name.lower())

    def canonical(self, description: str) -> AttributeName:
        """The one folded form of a description: aliases and OIDs become the primary name."""
        found = self._canonical.get(description)
        if found is None:
            found = self._make_canonical(description)
            if len(self._canonical) < SPELLINGS_MAX and len(description) <= REMEMBERED_OCTETS_MAX:
                self._canonical[description] = found
        return found

    def _make_canonical(self, description: str) -> AttributeName:
        base, semicolon, options = description.lower().partition(";")
        attribute = self._attributes.get(base)
        if attribute is None:
            return attribute_name(description)
        if not semicolon:
            return attribute.name
        return AttributeName(f"{attribute.name};{options}")

    def spelling(self, name: AttributeName) -> str:
        """How answers write a description."""
        base, semicolon, options = name.partition(";")
        attribute = self._attributes.get(base)
        return (attribute.spelling if attribute else base) + semicolon + options

    def spelled(self, name: AttributeName) -> bytes:
        """The same as octets, remembered: every attribute that is stored asks."""
        found = self._spelled.get(name)
        if found is None:
            found = self.spelling(name).encode()
            if len(self._spelled) < SPELLINGS_MAX:
                self._spelled[name] = found
        return found

    def superclasses(self, name: str) -> tuple[str, ...]:
        """A class and its superclasses, lower case, nearest first; an unknown name stands alone."""
        key = name.lower()
        found = self._chains.get(key)
        if found is None:
            found = self._superclasses(key, 0)
            if key in self._classes:
                self._chains[key] = found
        return found

    def _superclasses(self, name: str, depth: int) -> tuple[str, ...]:
        known = self._classes.get(name)
        if known is None:
            return (name,)
        if depth > SUPERIORS_DEPTH_MAX:
            raise InvalidSchema(known.text, 0, f"superclasses of {name!r} run in a circle")
        result = {known.name.lower(): None}
        for superior in known.superiors:
            if superior.lower() != known.name.lower():
                result |= dict.fromkeys(self._superclasses(superior.lower(), depth + 1))
        return tuple(result)

    @cached_property
    def subtypes(self) -> Mapping[AttributeName, tuple[AttributeName, ...]]:
        """Names of attributes derived from an attribute, itself included (RFC 4512 2.5.1)."""
        result: dict[AttributeName, dict[AttributeName, None]] = {}
        for attribute in self.attributes:
            above: Attribute | None = attribute
            depth = 0
            while above is not None and depth <= SUPERIORS_DEPTH_MAX:
                result.setdefault(above.name, {})[attribute.name] = None
                superior = above.type.superior
                above = self.attribute(superior) if superior else None
                depth += 1
        return {name: tuple(found) for name, found in result.items() if len(found) > 1}

    def allowed(self, classes: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
        """What the classes together require and allow: folded primary names."""
        return self._allowed(tuple(sorted({name.lower() for name in classes})))

    def _allowed(self, classes: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
        cached = self._allowances.get(classes)
        if cached is not None:
            return cached
        must: set[str] = set()
        may: set[str] = set()
        for name in classes:
            for above in self._with_static_auxiliaries(name):
                known = self._classes.get(above)
                if known is not None:
                    must.update(map(self.canonical, known.must))
                    may.update(map(self.canonical, known.may))
                    rule = self.content_rules.get(known.oid)
                    if rule is not None:
                        must.update(map(self.canonical, rule.must))
                        may.update(map(self.canonical, rule.may))
        result = frozenset(must), frozenset(may | must)
        self._allowances[classes] = result
        return result

    def _with_static_auxiliaries(self, name: str) -> Iterator[str]:
        """Superclasses, and the auxiliaries AD has every entry of a class carry unsaid."""
        for above in self.superclasses(name):
            yield above
            known = self._classes.get(above)
            for auxiliary in known.extensions.get("X-STATIC-AUX", ()) if known else ():
                yield from self.superclasses(auxiliary)

    @cached_property
    def _allowances(self) -> dict[tuple[str, ...], tuple[frozenset[str], frozenset[str]]]:
        return {}

    def structural_class(self, classes: Iterable[str]) -> ObjectClass | None:
        """The most derived structural class of an entry's classes."""
        best: ObjectClass | None = None
        for name in classes:
            known = self._classes.get(name.lower())
            if known is None or known.kind is not ObjectClassKind.STRUCTURAL:
                continue
            if best is None or best.name.lower() in self.superclasses(name):
                best = known
        return best

    def _inherited(self, type: AttributeType) -> AttributeType:  # noqa: A002
        """The type with what it takes from its supertype."""
        own = type
        depth = 0
        while type.superior is not None and depth <= SUPERIORS_DEPTH_MAX:
            above = self._types.get(type.superior.lower())
            if above is None:
                raise InvalidSchema(type.text, 0, f"supertype {type.superior!r} is not defined")
            own = replace(
                own,
                syntax=own.syntax or above.syntax,
                equality=own.equality or above.equality,
                ordering=own.ordering or above.ordering,
                substring=own.substring or above.substring,
            )
            type = above  # noqa: A001
            depth += 1
        return own


def _register(table: dict[str, D], definition: D) -> None:
    table[definition.oid.lower()] = definition
    for name in definition.names:
        table[name.lower()] = definition
