"""TOML that people bring, read with bounds: the standard library's reader has none."""

from __future__ import annotations

import tomllib
from typing import Any

LINE_DOTS_MAX = 200
"""Most dots of one line: a key of n parts costs the reader n squared, in time and in memory."""


def parse_toml(text: str) -> dict[str, Any]:
    """The document in a text.

    Raises:
        ValueError: it is not TOML, or nests deeper or has longer keys than anybody writes.
    """
    text = text.removeprefix("\ufeff")  # what editors on Windows begin a file with
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > LINE_DOTS_MAX:
            raise ValueError(f"line {number} has more than {LINE_DOTS_MAX} dots")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("brackets inside brackets, deeper than can be read") from None
