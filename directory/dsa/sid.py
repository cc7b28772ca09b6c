"""Security identifiers (MS-DTYP 2.4.2): binary and text form, and handing out relative ones."""

from __future__ import annotations

import struct

from directory.entropy import Entropy

FIRST_RID = 1103
"""Where AD starts to number what administrators make; below are the well-known ones."""

WELL_KNOWN = {
    "administrator": 500, "guest": 501, "krbtgt": 502, "domain admins": 512, "domain users": 513,
    "domain guests": 514, "domain computers": 515, "domain controllers": 516,
    "schema admins": 518, "enterprise admins": 519,
}  # fmt: skip


def domain_sid(entropy: Entropy) -> str:
    """A new domain's identifier."""
    parts = struct.unpack("<3I", entropy.token_bytes(12))
    return "S-1-5-21-" + "-".join(map(str, parts))


def sid_bytes(text: str) -> bytes:
    """The binary form.

    Raises:
        ValueError: when the text is no SID.
    """
    mark, revision, authority, *rest = text.upper().split("-")
    if mark != "S" or len(rest) > 15:
        raise ValueError(f"{text!r} is not a security identifier")
    head = bytes((int(revision), len(rest))) + int(authority).to_bytes(6, "big")
    return head + struct.pack(f"<{len(rest)}I", *map(int, rest))


def sid_text(value: bytes) -> str:
    """The text form.

    Raises:
        ValueError: when the bytes are no SID.
    """
    if len(value) < 8 or len(value) != 8 + 4 * value[1]:
        raise ValueError("not a security identifier")
    rest = struct.unpack(f"<{value[1]}I", value[8:])
    authority = int.from_bytes(value[2:8], "big")
    return "-".join(("S", str(value[0]), str(authority), *map(str, rest)))
