"""``python -m directory`` whose journal's log is copied, and starts anew, every few commits.

As it is, that takes longer than a server is left alone here.
"""

from __future__ import annotations

import sys

from directory.__main__ import main
from directory.store import checkpoint

ROWS = 300
"""Rows between two checkpoints: a few commits of all clients together."""

if __name__ == "__main__":
    vars(checkpoint)["ROWS"] = ROWS
    sys.exit(main())
