"""Writing LDIF (RFC 2849): content and change records that every reader accepts."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence

from directory.model.controls import UnknownControl
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import AddRequest, DeleteRequest, ModifyDnRequest, ModifyRequest

LINE_WIDTH = 76
"""Columns of a line before it is folded (RFC 2849 note 2)."""

_SAFE = re.compile(
    rb"[\x01-\x09\x0b\x0c\x0e-\x1f\x21-\x39\x3b\x3d-\x7f][\x01-\x09\x0b\x0c\x0e-\x7f]*"
)
"""SAFE-STRING: ASCII without NUL, LF, CR; no space, colon or less-than at its start."""


def format_ldif(entries: Iterable[Entry]) -> Iterator[str]:
    """A file of content records, piece by piece."""
    yield "version: 1\n"
    for entry in entries:
        yield "\n"
        yield format_entry(entry)


def format_entry(entry: Entry) -> str:
    """One content record."""
    return _dn(entry.dn) + _attributes(entry)


def format_change(
    request: AddRequest | DeleteRequest | ModifyRequest | ModifyDnRequest,
    controls: Sequence[UnknownControl] = (),
) -> str:
    """One change record; reading it back gives the same request and controls."""
    head = "".join(map(_control, controls))
    match request:
        case AddRequest(entry):
            return f"{_dn(entry.dn)}{head}changetype: add\n{_attributes(entry)}"
        case DeleteRequest(dn):
            return f"{_dn(dn)}{head}changetype: delete\n"
        case ModifyRequest(dn, modifications):
            body = "".join(
                f"{modification.operation.name.lower()}: {modification.name}\n"
                + "".join(_line(modification.name, value) for value in modification.values)
                + "-\n"
                for modification in modifications
            )
            return f"{_dn(dn)}{head}changetype: modify\n{body}"
        case ModifyDnRequest(dn, new_rdn, delete_old, superior):
            lines = _line("newrdn", str(new_rdn).encode())
            lines += f"deleteoldrdn: {int(delete_old)}\n"
            if superior is not None:
                lines += _line("newsuperior", str(superior).encode())
            return f"{_dn(dn)}{head}changetype: modrdn\n{lines}"


def _dn(dn: DN) -> str:
    return _line("dn", str(dn).encode("utf-8", "surrogatepass"))


def _attributes(entry: Entry) -> str:
    return "".join(
        _line(name, value) for name, values in entry.attributes.items() for value in values
    )


def _control(control: UnknownControl) -> str:
    critical = " true" if control.critical else " false"
    value = "" if control.value is None else f":: {base64.b64encode(control.value).decode()}"
    return _fold(f"control: {control.type}{critical}{value}")


def _line(name: str, value: bytes) -> str:
    if not value:
        return f"{name}:\n"
    if _SAFE.fullmatch(value) and not value.endswith(b" "):
        return _fold(f"{name}: {value.decode('ascii')}")
    return _fold(f"{name}:: {base64.b64encode(value).decode('ascii')}")


def _fold(line: str) -> str:
    if len(line) <= LINE_WIDTH:
        return line + "\n"
    pieces = [line[:LINE_WIDTH]]
    pieces += [
        line[at : at + LINE_WIDTH - 1] for at in range(LINE_WIDTH, len(line), LINE_WIDTH - 1)
    ]
    return "\n ".join(pieces) + "\n"
