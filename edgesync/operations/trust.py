"""Direct trust: check, explain, matrix; what-if and plans are in ``trust_plan``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.errors import ExitCode
from edgesync.operations import trust_plan, trust_probe  # noqa: F401 - more verbs of this noun
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.operations.context import Context
    from edgesync.planning.inquiry import Inquiry

VERIFIER = Help("server that has to trust", completes="server")
PEER = Help("server to be trusted", completes="server")
PATH = Help("SMTP on port 25, or EdgeSync's LDAPS")
EXPLAINED = Literal[
    "smtp", "ldaps", "hub-hub", "hub-edge", "edge-hub", "um-hub", "internet-edge", "client-hub",
    "hub-adam", "admin-adam", "client-https", "cas-proxy", "client-pops", "client-imaps",
    "gateway-um",
]  # fmt: skip
"""Direct trust as the matrix asks about it, and every path of ``trust matrix --all-paths``."""
DIRECT_TRUST = frozenset({"smtp", "ldaps"})
WIDTH = 78
"""Columns of text output: fits a terminal of 80."""


def inquiry_of(context: Context) -> Inquiry:
    """Questions about the context's lab; handshakes are timed by the machine's clock."""
    from directory.clock import SystemClock
    from edgesync.planning.inquiry import Inquiry

    return Inquiry(context.lab, SystemClock())


def exit_code_of(verdict: str) -> ExitCode:
    """The answer as an exit code (contract section 2)."""
    return {
        "trusted": ExitCode.OK,
        "not_applicable": ExitCode.OK,
        "unreachable": ExitCode.UNREACHABLE,
    }.get(verdict, ExitCode.NO)


def _render_check(document: Document) -> Iterable[str]:
    cell = document["cell"]
    way = f"{cell['verifier']} -> {cell['peer']} ({cell['path']})"
    yield f"{way}: {cell['verdict']} ({cell['reason']})"
    yield from wrap(document["detail"], WIDTH, initial_indent="  ", subsequent_indent="  ")
    if document["more"]:
        yield f"  more: {document['more']}"


@operation("trust", "check", render=_render_check, example="edgesync trust check HUB01 EDGE01")
def check(
    context: Context,
    verifier: Annotated[str, VERIFIER],
    peer: Annotated[str, PEER],
    *,
    path: Annotated[Literal["smtp", "ldaps"], PATH] = "smtp",
) -> Outcome:
    """Make a real handshake and say whether one server trusts another.

    SMTP is asked in both directions: the verifier judges the peer's certificate as a server's and
    as a client's. Exit code 0: trusted, 3: not, 5: the peer cannot be reached.
    """
    from edgesync.planning.matrix import MEANING
    from edgesync.planning.observation import Path
    from edgesync.trust.verdict import Reason

    inquiry = inquiry_of(context)
    cell = inquiry.check(inquiry.pair(verifier, peer, Path(path)))
    known = cell.reason in {reason.value for reason in Reason}
    detail = MEANING[Reason(cell.reason)] if known else cell.pair.why_not
    option = "" if path == "smtp" else f" --path {path}"
    more = f"edgesync trust explain {cell.pair.verifier} {cell.pair.peer}{option}"
    document = {
        "schema": "edgesync.trust-check/1",
        "verdict": cell.verdict.value,
        "reason": cell.reason,
        "cell": cell.document(),
        "detail": detail,
        "more": more if cell.is_bad else "",
    }
    return Outcome(document, exit_code_of(cell.verdict.value))


def _render_explain(document: Document) -> Iterable[str]:
    way = f"{document['verifier']} -> {document['peer']} ({document['path']})"
    yield f"{way}: {document['verdict'].upper()} ({document['reason']})"
    yield ""
    for step in document["steps"]:
        mark = {True: "ok ", False: "NO ", None: "   "}[step["ok"]]
        yield from wrap(
            step["detail"], WIDTH, initial_indent=f"{step['step']:>3} {mark}",
            subsequent_indent=" " * 7,
        )  # fmt: skip
        for line in step["evidence"]:
            yield from wrap(line, WIDTH, initial_indent=" " * 9, subsequent_indent=" " * 11)
    for title, text in (("Cause", document["cause"]), ("PKIX", document["pkix"])):
        if text:
            yield ""
            yield from _titled(title, text)
    if document["events"]:
        yield ""
        rows = [(e["source"], e["id"], e["name"]) for e in document["events"]]
        yield from columns(("Events a server would log", "Id", "Name"), rows)
    yield from _render_fix(document)


def _render_fix(document: Document) -> Iterable[str]:
    if document["fix"]:
        yield ""
        yield "Fix, tried on a fork of this lab:"
        yield from (f"  {command}" for command in document["fix"])
    for other in document["alternatives"]:
        yield "or:"
        yield from (f"  {command}" for command in other)
    fine = {"trusted", "anonymous", "not_applicable"}
    if document["path"] in DIRECT_TRUST:
        fine = {"trusted", "not_applicable"}
    if not document["fix"] and document["verdict"] not in fine:
        yield ""
        yield "No commands were found that mend this on a fork."
    if document["next"]:
        yield ""
        yield "Next:"
        yield from (f"  {command}" for command in document["next"])


def _titled(title: str, text: str) -> Iterable[str]:
    yield from wrap(text, WIDTH, initial_indent=f"{title}: ", subsequent_indent="  ")


@operation(
    "trust", "explain", render=_render_explain, example="edgesync trust explain HUB01 EDGE01"
)
def explain(
    context: Context,
    verifier: Annotated[
        str, Help("server that has to trust; else who connects", completes="server")
    ],
    peer: Annotated[str, Help("server to be trusted; else connected to", completes="server")],
    *,
    path: Annotated[EXPLAINED, Help("smtp or ldaps: direct trust; else a row of --all-paths")] = (
        "smtp"
    ),
) -> Outcome:
    """Explain a verdict: the chain of steps with evidence, events, cause, and a fix that works.

    Other paths than direct trust's are named as ``trust matrix --all-paths`` names them, with
    their two ends: client (or a kind of client: owa, activesync, ...), Internet, mail-program, an
    IP gateway, or a server. The fix is tried on a fork of the lab before it is printed; the lab
    itself is not changed.
    """
    from directory.clock import SystemClock
    from edgesync.lab.folder import fork_lab
    from edgesync.operations.runner import workshop
    from edgesync.planning.explain_paths import PathInquiry
    from edgesync.planning.observation import Path
    from edgesync.planning.paths import Question

    with workshop() as runner:
        if path in DIRECT_TRUST:
            inquiry = inquiry_of(context)
            asked = inquiry.pair(verifier, peer, Path(path))
            explanation = inquiry.explain(asked, fork=fork_lab, runner=runner)
        else:
            paths = PathInquiry(context.lab, SystemClock(), fork_lab, runner)
            explanation = paths.explain(Question(path, verifier, peer))
    code = exit_code_of(explanation.verdict)
    if path not in DIRECT_TRUST and explanation.verdict == "anonymous":
        code = ExitCode.OK  # as the path is meant to be
    return Outcome(explanation.document(), code)


def render_matrix(document: Document) -> Iterable[str]:
    """The matrix per path, verifiers down, peers across, with footnotes."""
    numbers = {(n["reason"], n["server"]): n["number"] for n in document["footnotes"]}
    yield f"Who trusts whom: rows verify columns. Lab clock {document['at'][:19]}Z"
    for path in ("smtp", "ldaps"):
        cells = [c for c in document["cells"] if c["path"] == path]
        if any(c["verdict"] != "not_applicable" for c in cells):
            yield ""
            yield from _grid(path, cells, numbers)
    yield ""
    if all(c["verdict"] == "not_applicable" for c in document["cells"]):
        yield "No Edge is subscribed: direct trust is used nowhere."
    for note in document["footnotes"]:
        count = f"{note['cells']} cell" + ("s" if note["cells"] > 1 else "")
        text = f"{note['number']} {note['reason']} ({note['server']}, {count}): {note['text']}"
        yield from wrap(text, WIDTH, subsequent_indent="  ")
        yield f"  {note['explain']}"
    if not document["footnotes"] and any(c["verdict"] == "trusted" for c in document["cells"]):
        yield "Every applicable cell is trusted."
    if document.get("paths"):
        yield ""
        yield from _paths(document["paths"])


def _paths(paths: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Every path with what each end shows and how the ends are authenticated."""
    rows = [
        (
            p["path"], p["from"], p["to"], p["verb"], p["server_certificate"][:8] or "-",
            p["client_certificate"][:8] or "-", p["authentication"],
            _ended(p),
        )
        for p in paths
    ]  # fmt: skip
    headers = ("Path", "From", "To", "TLS", "Server", "Client", "Authentication", "")
    yield from columns(headers, rows)


def _ended(path: Mapping[str, Any]) -> str:
    """How a path went, with what somebody should know although it went well."""
    if not path["ok"]:
        return f"NO: {path['reason']}"
    return f"ok; {path['note']}" if path["note"] else "ok"


def _grid(
    path: str, cells: list[Mapping[str, Any]], numbers: Mapping[tuple[str, str], int]
) -> Iterable[str]:
    """One table; too many peers for a line become several tables."""
    live = {c["peer"] for c in cells if c["verdict"] != "not_applicable"}
    order = dict.fromkeys([*(c["verifier"] for c in cells), *(c["peer"] for c in cells)])
    peers = [p for p in order if p in live]
    active = {c["verifier"] for c in cells if c["verdict"] != "not_applicable"}
    verifiers = [v for v in dict.fromkeys(c["verifier"] for c in cells) if v in active]
    by_pair = {(c["verifier"], c["peer"]): c for c in cells}
    first = max([len(v) for v in verifiers] + [len(path)])
    width = max(len(w) for w in (*peers, *(_word(c, numbers) for c in cells))) + 2
    across = max(1, (WIDTH - first) // width)
    for start in range(0, len(peers), across):
        shown = peers[start : start + across]
        rows = [
            [verifier, *(_word(by_pair.get((verifier, peer)), numbers) for peer in shown)]
            for verifier in verifiers
        ]
        yield from columns((path, *shown), rows)


def _word(cell: Mapping[str, Any] | None, numbers: Mapping[tuple[str, str], int]) -> str:
    """A cell in a word: lower case is good, upper case is not, the number is the footnote's."""
    if cell is None or cell["verdict"] == "not_applicable":
        return "-"
    number = next(
        (numbers[key] for server in ("peer", "verifier")
         if (key := (cell["reason"], cell[server])) in numbers),
        None,
    )  # fmt: skip
    word = cell["verdict"] if cell["verdict"] == "trusted" else cell["reason"].upper()
    return f"{word} {number}" if number else word


@operation(
    "trust", "matrix", render=render_matrix, rows="cells",
    example="edgesync trust matrix -o html > matrix.html",
)  # fmt: skip
def matrix(
    context: Context,
    *,
    all_paths: Annotated[
        bool, Help("also every other path: between Hubs, clients, web site, POP3, IMAP4, voice")
    ] = False,
) -> Outcome:
    """Ask every verifier about every peer, over SMTP and LDAPS, by real handshakes.

    Exit code 3 when direct trust should hold somewhere and does not, or with --all-paths another
    path fails. ``-o html`` and ``-o svg`` draw it.
    """
    from edgesync.planning.drawing import matrix_html, matrix_svg

    found = inquiry_of(context).matrix()
    document = found.document()
    document["texts"] = {"html": matrix_html(document), "svg": matrix_svg(document)}
    if not all_paths:
        return Outcome(document, found.exit_code)
    from directory.clock import SystemClock
    from edgesync.planning.all_paths import every_path

    paths = [row.document() for row in every_path(context.lab, SystemClock())]
    document["paths"] = paths
    failed = any(not row["ok"] for row in paths)
    return Outcome(document, ExitCode.NO if failed else found.exit_code)
