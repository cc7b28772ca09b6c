"""Where an Edge's replica stands: last run, cookie, lease; evidence for a copy that lags."""

from __future__ import annotations

from edgesync.lab.lab import Lab
from edgesync.organization.servers import read_server
from edgesync.sync.cursor import readable_cursors
from edgesync.sync.lease import parse_lease
from edgesync.sync.status import readable_statuses


def replica_state(lab: Lab, edge: str) -> tuple[str, ...]:
    """What the Edge's own object says of EdgeSync, a line each."""
    directory = lab.edge(edge)
    own = read_server(directory.port(lab.note), directory.names, directory.name)
    if own is None:
        return ()
    lines: list[str] = []
    last = readable_statuses(value.encode() for value in own.status).get("configuration")
    if last is None:
        lines.append("EdgeSync never wrote configuration here")
    else:
        lines.append(
            f"last configuration run {last.at:%Y-%m-%d %H:%M:%SZ} by {last.hub}: {last.result}"
        )
    for (job, _), cursor in readable_cursors(own.cookies).items():
        if job == "configuration":
            lines.append(f"cookie: {cursor.kind.value}, issued {cursor.issued_at:%F %TZ}")
            break
    if own.lease is not None:
        try:
            lease = parse_lease(own.lease)
        except ValueError:
            lines.append("lease: unreadable")
        else:
            held = f"{lease.kind.value} of {lease.holder} until {lease.expires_at:%F %TZ}"
            lines.append(f"lease: {held}")
    return tuple(lines)
