"""XML as a bare tree with line numbers, refusing what an export never holds.

A document type is refused because entities are the one way an XML file can be larger than it looks
or reach for another file; sizes are bounded because the file comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from edgesync.errors import InputInvalid

SIZE_MAX = 256 * 1024 * 1024
"""Largest file read, bytes: 2000 servers' exports are a tenth of that."""

ELEMENTS_MAX = 5_000_000
"""Most elements of one file, so that a small file of tiny elements cannot fill the memory."""

DEPTH_MAX = 200
"""Deepest nesting; Export-Clixml stops far below, IIS nests 15 deep."""


@dataclass(slots=True, eq=False)
class Element:
    """One element: local name without namespace, attributes, own text, children, line from 1."""

    name: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list, repr=False)

    def child(self, name: str) -> Element | None:
        """The first child of a name."""
        return next((child for child in self.children if child.name == name), None)

    def descendants(self, name: str) -> Iterator[Element]:
        """Every element of a name below this one, in the order of the document."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.descendants(name)


def read_file(path: Path) -> bytes:
    """The bytes of a file that a person named.

    Raises:
        InputInvalid: when it cannot be read or is larger than ``SIZE_MAX``.
    """
    try:
        if path.stat().st_size > SIZE_MAX:
            raise InputInvalid(
                f"{path}: larger than {SIZE_MAX // 1024 // 1024} MiB", "split the export"
            )
        return path.read_bytes()
    except OSError as error:
        raise InputInvalid(
            f"{path}: {error.strerror or error}", "name a file that can be read"
        ) from error


def parse_markup(data: bytes, source: str) -> Element:
    """The root element of an XML document; ``source`` names the file in errors.

    Encodings: what the byte order mark or the declaration says, so also the UTF-16 that
    Export-Clixml writes by default.

    Raises:
        InputInvalid: naming file and line.
    """
    return _TreeBuilder(source).parse(data)


class _TreeBuilder:
    """Collects expat's callbacks into a tree."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._document_type

    def parse(self, data: bytes) -> Element:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise self._invalid(f"not XML: {reason}", error.lineno) from error
        except (LookupError, ValueError) as error:  # an encoding that is unknown or not text
            raise self._invalid(f"not readable text: {error}", 1) from error
        if self._root is None:
            raise self._invalid("no element", 1)
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        self._count += 1
        if self._count > ELEMENTS_MAX:
            raise self._invalid(f"more than {ELEMENTS_MAX} elements", line)
        if len(self._open) >= DEPTH_MAX:
            raise self._invalid(f"nested deeper than {DEPTH_MAX} elements", line)
        element = Element(name.rpartition(" ")[2], attributes, line)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)
        self._texts.append([])

    def _end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())

    def _characters(self, text: str) -> None:
        self._texts[-1].append(text)

    def _document_type(self, *_: object) -> None:
        raise self._invalid("a document type (DTD) is not allowed", self._parser.CurrentLineNumber)

    def _invalid(self, reason: str, line: int) -> InputInvalid:
        return InputInvalid(f"{self._source}, line {line}: {reason}", "export the file again")
