"""What may stand in an entry: attributes known, values well formed, classes satisfied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from directory.dsa import refusals as r
from directory.dsa.context import Context
from directory.model import ber
from directory.model.dn import DN
from directory.model.names import AttributeName
from directory.schema.definitions import ObjectClassKind
from directory.schema.schema import Attribute

Values = tuple[bytes, ...]

NAME_OCTETS_MAX = 127
"""Longest attribute description stored: the codec's short form; the longest real one has 60."""

SYSTEM_PROVIDED = frozenset((
    "objectcategory", "ntsecuritydescriptor", "instancetype", "objectsid", "samaccountname",
    "subschemasubentry",
))  # fmt: skip
"""What AD's classes require and the directory itself provides."""


def attribute_of(context: Context, description: str) -> Attribute:
    """The attribute of a description in an update.

    Raises:
        LdapError: undefinedAttributeType; AD says noSuchAttribute.
    """
    attribute = context.schema.attribute(description)
    if attribute is None or len(description) > NAME_OCTETS_MAX:
        raise r.refusal(context, r.UNDEFINED_ATTRIBUTE, description[:NAME_OCTETS_MAX])
    return attribute


def check_writable(context: Context, attribute: Attribute, *, adding: bool = False) -> None:
    """Pass when a client may set the attribute.

    Raises:
        LdapError: constraintViolation.
    """
    if attribute.name in context.store.computed or attribute.is_read_only:
        if adding and attribute.name in SETTABLE_ON_ADD:
            return
        raise r.refusal(context, r.READ_ONLY, attribute.spelling)


SETTABLE_ON_ADD = frozenset((
    "systemflags", "schemaidguid", "attributeid", "governsid", "attributesyntax", "omsyntax",
    "issinglevalued", "objectclasscategory", "ncname", "dnsroot", "ldapdisplayname", "rdnattid",
    "objectcategory",
))  # fmt: skip
"""System-only attributes that AD takes in an add (MS-ADTS 3.1.1.5.2.2)."""


def check_values(context: Context, attribute: Attribute, values: Values) -> None:
    """Pass when the values are of the attribute's syntax and each stands once.

    Raises:
        LdapError: invalidAttributeSyntax, attributeOrValueExists or constraintViolation.
    """
    if attribute.single_value and len(values) > 1:
        raise r.refusal(context, r.SINGLE_VALUE, attribute.spelling)
    syntax = attribute.syntax
    if syntax is not None:
        for value in values:
            try:
                syntax.check(value)
            except ValueError as error:
                raise r.refusal(context, r.BAD_SYNTAX, attribute.spelling, str(error)) from None
    if len(values) > 1 and len(set(keys(attribute, values))) < len(values):
        raise r.refusal(context, r.VALUE_EXISTS, attribute.spelling)


def are_values(
    attribute: Attribute, check: Callable[[bytes], object] | None, values: Sequence[bytes]
) -> bool:
    """``check_values`` without the words; ``check`` is the syntax's, looked up by the caller."""
    if not values or (len(values) > 1 and attribute.single_value):
        return False
    if check is not None:
        try:
            for value in values:
                check(value)
        except ValueError:
            return False
    return len(values) == 1 or len(set(keys(attribute, values))) == len(values)


def keys(attribute: Attribute, values: Iterable[bytes]) -> list[object]:
    """What makes each value the same as another; the bytes where no rule says."""
    rule = attribute.equality
    if rule is None:
        return list(values)
    result: list[object] = []
    for value in values:
        try:
            result.append(rule.key(value))
        except ValueError:
            result.append(value)
    return result


def check_shape(
    context: Context, classes: Values, attributes: Mapping[AttributeName, Values]
) -> None:
    """``check_classes``, remembered: entries that are added or changed are much alike."""
    key = (classes, tuple(attributes))
    if key in context.shapes_passed:
        return
    check_classes(context, attributes)
    if len(context.shapes_passed) >= SHAPES_MAX:
        context.shapes_passed.clear()
    context.shapes_passed.add(key)


SHAPES_MAX = 10_000
"""Combinations of classes and attributes, in the order they are given, remembered as allowed."""


def check_classes(context: Context, attributes: Mapping[AttributeName, Values]) -> None:
    """Pass when the entry has known classes, one structural chain, and what they ask for.

    Raises:
        LdapError: objectClassViolation, or invalidAttributeSyntax for an unknown class.
    """
    schema = context.schema
    names = [value.decode("utf-8", "replace") for value in attributes.get(OBJECT_CLASS, ())]
    if not names:
        raise r.refusal(context, r.CLASS_VIOLATION, reason="no objectClass")
    extensible = False
    for name in names:
        known = schema.object_class(name)
        if known is None:
            raise r.refusal(context, r.BAD_SYNTAX, "objectClass", f"unknown class {name!r}")
        extensible = extensible or known.name.lower() == "extensibleobject"
    structural = schema.structural_class(names)
    if structural is None:
        raise r.refusal(context, r.CLASS_VIOLATION, reason="no structural object class provided")
    chain = schema.superclasses(structural.name)
    for name in names:
        known = schema.object_class(name)
        assert known is not None
        if known.kind is ObjectClassKind.STRUCTURAL and known.name.lower() not in chain:
            reason = f"invalid structural object class chain ({structural.name}/{known.name})"
            raise r.refusal(context, r.CLASS_VIOLATION, reason=reason)
    must, may = schema.allowed(names)
    bases = {name.partition(";")[0] for name in attributes}
    missing = must - bases
    if missing:
        missing -= SYSTEM_PROVIDED if not context.configuration.is_generic else frozenset()
        missing = missing.difference(context.store.computed)
    if missing:
        name = schema.spelling(AttributeName(min(missing)))
        reason = f"object class {structural.name!r} requires attribute {name!r}"
        raise r.refusal(context, r.CLASS_VIOLATION, reason=reason)
    if not extensible:
        check_allowed(context, bases - may)


def check_allowed(context: Context, extra: set[str]) -> None:
    """Pass when what the classes do not allow is operational.

    Raises:
        LdapError: objectClassViolation.
    """
    for base in sorted(extra):
        attribute = context.schema.attribute(base)
        if attribute is not None and attribute.is_operational:
            continue
        if not context.configuration.is_generic and base in ALWAYS_ALLOWED:
            continue
        name = context.schema.spelling(AttributeName(base))
        raise r.refusal(
            context, r.CLASS_VIOLATION, reason=f"attribute {name!r} is not allowed by the classes"
        )


ALWAYS_ALLOWED = frozenset(("lastknownparent", "objectsid", "userpassword"))
"""What every AD or ADAM entry may have: a deleted one its last superior, a principal its SID."""

OBJECT_CLASS = AttributeName("objectclass")


def encode(context: Context, name: AttributeName, values: Values) -> bytes:
    """An attribute as the store keeps it: wire form, in the schema's spelling."""
    return ber.attribute(context.schema.spelled(name), values)


def naming_values(context: Context, dn: DN) -> dict[AttributeName, Values]:
    """The attributes an RDN stands for.

    Raises:
        LdapError: undefinedAttributeType, namingViolation for the root.
    """
    if not dn.rdns:
        raise r.refusal(context, r.NAMING_VIOLATION, reason="the name has no RDN")
    result: dict[AttributeName, Values] = {}
    for ava in dn.rdn.avas:
        name = attribute_of(context, ava.type).name
        result[name] = (*result.get(name, ()), ava.value_bytes)
    return result


def with_superclasses(context: Context, values: Values) -> Values:
    """Classes with their superclasses, the most general first, as AD stores them."""
    known = context.class_chains.get(values)
    if known is not None:
        return known
    chains = [context.schema.superclasses(value.decode("utf-8", "replace")) for value in values]
    ordered: dict[str, None] = {}
    for chain in sorted(chains, key=len):
        ordered.update(dict.fromkeys(reversed(chain)))
    found = [context.schema.object_class(name) for name in ordered]
    result = tuple(known.name.encode() for known in found if known is not None)
    if len(context.class_chains) < SHAPES_MAX:
        context.class_chains[values] = result
    return result
