"""The four truths of one server's internal transport certificate, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.planning.truths import FourTruths, Truth


def truths_of(lab: Lab, server: str) -> FourTruths:
    """Installed, published, replicated, and presented: asked by a real handshake."""
    from edgesync.planning.truths import four_truths

    return four_truths(lab, server, presented_by(lab, server))


def presented_by(lab: Lab, server: str) -> Truth:
    """What a server shows another one that says X-ANONYMOUSTLS, or why nothing is shown."""
    from directory.clock import SystemClock
    from edgesync.lab.network import Network
    from edgesync.planning.truths import Kind, Truth
    from edgesync.transport.handshake import Probe
    from edgesync.transport.link import LinkFailed

    callers = [s for s in lab.servers("hub", "edge", "mailbox") if s.name != server]
    if not callers:
        return Truth(Kind.PRESENTED, f"X-ANONYMOUSTLS of {server}: nobody to ask", None)
    caller = callers[0]
    try:
        link = lab.service(Network).dial(caller.name, server)
    except LinkFailed as failure:
        return Truth(Kind.PRESENTED, f"X-ANONYMOUSTLS of {server}: {failure}", None)
    report = Probe(caller.fqdn, ask_relay=False).run(link, SystemClock())
    why = f": {report.detail}" if report.detail else ""
    return Truth(Kind.PRESENTED, f"X-ANONYMOUSTLS of {server}{why}", report.server_certificate)


def disagreements(lab: Lab, truths: FourTruths) -> Iterator[str]:
    """One sentence for every copy that is missing or differs from what the directory names.

    AD need not know an Edge that is not subscribed.
    """
    from edgesync.planning.truths import Kind, subscribed

    named = truths.named.thumbprint
    server = truths.server
    if not named:
        yield f"{truths.named.where} names no internal transport certificate of {server}"
    elif named not in {t.thumbprint for t in truths.installed if t.usable}:
        yield f"{named} is not in the store of {server}, or its key cannot be used"
    alone = server in lab.edges and server not in subscribed(lab)
    for truth in truths.all():
        if truth.kind is Kind.INSTALLED or truth is truths.named or not named:
            continue
        if alone and truth is truths.published:
            continue
        if not truth.thumbprint:
            yield f"{truth.where}: no certificate of {server}"
        elif truth.thumbprint != named:
            yield f"{truth.where} has {truth.thumbprint}, {server} is to present {named}"
