"""Properties of exported objects in Python's types: texts, lists, enums, sizes, time spans.

A property that is absent, null or of another shape than Exchange writes reads as the default: an
export is taken as far as it goes, and what it lacks is the caller's to say.
"""

from __future__ import annotations

import re
from datetime import timedelta

from directory.errors import InvalidDN
from directory.model.dn import DN
from edgesync.lab.importers.clixml import PSObject

SIZE_UNLIMITED = 2**31 - 1
"""Bytes that stand for Unlimited: larger than any message a transport here holds."""

_BYTES = re.compile(r"\(([\d,.\s\u00a0\u202f']+) bytes\)")
_SPAN = re.compile(r"(-)?(?:(\d{1,8})\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,7}))?")


def text(item: PSObject, name: str, default: str = "") -> str:
    """A property as PowerShell shows it."""
    value = item.get(name)
    return default if value is None else str(value)


def texts(item: PSObject, name: str) -> tuple[str, ...]:
    """A collection's elements as PowerShell shows them; a single value is a collection of one."""
    value = item.get(name)
    if isinstance(value, PSObject) and (value.items or not value.text):
        return tuple(str(element) for element in value.items)
    return (str(value),) if value is not None else ()


def boolean(item: PSObject, name: str, *, default: bool = False) -> bool:
    """A switch."""
    value = item.get(name)
    return value if isinstance(value, bool) else default


def integer(item: PSObject, name: str, default: int = 0) -> int:
    """A number, or the number of an enum."""
    value = item.get(name)
    if isinstance(value, PSObject):
        value = value.value
    return value if isinstance(value, int) else default


def size(item: PSObject, name: str, default: int) -> int:
    """Bytes of a ByteQuantifiedSize: ``36 MB (37,748,736 bytes)``, or Unlimited."""
    shown = text(item, name)
    if shown == "Unlimited":
        return SIZE_UNLIMITED
    match = _BYTES.search(shown)
    return int(re.sub(r"\D", "", match[1])) if match else default


def span(item: PSObject, name: str, default: timedelta) -> timedelta:
    """A time span, from its ticks of 100 ns or its text ``00:10:00``."""
    value = item.get(name)
    if isinstance(value, timedelta):
        return value
    if isinstance(value, PSObject) and isinstance(ticks := value.get("Ticks"), int):
        return timedelta(microseconds=ticks // 10)
    match = _SPAN.fullmatch(str(value))
    if match is None:
        return default
    sign, days, hours, minutes, seconds, _fraction = match.groups(default="0")
    found = timedelta(int(days), int(seconds), 0, 0, int(minutes), int(hours))
    return -found if sign == "-" else found


def name_of(item: PSObject, name: str) -> str:
    """The common name in a reference to a directory object (an ADObjectId)."""
    value = item.get(name)
    if isinstance(value, PSObject) and (own := text(value, "Name")):
        return own
    return "" if value is None else re.split(r"[\\/]", str(value))[-1]


def names_of(item: PSObject, name: str) -> tuple[str, ...]:
    """The common names in a list of references."""
    value = item.get(name)
    items = value.items if isinstance(value, PSObject) else []
    return tuple(
        text(element, "Name") or str(element) if isinstance(element, PSObject) else str(element)
        for element in items
    )


def distinguished_name(item: PSObject) -> DN | None:
    """The object's own name in AD; None when the export has none that can be read."""
    shown = text(item, "DistinguishedName")
    try:
        return DN.parse(shown) if shown else None
    except InvalidDN:
        return None


def simple_properties(item: PSObject) -> dict[str, str]:
    """Every property that is one value, as text: what the export recorded, for people to read."""
    shown = {}
    for name, value in item.properties.items():
        if isinstance(value, PSObject):
            value = value.text  # noqa: PLW2901  # an object with a text form counts as one value
        if value is not None and not isinstance(value, bytes) and str(value):
            shown[name] = str(value)
    return shown
