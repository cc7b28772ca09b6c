"""LDIF (RFC 2849): reading content and change records, as a stream, with line numbers.

Also what ldifde writes and reads: UTF-16, ``changetype: add`` on every exported entry, the
``ntdsSchema`` change types, a last modification without its ``-``. Writing is in
``ldif_writer``.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from directory.errors import InvalidDN, InvalidLdif
from directory.limits import LDIF_LINE_MAX
from directory.model.controls import UnknownControl
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.ldif_alike import AlikeRecords
from directory.model.ldif_stream import split_records
from directory.model.messages import AddRequest, DeleteRequest, ModifyDnRequest, ModifyRequest
from directory.model.modification import Modification, ModifyOperation

ReadUrl = Callable[[str], bytes]
"""Fetches the value behind ``name:< URL``; callers that allow none pass nothing."""


@dataclass(frozen=True, slots=True)
class ContentRecord:
    """An entry as it is; ``line`` is where its record starts, from 1."""

    line: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A change to make. Controls keep their raw value: the wire knows what is in it."""

    line: int
    request: AddRequest | DeleteRequest | ModifyRequest | ModifyDnRequest
    controls: tuple[UnknownControl, ...] = ()


Record = ContentRecord | ChangeRecord


def read_ldif(
    source: BinaryIO | Iterable[bytes], *, read_url: ReadUrl | None = None
) -> Iterator[Record]:
    """Records of a file opened in binary, or of chunks of octets, one at a time.

    ``read_url`` fetches values given as ``name:< URL``; without it they are refused, because a
    file from a stranger would otherwise read files of ours.

    Raises:
        InvalidLdif: naming the line, when the iterator meets something that is not LDIF.
    """
    alike = AlikeRecords()
    for line, octets in split_records(source):
        entry = alike.read(octets)
        if entry is not None:
            yield ContentRecord(line, entry)
            continue
        record = _Record(octets, line, read_url).parse()
        if record is not None:
            if isinstance(record, ContentRecord):
                alike.learn(octets)
            yield record


def parse_ldif(text: str, *, read_url: ReadUrl | None = None) -> list[Record]:
    """All records of a text."""
    return list(read_ldif([text.encode()], read_url=read_url))


_DESCRIPTION = re.compile(rb"[A-Za-z0-9][A-Za-z0-9.;_=-]*")
"""An attribute description (RFC 4512 2.5), and what directories let pass: ``_``, ``;range=0-9``."""

_NAMES: dict[bytes, tuple[str, str]] = {}
_NAMES_MAX = 8192
"""Most spellings of attribute names remembered."""


def _name(raw: bytes) -> tuple[str, str]:
    """An attribute description: (folded, as spelled)."""
    known = _NAMES.get(raw)
    if known is None:
        if not _DESCRIPTION.fullmatch(raw):
            raise ValueError(raw)
        text = raw.decode("ascii")
        known = (text.lower(), text)
        if len(_NAMES) < _NAMES_MAX:
            _NAMES[raw] = known
    return known


class _Record:
    """Parses the lines of one record."""

    def __init__(self, octets: bytes, line: int, read_url: ReadUrl | None) -> None:
        self.octets = octets
        self.line = line
        self.read_url = read_url
        self.at = 0
        unfolded = octets.replace(b"\n ", b"") if b"\n " in octets else octets
        lines = unfolded.split(b"\n")
        if b"#" in octets:
            lines = [text for text in lines if not text.startswith(b"#")]
        self.lines = [text for text in lines if text]

    def fail(self, reason: str) -> InvalidLdif:
        """The error at the current line, whose physical number is only now worked out."""
        text = self.lines[self.at] if self.at < len(self.lines) else b""
        return InvalidLdif(text.decode("utf-8", "replace"), self.physical_line(), reason)

    def physical_line(self) -> int:
        """Number in the file of the current logical line."""
        logical = -1
        number = self.line
        for offset, text in enumerate(self.octets.split(b"\n")):
            if text and not text.startswith((b" ", b"#")):
                logical += 1
                number = self.line + offset
            if logical == self.at:
                break
        return number

    def parse(self) -> Record | None:
        if self.lines and self.lines[0].lower().startswith(b"version:"):
            self.version()
        if self.at >= len(self.lines):
            return None
        if self.octets.startswith(b" "):
            raise InvalidLdif("", self.line, "a continuation continues nothing")
        name, value = self.pair()
        if name != "dn":
            raise self.fail(f"expected 'dn:', found {name!r}")
        dn = self.dn(value)
        self.at += 1
        if self.at == len(self.lines):
            raise self.fail("a record ends after its dn")
        head = self.lines[self.at][:11].lower()
        if head.startswith((b"changetype:", b"control:")):
            return self.change(dn)
        return ContentRecord(self.line, Entry(dn, self.attributes()))

    def version(self) -> None:
        number = self.lines[0].partition(b":")[2].strip()
        if number != b"1":
            raise self.fail(f"LDIF version {number.decode('ascii', 'replace')} is unknown")
        self.at = 1

    # values ------------------------------------------------------------------------------------

    def pair(self) -> tuple[str, bytes]:
        """Name (folded) and value of the current line."""
        (folded, _), value = self.attribute()
        return folded, value

    def split(self, text: bytes) -> tuple[bytes, bytes]:
        raw, colon, value = text.partition(b":")
        if not colon:
            raise self.fail("no ':' in this line")
        if len(value) > LDIF_LINE_MAX:
            raise self.fail(f"line of more than {LDIF_LINE_MAX} characters")
        if value[:1] == b":":
            try:
                return raw, binascii.a2b_base64(value[1:].strip(b" "), strict_mode=True)
            except binascii.Error as error:
                raise self.fail(f"not base64: {error}") from None
        if value[:1] == b"<":
            return raw, self.url(value[1:].strip(b" "))
        return raw, value.lstrip(b" ")

    def url(self, raw: bytes) -> bytes:
        url = raw.decode("utf-8", "replace")
        if self.read_url is None:
            raise self.fail(f"value from {url} refused: reading URLs is not allowed here")
        try:
            return self.read_url(url)
        except OSError as error:
            raise self.fail(f"{url}: {error}") from error

    def text(self, value: bytes) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise self.fail(f"not UTF-8: {error.reason}") from None

    def dn(self, value: bytes) -> DN:
        try:
            return DN.parse(self.text(value))
        except InvalidDN as error:
            raise self.fail(error.reason) from error

    def attributes(self) -> dict[str, tuple[bytes, ...]]:
        """The rest of a content or add record. Names that differ in case are one attribute."""
        found: dict[str, list[bytes]] = {}
        spelled: list[str] = []
        known_names = _NAMES
        is_short = len(self.octets) < LDIF_LINE_MAX
        for at in range(self.at, len(self.lines)):
            raw, _, value = self.lines[at].partition(b": ")
            known = known_names.get(raw)
            if known is None or not value or value[0] == 0x20 or not is_short:
                self.at = at
                known, value = self.attribute()
            # else "name: value", as nearly all lines are
            folded, text = known
            values = found.get(folded)
            if values is None:
                found[folded] = [value]
                spelled.append(text)
            else:
                values.append(value)
        self.at = len(self.lines) - 1
        return dict(zip(spelled, map(tuple, found.values()), strict=True))

    def attribute(self) -> tuple[tuple[str, str], bytes]:
        """Name (folded, as spelled) and value of the current line, read with care."""
        raw, value = self.split(self.lines[self.at])
        try:
            return _name(raw), value
        except ValueError:
            raise self.fail("not an attribute name before ':'") from None

    # change records ----------------------------------------------------------------------------

    def change(self, dn: DN) -> ChangeRecord:
        controls: list[UnknownControl] = []
        while self.lines[self.at][:8].lower() == b"control:":
            controls.append(self.control())
            self.at += 1
            if self.at == len(self.lines):
                raise self.fail("a control without a changetype")
        name, value = self.pair()
        if name != "changetype":
            raise self.fail(f"expected 'changetype:', found {name!r}")
        kind = self.text(value).strip().lower().removeprefix("ntdsschema")
        makers: dict[
            str, Callable[[DN], AddRequest | DeleteRequest | ModifyRequest | ModifyDnRequest]
        ]
        makers = {
            "add": self.add, "delete": self.delete, "modify": self.modify,
            "modrdn": self.modify_dn, "moddn": self.modify_dn,
        }  # fmt: skip
        make = makers.get(kind)
        if make is None:
            raise self.fail(f"changetype {kind!r} is unknown")
        self.at += 1
        return ChangeRecord(self.line, make(dn), tuple(controls))

    def control(self) -> UnknownControl:
        """``control: OID [true|false] [: value]``; the value may be base64 or a URL."""
        body = self.lines[self.at].partition(b":")[2].strip(b" ")
        head, colon, _ = body.partition(b":")
        words = self.text(head).split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1] not in {"true", "false"}):
            raise self.fail("a control is an OID, then true or false, then ': value'")
        value = self.split(body)[1] if colon else None
        return UnknownControl(type=words[0], critical=words[1:] == ["true"], value=value)

    def add(self, dn: DN) -> AddRequest:
        if self.at == len(self.lines):
            raise self.fail("an add without attributes")
        return AddRequest(Entry(dn, self.attributes()))

    def delete(self, dn: DN) -> DeleteRequest:
        if self.at < len(self.lines):
            raise self.fail("a delete has nothing after its changetype")
        return DeleteRequest(dn)

    def modify(self, dn: DN) -> ModifyRequest:
        changes: list[Modification] = []
        while self.at < len(self.lines):
            word, target = self.pair()
            operation = _OPERATIONS.get(word)
            if operation is None:
                raise self.fail(f"expected add, delete, replace or increment, found {word!r}")
            name = self.text(target).strip()
            if not _DESCRIPTION.fullmatch(name.encode()):
                raise self.fail(f"{name!r} is not an attribute name")
            self.at += 1
            values: list[bytes] = []
            while self.at < len(self.lines) and self.lines[self.at] != b"-":
                given, value = self.pair()
                if given != name.lower():
                    raise self.fail(f"value of {given!r} in a change of {name!r}")
                values.append(value)
                self.at += 1
            self.at += 1  # the "-", which ldifde leaves out at the end
            changes.append(Modification(operation, name, tuple(values)))
        return ModifyRequest(dn, tuple(changes))

    def modify_dn(self, dn: DN) -> ModifyDnRequest:
        fields: dict[str, bytes] = {}
        while self.at < len(self.lines):
            name, value = self.pair()
            if name not in {"newrdn", "deleteoldrdn", "newsuperior"} or name in fields:
                raise self.fail(f"{name!r} in a change of name")
            if name == "deleteoldrdn" and value not in {b"0", b"1"}:
                raise self.fail("deleteoldrdn is 0 or 1")
            fields[name] = value
            self.at += 1
        self.at -= 1
        if not {"newrdn", "deleteoldrdn"} <= fields.keys():
            raise self.fail("a change of name needs newrdn and deleteoldrdn")
        new_rdn = self.dn(fields["newrdn"])
        if len(new_rdn.rdns) != 1:
            raise self.fail(f"newrdn {new_rdn} is not one RDN")
        superior = fields.get("newsuperior")
        return ModifyDnRequest(
            dn, new_rdn, fields["deleteoldrdn"] == b"1",
            None if superior is None else self.dn(superior),
        )  # fmt: skip


_OPERATIONS = {
    "add": ModifyOperation.ADD,
    "delete": ModifyOperation.DELETE,
    "replace": ModifyOperation.REPLACE,
    "increment": ModifyOperation.INCREMENT,
}
