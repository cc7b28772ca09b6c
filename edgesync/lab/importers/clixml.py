"""PowerShell's CLIXML (``Export-Clixml``) as plain Python values.

Source: MS-PSRP 2.2.5. Why not a library: docs/adr/clixml-reader.md.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeAlias, TypeVar
from uuid import UUID

from edgesync.errors import InputInvalid
from edgesync.lab.importers.markup import Element, parse_markup, read_file

T = TypeVar("T")

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DURATION = re.compile(
    r"(-)?P(?:(\d{1,8})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?"
)
_FRACTION = re.compile(r"\.(\d+)")


@dataclass(slots=True, eq=False)
class PSObject:
    """An object as PowerShell kept it: a snapshot of properties, no methods.

    ``properties`` are the type's own (Props), ``extras`` what PowerShell added (MS: note properties
    such as PSComputerName and SerializationData), ``items`` the elements of a collection, ``pairs``
    those of a dictionary, ``value`` the primitive inside (the number of an enum). Objects may refer
    to each other in circles.
    """

    line: int
    types: tuple[str, ...] = ()
    text: str = ""
    value: Primitive = None
    properties: dict[str, Value] = field(default_factory=dict, repr=False)
    extras: dict[str, Value] = field(default_factory=dict, repr=False)
    items: list[Value] = field(default_factory=list, repr=False)
    pairs: list[tuple[Value, Value]] = field(default_factory=list, repr=False)

    def get(self, name: str) -> Value:
        """A property by name, in any case as in PowerShell; None when absent or null."""
        wanted = name.casefold()
        for properties in (self.properties, self.extras):
            for own, value in properties.items():
                if own.casefold() == wanted:
                    return value
        return None

    def is_a(self, type_name: str) -> bool:
        """Whether the object is of a type, by its name without the namespace."""
        return any(t.rpartition(".")[2].rpartition("+")[2] == type_name for t in self.types)

    def __str__(self) -> str:
        return self.text


Primitive: TypeAlias = (
    "str | int | float | bool | Decimal | datetime | timedelta | UUID | bytes | None"
)
Value: TypeAlias = "Primitive | PSObject"


def read_clixml(path: Path) -> list[Value]:
    """The values in a file that ``Export-Clixml`` wrote.

    Raises:
        InputInvalid: naming the file, the line and the element.
    """
    return parse_clixml(read_file(path), path.name)


def parse_clixml(data: bytes, source: str) -> list[Value]:
    """The values of a CLIXML document; ``source`` names it in errors.

    Raises:
        InputInvalid: naming source, line and element.
    """
    root = parse_markup(data, source)
    if root.name != "Objs":
        raise _invalid(source, root, "is not the root element Objs of CLIXML")
    reader = _Reader(source)
    return [reader.read(child) for child in root.children]


class _Reader:
    """One document's references, and the object under way."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._objects: dict[str, PSObject] = {}
        self._types: dict[str, tuple[str, ...]] = {}

    def read(self, element: Element) -> Value:
        """The value of one element."""
        if element.name == "Obj":
            return self._object(element)
        if element.name == "Ref":
            return self._referred(self._objects, element)
        convert = _PRIMITIVES.get(element.name)
        if convert is None:
            raise _invalid(self._source, element, "is no element of CLIXML")
        try:
            return convert(element.text)
        except (ValueError, OverflowError, InvalidOperation, binascii.Error) as error:
            shown = element.text[:40]
            raise _invalid(self._source, element, f"cannot be {shown!r}") from error

    def _object(self, element: Element) -> PSObject:
        made = PSObject(element.line)
        if identity := element.attributes.get("RefId"):
            self._objects[identity] = made
        for child in element.children:
            match child.name:
                case "TN":
                    made.types = tuple(t.text for t in child.children)
                    self._types[child.attributes.get("RefId", "")] = made.types
                case "TNRef":
                    made.types = self._referred(self._types, child)
                case "ToString":
                    made.text = unescape(child.text)
                case "Props":
                    made.properties.update(self._members(child))
                case "MS":
                    made.extras.update(self._members(child))
                case "LST" | "IE" | "STK" | "QUE":
                    made.items += [self.read(item) for item in child.children]
                case "DCT":
                    made.pairs += [self._pair(entry) for entry in child.children]
                case _:
                    inner = self.read(child)
                    # a list kept inside another object (a ResultPropertyValueCollection's SyncRoot)
                    made.value = None if isinstance(inner, PSObject) else inner
                    made.items += inner.items if isinstance(inner, PSObject) else []
        return made

    def _members(self, element: Element) -> Iterator[tuple[str, Value]]:
        for child in element.children:
            name = child.attributes.get("N")
            if name is None:
                raise _invalid(self._source, child, "has no name (N)")
            yield unescape(name), self.read(child)

    def _pair(self, entry: Element) -> tuple[Value, Value]:
        parts = {part.attributes.get("N"): part for part in entry.children}
        if "Key" not in parts or "Value" not in parts:
            raise _invalid(self._source, entry, "is no dictionary entry with Key and Value")
        return self.read(parts["Key"]), self.read(parts["Value"])

    def _referred(self, table: dict[str, T], element: Element) -> T:
        identity = element.attributes.get("RefId", "")
        if identity not in table:
            raise _invalid(self._source, element, f"refers to {identity!r}, which was not seen")
        return table[identity]


def _invalid(source: str, element: Element, reason: str) -> InputInvalid:
    return InputInvalid(
        f"{source}, line {element.line}: <{element.name}> {reason}",
        "write the file again with Export-Clixml, and do not edit it",
    )


def unescape(text: str) -> str:
    """Undo CLIXML's ``_x000D_`` escapes, pairs of surrogates included."""
    if "_x" not in text:
        return text
    return _whole(_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text))


def _whole(text: str) -> str:
    """Join pairs of surrogates, which .NET has where Python has one character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _instant(text: str) -> datetime:
    # .NET writes seven digits of fraction, Python reads six; a time without zone is taken as UTC
    at = datetime.fromisoformat(_FRACTION.sub(lambda match: "." + match[1][:6].ljust(6, "0"), text))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    sign, days, hours, minutes, seconds = match.groups(default="0")
    span = timedelta(int(days), float(seconds), 0, 0, int(minutes), int(hours))
    return -span if sign == "-" else span


def _character(text: str) -> str:
    return _whole(chr(int(text)))


def _secret(_text: str) -> None:
    """A SecureString is encrypted for one Windows account; nothing of it is kept."""


_PRIMITIVES: dict[str, Callable[[str], Primitive]] = {
    **dict.fromkeys(("S", "URI", "Version", "XD", "SBK"), unescape),
    **dict.fromkeys(("By", "SB", "I16", "U16", "I32", "U32", "I64", "U64"), int),
    **dict.fromkeys(("Db", "Sg"), float),
    "B": _boolean,
    "BA": lambda text: base64.b64decode("".join(text.split()), validate=True),
    "C": _character,
    "D": Decimal,
    "DT": _instant,
    "TS": _duration,
    "G": UUID,
    "Nil": lambda _text: None,
    "SS": _secret,
    "PR": _secret,
}
