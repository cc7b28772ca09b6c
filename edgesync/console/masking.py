"""What a credential record holds is for the Hub alone: masked in whatever is read without a token.

A record is JSON inside an attribute's value. Its password is encrypted with the Hub's key, but a
lab's keys are known to everybody who has the package.
"""

from __future__ import annotations

import re
from typing import Any

MASKED = "(secret, not shown)"

_SECRET_PART = re.compile(
    r'(?P<name>(?:\\*")+[^"\\]*(?:password|secret)[^"\\]*(?:\\*")+\s*:\s*(?:\\*")+)[^"\\]*',
    re.IGNORECASE,
)
"""A part of a record with such a name; its quotes are escaped where JSON is inside JSON, and
doubled in CSV."""

_CREDENTIAL = re.compile(
    r"^msExchEdgeSyncCredential(?P<options>[^:]*)::? ?.*(?:\r?\n .*)*", re.IGNORECASE | re.MULTILINE
)
"""A value of a credential attribute in LDIF, its folded lines with it (RFC 2849)."""


def masked_text(text: str) -> str:
    """A text without the secrets of the records in it."""
    return _SECRET_PART.sub(lambda found: found["name"] + MASKED, text)


def masked_ldif(text: str) -> str:
    """LDIF without credential records; a comment stands for each."""
    return _CREDENTIAL.sub(f"# msExchEdgeSyncCredential: {MASKED}", text)


def masked(value: Any) -> Any:
    """A JSON document without the secrets of the records in it."""
    if isinstance(value, str):
        return (
            masked_ldif(masked_text(value))
            if "edgesynccredential" in value.lower()
            else (masked_text(value))
        )
    if isinstance(value, dict):
        return {key: masked(part) for key, part in value.items()}
    return [masked(part) for part in value] if isinstance(value, (list, tuple)) else value
