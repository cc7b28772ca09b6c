"""What the entry of an add gives: its attributes checked, their wire forms kept where they can be.

This loop looks at every attribute of every entry that is added, so that what is usual (one
value, lengths of one octet, a name spelled as the schema does) is read at a glance here. All
checks are those of ``content``.
"""

from __future__ import annotations

from directory.dsa import content
from directory.dsa import refusals as r
from directory.dsa.context import Context, WireName
from directory.limits import REMEMBERED_OCTETS_MAX
from directory.model import ber
from directory.model.encoded import EncodedEntry, attributes_at, decode_attribute
from directory.model.entry import Entry
from directory.model.names import AttributeName

Values = tuple[bytes, ...]
Given = tuple[dict[AttributeName, Values], dict[AttributeName, bytes]]
"""Values by name, and blobs by name where the store can keep what came."""

Repeated = dict[AttributeName, tuple[WireName, list[bytes]]]
"""Attributes that were named again, with all their values: checked once, when all are there."""

WIRE_NAMES_MAX = 4096
"""Spellings of attribute names remembered."""


def read(context: Context, entry: Entry) -> Given:
    """The attributes of an add.

    Raises:
        LdapError: for the first attribute that may not stand in an entry as it is given.
    """
    if isinstance(entry, EncodedEntry):
        return _read_encoded(context, entry.operation)
    given: Given = ({}, {})
    repeated: Repeated = {}
    attributes, blobs = given
    known = context.wire_names
    classes = context.class_blobs
    for name, values in entry.attributes.items():
        found = known.get(name.encode())
        if found is None or found.name in attributes or found.is_computed:
            _take(context, given, repeated, name.encode(), values, None)
        elif len(values) == 1:
            if found.check is not None:
                _check_one(context, found, values[0])
            attributes[found.name] = values
            blobs[found.name] = _head(found, len(values[0])) + values[0]
        elif found.name == content.OBJECT_CLASS and values in classes:
            attributes[found.name] = values
            blobs[found.name] = classes[values]
        else:
            _take(context, given, repeated, name.encode(), values, None)
            if found.name == content.OBJECT_CLASS and len(classes) < content.SHAPES_MAX:
                blob = blobs[found.name]
                if len(blob) <= REMEMBERED_OCTETS_MAX:
                    classes[values] = blob
    return _joined(context, given, repeated) if repeated else given


def _head(found: WireName, n: int) -> bytes:
    head = found.heads.get(n)
    if head is None:
        head = ber.attribute_head(found.spelling, n)
        if n < HEADS_MAX:
            found.heads[n] = head
    return head


HEADS_MAX = 128
"""Lengths of values for which the octets before them are remembered: nearly all are shorter."""


def _read_encoded(context: Context, operation: bytes) -> Given:
    given: Given = ({}, {})
    repeated: Repeated = {}
    attributes, blobs = given
    known = context.wire_names
    at, end = attributes_at(operation)
    while at < end:
        n = operation[at + 1]
        if n >= 0x80:
            stop = ber.header(operation, at, end)[2]
            blob = operation[at:stop]
            _take(context, given, repeated, *decode_attribute(blob), blob)
            at = stop
            continue
        # every length within is shorter, so each has one octet
        stop = at + 2 + n
        name_end = at + 4 + operation[at + 3]
        spelled = operation[at + 4 : name_end]
        value_at = name_end + 4
        found = known.get(spelled)
        if (
            found is None or name_end + 2 >= stop or value_at + operation[value_at - 1] != stop
            or found.name in attributes or not found.is_kept
        ):  # fmt: skip
            blob = operation[at:stop]
            _take(context, given, repeated, *decode_attribute(blob), blob)
        else:
            value = operation[value_at:stop]
            if found.check is not None:
                _check_one(context, found, value)
            attributes[found.name] = (value,)
            blobs[found.name] = operation[at:stop]
        at = stop
    return _joined(context, given, repeated) if repeated else given


def _joined(context: Context, given: Given, repeated: Repeated) -> Given:
    """The same with the values of attributes that were named more than once."""
    attributes, blobs = given
    for name, (found, values) in repeated.items():
        attributes[name] = tuple(values)
        content.check_values(context, found.attribute, attributes[name])
        blobs.pop(name, None)
    return given


def _check_one(context: Context, found: WireName, value: bytes) -> None:
    """``content.check_values`` for one value."""
    assert found.check is not None
    try:
        found.check(value)
    except ValueError as error:
        raise r.refusal(context, r.BAD_SYNTAX, found.attribute.spelling, str(error)) from None


def _take(
    context: Context, given: Given, repeated: Repeated, spelled: bytes, values: Values,
    blob: bytes | None,
) -> None:  # fmt: skip
    """Check one attribute and put it with the others."""
    attributes, blobs = given
    found = context.wire_names.get(spelled)
    if found is None:
        found = _wire_name(context, spelled)
    if not values:
        reason = "an attribute to add needs a value"
        raise r.refusal(context, r.BAD_SYNTAX, found.attribute.spelling, reason)
    if found.is_computed:
        return  # objectCategory and the like: taken, and worked out anyway
    name = found.name
    if name in attributes:
        repeated.setdefault(name, (found, list(attributes[name])))[1].extend(values)
        return
    content.check_values(context, found.attribute, values)
    attributes[name] = values
    if blob is None:
        blobs[name] = ber.attribute(found.spelling, values)
    elif found.is_kept:
        blobs[name] = blob


def _wire_name(context: Context, spelled: bytes) -> WireName:
    description = spelled.decode("utf-8", "replace")
    attribute = content.attribute_of(context, description)
    content.check_writable(context, attribute, adding=True)
    name = context.schema.canonical(description)
    spelling = context.schema.spelled(name)
    is_computed = attribute.name in context.store.computed
    check = attribute.syntax.check if attribute.syntax is not None else None
    found = WireName(
        attribute, name, spelling, check,
        is_kept=spelling == spelled and not is_computed, is_computed=is_computed,
    )  # fmt: skip
    if len(context.wire_names) < WIRE_NAMES_MAX and len(spelled) <= REMEMBERED_OCTETS_MAX:
        context.wire_names[spelled] = found
    return found
