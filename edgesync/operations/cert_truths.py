"""The four truths of one server's internal transport certificate, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.planning.truths import FourTruths


def truths_of(lab: Lab, server: str) -> FourTruths:
    """Installed, published and replicated; presented too while the server listens."""
    from edgesync.planning.truths import four_truths

    return four_truths(lab, server)


def disagreements(lab: Lab, truths: FourTruths) -> Iterator[str]:
    """One sentence for every copy that is missing or differs from what the server presents.

    AD need not know an Edge that is not subscribed.
    """
    from edgesync.planning.truths import Kind, subscribed

    named = truths.named.thumbprint
    if not named:
        yield f"{truths.named.where} names no internal transport certificate of {truths.server}"
    usable = {t.thumbprint for t in truths.installed if t.usable}
    if named and named not in usable:
        yield f"{named} is not in the store of {truths.server}, or its key cannot be used"
    alone = truths.server in lab.edges and truths.server not in subscribed(lab)
    for truth in truths.all():
        if truth.kind is Kind.INSTALLED or truth is truths.named:
            continue
        if alone and truth is truths.published:
            continue
        if not truth.thumbprint and truth.kind is Kind.PUBLISHED and named:
            yield f"{truth.where} has no certificate of {truths.server}"
        elif truth.thumbprint != named and truth.thumbprint:
            own = named or "none"
            yield f"{truth.where} has {truth.thumbprint}, {truths.server} presents {own}"
        elif not truth.thumbprint and named:
            yield f"{truth.where} has no copy"
