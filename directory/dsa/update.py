"""Add and modify (RFC 4511 sections 4.6 and 4.7; RFC 4525; MS-ADTS 3.1.1.5.2 and 3.1.1.5.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from directory.dsa import content, given, microsoft
from directory.dsa import refusals as r
from directory.dsa.access import Right
from directory.dsa.context import Context
from directory.dsa.links import check_targets
from directory.dsa.names import context_of, existing, no_such_object
from directory.dsa.request_controls import UpdateControls
from directory.dsa.secrets import is_own_password_change, protect, translated
from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.model.dn import DN
from directory.model.messages import AddRequest, ModifyRequest
from directory.model.modification import Modification, ModifyOperation, with_adds_joined
from directory.model.names import AttributeName
from directory.store.entry import REFERRAL, SUBENTRY, StoredEntry
from directory.store.evaluate import compile_filter

Values = tuple[bytes, ...]

INCREMENT_LIMIT = 2**63
"""Integers stay within 64 bits (RFC 4525 leaves the range to the server)."""


def add(
    context: Context, session: Session, request: AddRequest, controls: UpdateControls
) -> StoredEntry:
    """Add one entry; the new version. LdapErrors say why not."""
    del controls
    store = context.store
    dn = request.entry.dn
    attributes, blobs = given.read(context, request.entry)
    before = dict(attributes)
    parent = _superior(context, session, dn)
    _complete_name(context, dn, attributes)
    new_meta: dict[str, str] = {}
    if not context.configuration.is_generic:
        microsoft.complete(context, dn, attributes, new_meta)
    content.check_shape(context, attributes.get(content.OBJECT_CLASS, ()), attributes)
    check_targets(context, attributes)
    protect(context, session, attributes)
    if attributes != before or len(blobs) < len(attributes):
        for name, values in attributes.items():
            if name not in blobs or before.get(name) is not values:
                blobs[name] = content.encode(context, name, values)
    guid = context.new_guid()
    flags = flags_of(attributes.get(content.OBJECT_CLASS, ()))
    if parent is not None:
        rdn, key = dn.rdn_text, dn.rdn_normal
    else:
        rdn, key = str(dn), dn.normal
    with store.write(session.author, context.now(), commit=not session.group_commit) as writer:
        entry = writer.add(parent, rdn.encode(), key, blobs, guid, flags)
        for meta, value in new_meta.items():
            writer.set_meta(meta, value)
    return entry


def _complete_name(context: Context, dn: DN, attributes: dict[AttributeName, Values]) -> None:
    """The values in the RDN belong to the entry, whether they are given or not."""
    avas = dn.rdns[0].avas
    if len(avas) == 1:  # nearly always one value, and given
        own = content.attribute_of(context, avas[0].type).name
        if avas[0].value_bytes in attributes.get(own, ()):
            return
    for name, values in content.naming_values(context, dn).items():
        have = attributes.get(name, ())
        missing = tuple(v for v in values if v not in have)
        if missing and not _has_all(context, name, have, missing):
            attributes[name] = (*have, *missing)
            content.check_values(context, content.attribute_of(context, name), attributes[name])


def _has_all(context: Context, name: AttributeName, have: Values, wanted: Values) -> bool:
    attribute = content.attribute_of(context, name)
    return set(content.keys(attribute, wanted)) <= set(content.keys(attribute, have))


def _superior(context: Context, session: Session, dn: DN) -> StoredEntry | None:
    """The entry above a new one; None when it becomes the top of a naming context.

    Raises:
        LdapError: noSuchObject, entryAlreadyExists or insufficientAccessRights.
    """
    store = context.store
    context.access.check_write(session, dn, None)
    if dn.alternative is not None or dn.is_root:
        raise r.refusal(context, r.NAMING_VIOLATION, reason="an entry needs a name of its own")
    parent = store.find(dn.parent) if dn.parent.rdns else None
    if parent is None:
        if store.find(dn) is not None:
            raise r.refusal(context, r.ENTRY_EXISTS)
        if dn != context_of(context, dn):
            raise no_such_object(context, dn)
        return None
    if store.dit.child(parent.id, dn.rdn_normal) is not None:
        raise r.refusal(context, r.ENTRY_EXISTS)
    if parent.is_deleted:
        raise r.refusal(context, r.UNWILLING, reason="the superior is deleted")
    return parent


@lru_cache(maxsize=1024)
def flags_of(classes: Values) -> int:
    """What searches must know of an entry at a glance, from its object classes."""
    folded = {value.lower() for value in classes}
    flags = SUBENTRY if folded & {b"subentry", b"ldapsubentry"} else 0
    return flags | (REFERRAL if b"referral" in folded else 0)


def modify(
    context: Context, session: Session, request: ModifyRequest, controls: UpdateControls
) -> tuple[StoredEntry, StoredEntry]:
    """Change one entry: the versions before and after."""
    store = context.store
    entry = existing(context, request.dn)
    if not session.identity.is_administrator:
        _check_modify(context, session, request, entry)
    check_assertion(context, entry, controls)
    if entry.is_deleted:
        return entry, microsoft.reanimate(context, session, entry, request, controls)
    current: dict[AttributeName, Values] = {}
    modifications: Iterable[Modification] = request.modifications
    if len(request.modifications) > 1 and not controls.permissive:
        modifications = with_adds_joined(modifications)
    for modification in modifications:
        told = translated(context, entry, modification)
        _apply(context, entry, current, told, permissive=controls.permissive)
    changed = {n: v for n, v in current.items() if v != entry.values(n)}
    if not changed:
        return entry, entry
    _keep_name(context, entry, changed)
    if content.OBJECT_CLASS in changed and not context.configuration.is_generic:
        microsoft.check_class_change(context, entry, changed)
    for name, values in changed.items():
        content.check_values(context, content.attribute_of(context, name), values)
    flags = _check_whole(context, entry, changed)
    if not context.configuration.is_generic:
        microsoft.check_modified(context, entry, changed)
    check_targets(context, changed)
    protect(context, session, changed)
    blobs = {n: content.encode(context, n, v) if v else None for n, v in changed.items()}
    with store.write(session.author, context.now(), commit=not session.group_commit) as writer:
        return entry, writer.modify(entry, blobs, flags=flags)


def _check_modify(
    context: Context, session: Session, request: ModifyRequest, entry: StoredEntry
) -> None:
    rights = context.access.rights(session.identity, entry)
    own = rights & Right.OWN_PASSWORD and is_own_password_change(request.modifications, context)
    if not own:
        context.access.check_write(session, request.dn, entry)


def _check_whole(
    context: Context, entry: StoredEntry, changed: Mapping[AttributeName, Values]
) -> int:
    """Check the entry as it will be, as far as a change can matter; its flags."""
    if content.OBJECT_CLASS not in changed:
        shape = entry.shape.positions
        if all(bool(values) == (name in shape) for name, values in changed.items()):
            return entry.flags  # the same classes and the same attributes
    whole = {name: entry.values(name) for name in entry.shape.names}
    whole.update(changed)
    whole = {name: values for name, values in whole.items() if values}
    content.check_shape(context, whole.get(content.OBJECT_CLASS, ()), whole)
    return flags_of(whole.get(content.OBJECT_CLASS, ()))


def check_assertion(context: Context, entry: StoredEntry, controls: UpdateControls) -> None:
    """Pass when the entry matches the request's assertion (RFC 4528).

    Raises:
        LdapError: assertionFailed.
    """
    if controls.assertion is None:
        return
    if compile_filter(context.store, controls.assertion.filter)(entry) is not True:
        raise LdapError(ResultCode.ASSERTION_FAILED)


def _apply(
    context: Context,
    entry: StoredEntry,
    current: dict[AttributeName, Values],
    modification: Modification,
    *,
    permissive: bool,
) -> None:
    """One modification on the values as the ones before it left them."""
    attribute = content.attribute_of(context, modification.name)
    content.check_writable(context, attribute)
    name = context.schema.canonical(modification.name)
    have = current[name] if name in current else entry.values(name)
    values = modification.values
    match modification.operation:
        case ModifyOperation.ADD:
            if not values:
                raise r.refusal(context, r.BAD_SYNTAX, attribute.spelling, "no values to add")
            known = set(content.keys(attribute, have))
            new = list(zip(content.keys(attribute, values), values, strict=True))
            if not permissive and any(key in known for key, _ in new):
                raise r.refusal(context, r.VALUE_EXISTS, attribute.spelling)
            current[name] = (*have, *[value for key, value in new if key not in known])
        case ModifyOperation.DELETE:
            current[name] = _without(context, attribute.spelling, name, have, values, permissive)
        case ModifyOperation.REPLACE:
            current[name] = values
        case ModifyOperation.INCREMENT:
            current[name] = _incremented(context, attribute.spelling, have, values)


def _without(
    context: Context, spelling: str, name: str, have: Values, values: Values, permissive: bool
) -> Values:
    attribute = content.attribute_of(context, name)
    if not have and not permissive:
        raise r.refusal(context, r.NO_ATTRIBUTE, spelling)
    if not values:
        return ()
    gone = set(content.keys(attribute, values))
    own = content.keys(attribute, have)
    if not permissive and not gone <= set(own):
        raise r.refusal(context, r.NO_ATTRIBUTE, spelling)
    return tuple(value for key, value in zip(own, have, strict=True) if key not in gone)


def _incremented(context: Context, spelling: str, have: Values, values: Values) -> Values:
    """RFC 4525: add a number to every value."""
    if not have:
        raise r.refusal(context, r.NO_ATTRIBUTE, spelling)
    if len(values) != 1:
        raise r.refusal(context, r.BAD_SYNTAX, spelling, "increment takes exactly one value")
    try:
        by = int(values[0])
        result = tuple(b"%d" % (int(value) + by) for value in have)
    except ValueError as error:
        raise r.refusal(context, r.BAD_SYNTAX, spelling, str(error)) from None
    if any(abs(int(value)) >= INCREMENT_LIMIT for value in result):
        raise r.refusal(context, r.SINGLE_VALUE, spelling)
    return result


def _keep_name(
    context: Context, entry: StoredEntry, changed: Mapping[AttributeName, Values]
) -> None:
    """Values in the RDN stay (section 4.6)."""
    naming = entry.key.partition("=")[0]
    if "+" not in entry.key and context.schema.canonical(naming) not in changed:
        return
    for name, values in content.naming_values(context, DN.parse(entry.rdn.decode())).items():
        if name in changed and not _has_all(context, name, changed[name], values):
            attribute = content.attribute_of(context, name)
            raise r.refusal(context, r.ON_RDN, attribute.spelling)
