"""Rows of the lab's SMTP protocol logs: from its folder, or from memory where it has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.transport.protocol_log import LogRow


def lab_rows(lab: Lab, server: str | None, kind: str) -> Iterator[LogRow]:
    """Rows of one server or of all, sent, received or both, in order of time."""
    from edgesync.lab.network import Network
    from edgesync.transport.log_reader import read_log
    from edgesync.transport.protocol_log import LogKind

    names = [lab.server(server).name] if server else [s.name for s in lab.servers("hub", "edge")]
    kinds = [k for k in LogKind if kind in ("all", "send" if k is LogKind.SEND else "receive")]
    rows: list[LogRow] = []
    for name in names:
        for one in kinds:
            if lab.root is None:
                host = lab.service(Network).host(name)
                rows += host.send_log.recent if one is LogKind.SEND else host.receive_log.recent
                continue
            folder = lab.root / "logs" / "ProtocolLog" / one.value / name
            for path in sorted(folder.glob("*.LOG")):
                rows += read_log(path)
    yield from sorted(rows, key=lambda row: row.at)
