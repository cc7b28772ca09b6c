"""This directory with a watch on its event loop: ``python -m directory``, and how long turns took.

SIGUSR1 starts the watch, SIGUSR2 ends it and writes what it saw to the file of the first argument.
A turn is measured in CPU time, so that what other programs take from the machine is no stall of
ours; a probe beside it measures what a client sees (``scripts.benchmark.probe``).
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from directory.__main__ import main
from directory.net import serve
from directory.net.server import DirectoryServer

EVERY_S = 0.001


class Watch:
    """The longest time between two looks at the clock, which should be a millisecond."""

    def __init__(self, loop: asyncio.AbstractEventLoop, report: Path) -> None:
        self._loop = loop
        self._report = report
        self._longest = self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """From here on."""
        self._longest, self._last = 0.0, time.thread_time()
        self._timer = self._loop.call_later(EVERY_S, self._look)

    def end(self) -> None:
        """Up to here; milliseconds."""
        if self._timer is not None:
            self._timer.cancel()
        part = self._report.with_suffix(".part")
        part.write_text(f"{self._longest * 1000:.3f}")
        part.replace(self._report)

    def _look(self) -> None:
        now = time.thread_time()
        self._longest = max(self._longest, now - self._last)
        self._last = now
        self._timer = self._loop.call_later(EVERY_S, self._look)


class WatchedServer(DirectoryServer):
    """A server that can be watched."""

    async def start(self) -> None:
        """Listen, and for the signals too."""
        await super().start()
        loop = asyncio.get_running_loop()
        watch = Watch(loop, Path(sys.argv[1]))
        loop.add_signal_handler(signal.SIGUSR1, watch.begin)
        loop.add_signal_handler(signal.SIGUSR2, watch.end)


if __name__ == "__main__":
    vars(serve)["DirectoryServer"] = WatchedServer  # what ``serve`` starts when it is asked to
    sys.exit(main(sys.argv[2:]))
