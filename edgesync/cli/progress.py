"""Progress of long work on stderr: a line that rewrites itself, or JSON lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from directory.clock import Clock
from edgesync.cli.options import Options

INTERVAL_S = 1.0
"""Programs get one line a second (contract section 2)."""

REDRAW_S = 0.1
"""People get ten a second: faster than that flickers."""


class ProgressLine:
    """Shows the latest step. Silent when stderr is no terminal, unless JSON was asked for."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self._clock = clock
        self._json = options.progress == "json"
        self._shown = not options.quiet and (self._json or sys.stderr.isatty())
        self._last = -INTERVAL_S
        self._drawn = False

    def __call__(self, step: Mapping[str, Any]) -> None:
        """Show a step, unless the last one was shown a moment ago."""
        now = self._clock.monotonic()
        interval = INTERVAL_S if self._json else REDRAW_S
        if not self._shown or (now - self._last < interval and not step.get("final")):
            return
        self._last = now
        if self._json:
            print(json.dumps(dict(step)), file=sys.stderr, flush=True)
            return
        total = f" of {step['total']}" if step.get("total") else ""
        rate = f", {step['rate']:.0f}/s" if step.get("rate") else ""
        left = f", {step['remaining_s']:.0f} s left" if step.get("remaining_s") else ""
        text = f"{step.get('phase', '')}: {step.get('done', 0)}{total}{rate}{left}"
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        self._drawn = True

    def close(self) -> None:
        """Clear the line."""
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
