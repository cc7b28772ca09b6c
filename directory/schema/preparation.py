"""String preparation for matching (RFC 4518): strings match when their prepared forms are equal.

One difference to the letter of section 2.6.1: runs of spaces become one space, not two, and the
ends are trimmed instead of padded. Equality and order come out the same, and keys are shorter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_SPACES = re.compile("[\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
# section 2.2: control characters, soft hyphens, variation selectors and the like map to nothing
_NOTHING = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u06dd\u070f\u1806\u180b-\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u2063\u206a-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffc]+"
)
_UNUSUAL = bytes((*range(0x20), *range(0x7F, 0x100)))
_UNUSUAL_IN_LINES = _UNUSUAL.replace(b"\n", b"")
_SAME = bytes(range(256))
_LOWER = _SAME.lower()
_PROHIBITED = frozenset(("Cs", "Co", "Cn"))


def prepare(value: bytes, *, fold: bool) -> bytes:
    """The prepared form of a whole value.

    Raises:
        ValueError: for bytes that are not UTF-8, or characters section 2.4 prohibits.
    """
    text = _plain(value, fold=fold)
    return _characters(value, fold=fold).strip(" ").encode() if text is None else text


def _plain(value: bytes, *, fold: bool) -> bytes | None:
    """The prepared form of printable ASCII with single spaces, as nearly every value is."""
    text = value.translate(_LOWER if fold else _SAME, _UNUSUAL)  # one pass, in C
    if len(text) != len(value):
        return None
    return text if b" " not in text or b" ".join(text.split()) == text else None


def prepare_folded(value: bytes) -> bytes:
    """``prepare`` without regard to case, at once for nearly all values: every index asks."""
    text = value.translate(_LOWER, _UNUSUAL)
    if len(text) == len(value) and (b" " not in text or b" ".join(text.split()) == text):
        return text
    return prepare(value, fold=True)


def prepare_all_folded(values: Sequence[bytes]) -> list[bytes]:
    """``prepare_folded`` for many values: plain ones are prepared as the lines of one text."""
    lines = b"\n".join(values)
    text = lines.translate(_LOWER, _UNUSUAL_IN_LINES)
    if (
        len(text) < len(lines)
        or text.count(b"\n") != len(values) - 1
        or (b" " in text and _has_spaces_to_prepare(b"\n%b\n" % text))
    ):
        return list(map(prepare_folded, values))
    return text.split(b"\n")


def _has_spaces_to_prepare(lines: bytes) -> bool:
    return b"  " in lines or b"\n " in lines or b" \n" in lines


def prepare_piece(value: bytes, *, fold: bool) -> bytes:
    """The prepared form of a substring: a space at its end means a space."""
    text = _plain(value, fold=fold)
    return _characters(value, fold=fold).encode() if text is None else text


def folded_piece(value: bytes) -> bytes:
    """``prepare_piece`` without regard to case, at once for nearly all values."""
    text = value.translate(_LOWER, _UNUSUAL)
    if len(text) == len(value) and (b" " not in text or b" ".join(text.split()) == text):
        return text
    return prepare_piece(value, fold=True)


def _characters(value: bytes, *, fold: bool) -> str:
    text = _NOTHING.sub("", value.decode("utf-8"))
    if fold:
        text = unicodedata.normalize("NFKC", text).casefold()
    text = unicodedata.normalize("NFKC", text)
    if any(unicodedata.category(char) in _PROHIBITED for char in text if char > "\x7f"):
        raise ValueError("a prohibited character")
    return _SPACES.sub(" ", text)


def prepare_numeric(value: bytes) -> bytes:
    """Section 2.6.2: spaces mean nothing in a numeric string."""
    return value.replace(b" ", b"")


def prepare_telephone(value: bytes) -> bytes:
    """Section 2.6.3: neither spaces nor hyphens mean anything in a telephone number."""
    return value.lower().replace(b" ", b"").replace(b"-", b"")
