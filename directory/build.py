"""Which build of the directory runs: plain Python, or with its hot modules compiled."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

PLAIN = "plain Python"
COMPILED = "compiled by mypyc"

_COMPILED_IN_EVERY_BUILD = "directory.wire.quick"


def running_build() -> str:
    """``PLAIN`` or ``COMPILED``; found without importing anything but empty packages."""
    spec = find_spec(_COMPILED_IN_EVERY_BUILD)
    origin = "" if spec is None or spec.origin is None else spec.origin
    return COMPILED if origin.endswith(tuple(EXTENSION_SUFFIXES)) else PLAIN
