"""Time spans as people and cmdlets write them: ``90d``, ``36h``, ``5m``, ``1.12:30:00``."""

from __future__ import annotations

import re
from datetime import timedelta

from edgesync.errors import UsageError

_SHORT = re.compile(r"(\d+(?:\.\d+)?)\s*(w|d|h|m|s)", re.IGNORECASE)
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DOTNET = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?\Z")


def parse_timespan(text: str) -> timedelta:
    """Read a time span: a number with w, d, h, m or s, several of them, or .NET's form.

    Raises:
        UsageError: for anything else, and for a span no calendar holds.
    """
    wanted = text.strip()
    try:
        found = _DOTNET.match(wanted)
        if found:
            days, hours, minutes, seconds = found.groups()
            return timedelta(
                days=int(days or 0), hours=int(hours), minutes=int(minutes),
                seconds=float(seconds or 0),
            )  # fmt: skip
        parts = _SHORT.findall(wanted)
        if parts and not _SHORT.sub("", wanted).strip():
            return sum((timedelta(**{_UNITS[u.lower()]: float(n)}) for n, u in parts), timedelta(0))
    except (OverflowError, ValueError):  # more days, or more digits, than there can be
        pass
    raise UsageError(f"{text!r} is not a time span", "write 90d, 36h, 5m or 1.12:30:00")
