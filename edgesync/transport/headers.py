"""The header firewall and the Received line: what a server changes in a message it takes.

Headers that mean something inside the organisation are removed unless the session has the right
to bring them (certificate-facts 4.4, 4.5).
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime

from edgesync.transport.message import AuthAs
from edgesync.transport.permissions import Rights

HOPS_MAX = 30
"""Received lines after which a message is taken for a loop."""

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>\Z")

ORGANIZATION_PREFIX = b"x-ms-exchange-organization-"
FOREST_PREFIX = b"x-ms-exchange-forest-"
AUTH_AS = "X-MS-Exchange-Organization-AuthAs"
AUTH_SOURCE = "X-MS-Exchange-Organization-AuthSource"


def split(content: bytes) -> tuple[list[bytes], bytes]:
    """Header fields (folding and line end included) and the rest, its blank line first."""
    fields: list[list[bytes]] = []  # of lines, which are joined once
    position = 0
    rest = b"\r\n"
    while position < len(content):
        end = content.find(b"\r\n", position)
        end = len(content) if end < 0 else end + 2
        line = content[position:end]
        if line == b"\r\n":
            rest = content[position:]
            break
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1].append(line)
        elif b":" in line:
            fields.append([line])
        else:  # no header field: the body begins without a blank line
            rest = b"\r\n" + content[position:]
            break
        position = end
    return [b"".join(lines) for lines in fields], rest


def name_of(field: bytes) -> bytes:
    """A header field's name, folded."""
    return field.partition(b":")[0].strip().lower()


def value_of(fields: list[bytes], name: str) -> str:
    """The first value of a header, unfolded; empty when it is absent."""
    wanted = name.lower().encode()
    for field in fields:
        if name_of(field) == wanted:
            return " ".join(field.partition(b":")[2].decode("utf-8", "replace").split())
    return ""


def header_size(content: bytes) -> int:
    """Bytes of the header section."""
    end = content.find(b"\r\n\r\n")
    return len(content) if end < 0 else end + 2


def hops(content: bytes) -> int:
    """How many Received lines a message carries."""
    return sum(1 for field in split(content)[0] if name_of(field) == b"received")


def message_id_of(content: bytes) -> str:
    """Its Message-ID; empty when it has none, or one that cannot stand in a reply."""
    found = value_of(split(content)[0], "Message-ID")
    return found if _MESSAGE_ID.match(found) else ""


def filtered(fields: list[bytes], rights: Rights) -> list[bytes]:
    """The fields a session may bring in."""
    kept = []
    for field in fields:
        name = name_of(field)
        if name.startswith(ORGANIZATION_PREFIX) and Rights.AcceptOrganizationHeaders not in rights:
            continue
        if name.startswith(FOREST_PREFIX) and Rights.AcceptForestHeaders not in rights:
            continue
        if name == b"received" and Rights.AcceptRoutingHeaders not in rights:
            continue
        kept.append(field)
    return kept


def outgoing(content: bytes, *, internal: bool) -> bytes:
    """A message as it leaves: what is internal goes only to servers of the organisation."""
    if internal:
        return content
    fields, body = split(content)
    kept = [f for f in fields if not name_of(f).startswith((ORGANIZATION_PREFIX, FOREST_PREFIX))]
    return b"".join(kept) + body


def received_line(
    *, helo: str, peer_ip: str, own_fqdn: str, own_ip: str, tls: bool, build: str, at: datetime
) -> bytes:
    """The Received field Exchange writes."""
    secured = " (TLS)" if tls else ""
    return (
        f"Received: from {helo} ({peer_ip}) by {own_fqdn} ({own_ip}) with Microsoft SMTP Server"
        f"{secured} id {build}; {format_datetime(at)}\r\n"
    ).encode()


def stamped(
    content: bytes, *, received: bytes, rights: Rights, auth_as: AuthAs, auth_source: str,
    message_id: str,
) -> bytes:  # fmt: skip
    """An accepted message: firewalled, with its Received line and what is known of the sender."""
    fields, body = split(content)
    fields = filtered(fields, rights)
    names = {name_of(f) for f in fields}
    if b"message-id" not in names:
        fields.append(f"Message-ID: {message_id}\r\n".encode())
    if AUTH_AS.lower().encode() not in names:
        fields.append(f"{AUTH_SOURCE}: {auth_source}\r\n".encode())
        fields.append(f"{AUTH_AS}: {auth_as}\r\n".encode())
    return received + b"".join(fields) + body
