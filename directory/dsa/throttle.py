"""Slow down guessing: after some failures, a name is refused for a while without a look."""

from __future__ import annotations

from collections import OrderedDict

from directory.limits import REMEMBERED_OCTETS_MAX

FAILURES_MAX = 10
"""Failures within the window that a person makes; AD's policies have 10 as recommended value."""

WINDOW_S = 60.0
"""Failures older than this are forgotten, seconds."""

REFUSED_S = 30.0
"""How long a name is refused once there were too many, seconds."""

NAMES_MAX = 10_000
"""Names watched at once; the one that failed longest ago is dropped."""


class BindThrottle:
    """Failures by name and peer: one peer's guesses do not lock out another's owner."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def is_refused(self, name: str, peer: str, now: float) -> bool:
        """Whether a bind should be refused before the password is looked at."""
        count, last = self._failures.get(_key(name, peer), (0, 0.0))
        return count >= FAILURES_MAX and now - last < REFUSED_S

    def failed(self, name: str, peer: str, now: float) -> None:
        """Note a failure."""
        key = _key(name, peer)
        count, last = self._failures.pop(key, (0, now))
        self._failures[key] = (1 if now - last > WINDOW_S else count + 1, now)
        if len(self._failures) > NAMES_MAX:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, peer: str) -> None:
        """Forget failures."""
        self._failures.pop(_key(name, peer), None)


def _key(name: str, peer: str) -> tuple[str, str]:
    """By host: a new connection comes from a new port, and is the same guesser."""
    host, colon, _ = peer.rpartition(":")
    return name[:REMEMBERED_OCTETS_MAX].lower(), host if colon else peer
