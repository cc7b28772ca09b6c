"""Faults on the lab's lines: put in, listed, taken out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.lab.faults.book import FaultBook
    from edgesync.operations.context import Context

KINDS = Literal[
    "cut", "reset", "lose-ack", "delay", "refuse-bind", "strip-tls", "resign-tls",
]  # fmt: skip
SERVICES = Literal[
    "smtp", "ldap", "ldaps", "gc", "http", "https", "pop", "pops", "imap", "imaps", "sip", "sips",
]  # fmt: skip


def _render(document: Document) -> Iterable[str]:
    if document.get("done"):
        yield document["done"]
    rows = [
        (
            row["id"], row["kind"], row["server"], row["service"] or "every",
            row["caller"] or "anybody", row["request"] or "any", when(row), row["seen"],
            row["struck"],
        )
        for row in document["faults"]
    ]  # fmt: skip
    if not rows:
        yield "no fault lies on the lab's lines"
        return
    headers = ("Id", "Fault", "At", "Service", "Caller", "Request", "When", "Seen", "Struck")
    yield from columns(headers, rows)


def when(row: Document) -> str:
    """When a fault strikes, in words: ``2nd and ...`` as ``at 2, 5``; ``30 %, 3 times``."""
    parts = []
    if row["at"]:
        parts.append("at " + ", ".join(map(str, row["at"])))
    elif row["probability"] < 1:
        parts.append(f"{row['probability']:.4g} of all")
    else:
        parts.append("always")
    if row["times"]:
        parts.append(f"{row['times']} times at most")
    if row["seconds"]:
        parts.append(f"{row['seconds']:g} s late")
    return ", ".join(parts)


def fault_rows(context: Context) -> list[Document]:
    """The lab's faults as documents."""
    return [item.document() for item in _book(context).listed()]


def _book(context: Context) -> FaultBook:
    from edgesync.lab.faults.book import FaultBook

    return context.lab.service(FaultBook)


def _outcome(context: Context, done: str = "") -> Outcome:
    document: Document = {"schema": "edgesync.faults/1", "faults": fault_rows(context)}
    return Outcome({**document, "done": done} if done else document)


@operation(
    "fault", "list", render=_render, rows="faults", example="edgesync fault list",
)  # fmt: skip
def list_(context: Context) -> Outcome:
    """List the faults on the lab's lines, with what they met and what they struck."""
    return _outcome(context)


@operation(
    "fault", "add", render=_render, rows="faults", writes=True,
    example="edgesync fault add lose-ack EDGE01 --service ldaps --request modify --at 3",
)  # fmt: skip
def add(
    context: Context,
    kind: Annotated[
        KINDS,
        Help(
            "what goes wrong: no connection; a request that never arrives; an answer that never "
            "comes; a late one; a refused log-on; TLS not offered; TLS of somebody in the middle"
        ),
    ],
    server: Annotated[str, Help("at whose listeners: a server, or AD", completes="server")],
    *,
    service: Annotated[SERVICES | None, Help("which listener; none: every one")] = None,
    caller: Annotated[
        str | None, Help("only when this server of the lab calls", completes="server")
    ] = None,
    request: Annotated[
        str | None,
        Help("only these requests: bind, search, add, modify; MAIL, DATA, content of SMTP"),
    ] = None,
    at: Annotated[
        str | None, Help("which of the requests (or connections) that fit, from 1", metavar="1,3,7")
    ] = None,
    probability: Annotated[float, Help("chance for each, drawn from the lab's seed")] = 1.0,
    times: Annotated[int, Help("how often at most; 0: without end")] = 0,
    seconds: Annotated[float, Help("how late an answer comes (delay)")] = 0.0,
) -> Outcome:
    """Put a fault on a line of the lab, for the lab's servers and for strangers' programs.

    While the lab is up the listener keeps its address; connections made before the fault stay as
    they are. A request is an LDAP message, an SMTP command or the end of a message's content;
    inside X-ANONYMOUSTLS, and for the other protocols, whatever is sent before an answer comes.
    """
    from edgesync.lab.faults.fault import Fault, FaultKind

    made = _book(context).add(
        Fault(
            0, FaultKind(kind), server, service or "", caller or "", request or "", _numbers(at),
            probability, times, seconds,
        )
    )  # fmt: skip
    return _outcome(context, f"added fault {made.id}: {made.kind.value} at {made.server}")


def _numbers(text: str | None) -> tuple[int, ...]:
    from edgesync.errors import UsageError

    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise UsageError(f"{text!r} is no list of numbers", "for example --at 1,3,7")
    return tuple(map(int, words))


@operation(
    "fault", "remove", render=_render, rows="faults", writes=True,
    example="edgesync fault remove 1",
)  # fmt: skip
def remove(context: Context, number: Annotated[int, Help("the fault's number")]) -> Outcome:
    """Take one fault out."""
    gone = _book(context).remove(number)
    return _outcome(context, f"removed fault {gone.id}: {gone.kind.value} at {gone.server}")


@operation(
    "fault", "clear", render=_render, rows="faults", writes=True, example="edgesync fault clear",
)  # fmt: skip
def clear(context: Context) -> Outcome:
    """Take every fault out."""
    count = _book(context).clear()
    return _outcome(context, f"removed {count} faults")
