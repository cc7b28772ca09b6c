"""The rows, each module's in its ``ROWS``."""

from __future__ import annotations

import importlib
import pkgutil

from scripts.benchmark.row import Row


def all_rows() -> tuple[Row, ...]:
    """The rows of all modules, in alphabetical order of the modules.

    Raises:
        ValueError: when two rows have the same name.
    """
    rows: list[Row] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        rows += importlib.import_module(f"{__name__}.{module.name}").ROWS
    names = [row.name for row in rows]
    if len(set(names)) != len(names):
        raise ValueError(f"two rows of one name: {sorted(n for n in names if names.count(n) > 1)}")
    return tuple(rows)
