"""Fields of a .NET object kept as BinaryFormatter wrote it (MS-NRBF).

Export-Clixml keeps an Exchange object whole in the note property SerializationData; a certificate's
services and status are nowhere else. This reads the records as data and makes no object of any
type, so nothing in the stream is ever run. Why not a library: docs/adr/clixml-reader.md.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from edgesync.errors import InputInvalid

SIZE_MAX = 16 * 1024 * 1024
"""Largest stream, bytes. An Exchange certificate takes 3 KB."""

ITEMS_MAX = 1_000_000
"""Most members and array elements of a stream, nulls included: ten bytes can claim 2^31 of them."""

DEPTH_MAX = 100
"""Deepest nesting of records inside records."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A value that is another object of the stream, by its id."""

    id: int


@dataclass(slots=True, eq=False)
class NetObject:
    """A class instance: its type's name and its fields, references unresolved."""

    type_name: str
    members: dict[str, NetValue] = field(default_factory=dict, repr=False)


NetValue: TypeAlias = "str | int | float | bool | bytes | list[Any] | NetObject | Reference | None"


@dataclass(slots=True, eq=False)
class NetStream:
    """Every object of a stream by id, and which one is the root."""

    root_id: int = 0
    objects: dict[int, NetValue] = field(default_factory=dict, repr=False)

    @property
    def root(self) -> NetObject:
        """The object that was serialised.

        Raises:
            ValueError: when the root is no class instance.
        """
        root = self.objects.get(self.root_id)
        if isinstance(root, NetObject):
            return root
        raise ValueError("the root is no object")

    def field(self, item: NetObject, name: str) -> NetValue:
        """One field with its reference followed once; an enum is its number; None when absent."""
        value = item.members.get(name)
        if isinstance(value, Reference):
            value = self.objects.get(value.id)
        if isinstance(value, NetObject) and value.members.keys() == {"value__"}:
            return value.members["value__"]
        return value


def parse_nrbf(data: bytes, source: str) -> NetStream:
    """Read a BinaryFormatter stream; ``source`` names it in errors.

    Raises:
        InputInvalid: naming source and offset.
    """
    reader = _Reader(data[: SIZE_MAX + 1])
    try:
        return reader.stream()
    except (ValueError, struct.error, RecursionError) as error:
        raise InputInvalid(
            f"{source}, offset {reader.offset} of SerializationData: {error}", "export it again"
        ) from error


# BinaryType (MS-NRBF 2.1.2.2): what follows about a member's type
_PRIMITIVE, _SYSTEM_CLASS, _CLASS, _PRIMITIVE_ARRAY = 0, 3, 4, 7
# PrimitiveType (MS-NRBF 2.1.2.3) of fixed size: struct format
_FORMATS = {
    1: "<?", 2: "<B", 6: "<d", 7: "<h", 8: "<i", 9: "<q", 10: "<b",
    11: "<f", 12: "<q", 13: "<Q", 14: "<H", 15: "<I", 16: "<Q",
}  # fmt: skip
_BYTE, _CHAR, _DECIMAL, _STRING = 2, 3, 5, 18
_MESSAGE_END = 11


@dataclass(frozen=True, slots=True)
class _Layout:
    """A class's name, its fields and, for primitive fields, their type."""

    type_name: str
    names: tuple[str, ...]
    primitives: tuple[int | None, ...]


class _Nulls(int):
    """A run of nulls inside an array."""


class _Reader:
    """Reads records in order (MS-NRBF 2.4 to 2.6)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0
        self._layouts: dict[int, _Layout] = {}
        self._stream = NetStream()
        self._items = 0
        self._depth = 0
        self._records: dict[int, Callable[[], Any]] = {
            1: self._class_with_id,
            4: lambda: self._class(has_library=False),
            5: lambda: self._class(has_library=True),
            6: self._string_record,
            7: self._binary_array,
            8: lambda: self._primitive(self._byte()),
            9: lambda: Reference(self._integer()),
            10: lambda: None,
            12: self._library,
            13: lambda: _Nulls(self._byte()),
            14: lambda: _Nulls(self._integer()),
            15: self._primitive_array,
            16: self._object_array,
            17: self._object_array,
        }

    def stream(self) -> NetStream:
        """Read up to the end record."""
        if len(self._data) > SIZE_MAX:
            raise ValueError(f"longer than {SIZE_MAX} bytes")
        if self._byte() != 0:
            raise ValueError("no serialization header")
        self._stream.root_id = self._integer()
        for _ in range(3):  # id of headers, major and minor version
            self._integer()
        while self._data[self.offset : self.offset + 1] != bytes([_MESSAGE_END]):
            self._record()
        return self._stream

    def _record(self) -> Any:
        kind = self._byte()
        read = self._records.get(kind)
        if read is None:
            raise ValueError(f"unknown record {kind}")
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ValueError(f"nested deeper than {DEPTH_MAX}")
        value = read()
        self._depth -= 1
        return value

    def _class(self, *, has_library: bool) -> Reference:
        identity = self._integer()
        type_name = self._string()
        count = self._claim(self._integer())
        names = tuple(self._string() for _ in range(count))
        kinds = [self._byte() for _ in range(count)]
        layout = _Layout(type_name, names, tuple(self._member_type(kind) for kind in kinds))
        if has_library:
            self._integer()
        self._layouts[identity] = layout
        return self._members(identity, layout)

    def _class_with_id(self) -> Reference:
        identity, metadata = self._integer(), self._integer()
        if metadata not in self._layouts:
            raise ValueError(f"class {metadata} was not described")
        return self._members(identity, self._layouts[metadata])

    def _member_type(self, kind: int) -> int | None:
        if kind in (_PRIMITIVE, _PRIMITIVE_ARRAY):
            primitive = self._byte()
            return primitive if kind == _PRIMITIVE else None
        if kind in (_SYSTEM_CLASS, _CLASS):
            self._string()
        if kind == _CLASS:
            self._integer()
        return None

    def _members(self, identity: int, layout: _Layout) -> Reference:
        self._claim(len(layout.names))
        made = NetObject(layout.type_name)
        self._stream.objects[identity] = made
        for name, primitive in zip(layout.names, layout.primitives, strict=True):
            made.members[name] = self._value() if primitive is None else self._primitive(primitive)
        return Reference(identity)

    def _value(self) -> Any:
        value = self._record()
        while value is _library_read:
            value = self._record()
        return value

    def _string_record(self) -> Reference:
        identity = self._integer()
        self._stream.objects[identity] = self._string()
        return Reference(identity)

    def _library(self) -> object:
        self._integer()
        self._string()
        return _library_read

    def _primitive_array(self) -> Reference:
        identity, count, primitive = self._integer(), self._integer(), self._byte()
        self._stream.objects[identity] = self._primitives(primitive, count)
        return Reference(identity)

    def _object_array(self) -> Reference:
        identity = self._integer()
        return self._elements(identity, self._integer())

    def _binary_array(self) -> Reference:
        identity, shape, rank = self._integer(), self._byte(), self._integer()
        if shape != 0 or rank != 1:
            raise ValueError("an array of several dimensions")
        count = self._integer()
        kind = self._byte()
        primitive = self._member_type(kind)
        if primitive is None:
            return self._elements(identity, count)
        self._stream.objects[identity] = self._primitives(primitive, count)
        return Reference(identity)

    def _elements(self, identity: int, count: int) -> Reference:
        self._claim(count)
        made: list[Any] = []
        self._stream.objects[identity] = made
        while len(made) < count:
            value = self._value()
            if isinstance(value, _Nulls):
                if not 0 < value <= count - len(made):
                    raise ValueError(f"{int(value)} nulls do not fit the array")
                made += [None] * value
            else:
                made.append(value)
        return Reference(identity)

    def _primitives(self, primitive: int, count: int) -> bytes | list[Any]:
        if primitive == _BYTE:
            return self._take(count)
        return [self._primitive(primitive) for _ in range(self._claim(count))]

    def _primitive(self, kind: int) -> Any:
        if kind in (_DECIMAL, _STRING):
            return self._string()
        if kind == _CHAR:
            lead = self._data[self.offset : self.offset + 1]
            length = 1 + sum(lead >= mark for mark in (b"\xc0", b"\xe0", b"\xf0"))
            return self._take(length).decode()
        if kind not in _FORMATS:
            raise ValueError(f"unknown primitive type {kind}")
        shape = _FORMATS[kind]
        return struct.unpack(shape, self._take(struct.calcsize(shape)))[0]

    def _claim(self, count: int) -> int:
        """Count members and elements before they are made."""
        self._items += count
        if count < 0 or self._items > ITEMS_MAX:
            raise ValueError(f"{count} elements claimed")
        return count

    def _string(self) -> str:
        length = shift = 0
        for shift in range(0, 35, 7):
            part = self._byte()
            length |= (part & 0x7F) << shift
            if part < 0x80:
                return self._take(length).decode()
        raise ValueError(f"a length of more than {shift} bits")

    def _integer(self) -> int:
        return int.from_bytes(self._take(4), "little", signed=True)

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        end = self.offset + count
        if count < 0 or end > len(self._data):
            raise ValueError(f"{count} bytes wanted, {len(self._data) - self.offset} left")
        taken = self._data[self.offset : end]
        self.offset = end
        return taken


_library_read = object()
"""Answer of a record that only names an assembly; the value it belongs to follows."""
