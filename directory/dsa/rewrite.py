"""Filters in AD's shorthand, in the words of RFC 4511: ANR and the short names of categories."""

from __future__ import annotations

from directory.dsa.computed import category_name
from directory.dsa.context import Context
from directory.errors import ParseError
from directory.model import filter as f
from directory.model.dn import DN


def rewrite(context: Context, filter: f.Filter) -> f.Filter:  # noqa: A002 - the noun of RFC 4511
    """The filter to evaluate; generic directories have no shorthand."""
    if context.configuration.is_generic:
        return filter
    return _rewrite(context, filter)


def _rewrite(context: Context, item: f.Filter) -> f.Filter:
    match item:
        case f.And(parts):
            return f.And(tuple(_rewrite(context, part) for part in parts))
        case f.Or(parts):
            return f.Or(tuple(_rewrite(context, part) for part in parts))
        case f.Not(inner):
            return f.Not(_rewrite(context, inner))
        case f.Equality(name, value) | f.Approx(name, value) if name.lower() == "anr":
            return ambiguous_name(context.store.profile.anr, value)
        case f.Substrings(name, initial, _, _) if name.lower() == "anr":
            return ambiguous_name(context.store.profile.anr, initial or b"")
        case f.Equality(name, value) if name.lower() == "objectcategory":
            return f.Equality(name, _category(context, value))
    return item


def _category(context: Context, value: bytes) -> bytes:
    """A class name stands for its category's DN (MS-ADTS 3.1.1.3.1.3.5)."""
    try:
        text = value.decode()
        if DN.parse(text).rdns:
            return value
    except (ParseError, UnicodeDecodeError):
        pass
    known = context.schema.object_class(value.decode("utf-8", "replace"))
    if known is None:
        return value
    return category_name(known.name, str(context.configuration.schema_context))


def ambiguous_name(attributes: tuple[str, ...], value: bytes) -> f.Filter:
    """Ambiguous name resolution (MS-ADTS 3.1.1.3.1.3.4): a prefix of any of some attributes.

    ``=value`` asks for the whole value. "First Last" also matches given name and surname.
    """
    text = value.strip()
    if text.startswith(b"="):
        exact = text[1:].strip()
        return f.Or(tuple(f.Equality(name, exact) for name in attributes))
    parts: list[f.Filter] = [
        f.Equality(name, text) if name == "legacyexchangedn" else f.Substrings(name, text, (), None)
        for name in attributes
    ]
    parts.append(f.Substrings("proxyAddresses", b"smtp:" + text, (), None))
    first, space, last = text.partition(b" ")
    if space and last.strip():
        last = last.strip()
        for one, other in ((first, last), (last, first)):
            given_name = f.Substrings("givenName", one, (), None)
            parts.append(f.And((given_name, f.Substrings("sn", other, (), None))))
    return f.Or(tuple(parts))
