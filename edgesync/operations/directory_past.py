"""What a directory went through, how it searches, and whether it agrees with itself.

These ask the lab's own directories: LDAP has no words for a change log or a query plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

from edgesync.errors import ExitCode, NoSuchThing
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from directory.store.changes import Change
    from edgesync.lab.directories import LabDirectory
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context

ServerName = Annotated[str, Help("AD, or an Edge of the lab", completes="server")]


def directory_of(lab: Lab, server: str) -> LabDirectory[Any]:
    """AD, or an Edge's ADAM.

    Raises:
        NoSuchThing: when the lab has no such directory.
    """
    return lab.ad if server.upper() == "AD" else lab.edge(server)


# log -------------------------------------------------------------------------------------------


def _render_log(document: Document) -> Iterable[str]:
    for change in document["changes"]:
        yield f"{change['at']}  USN {change['usn']}  {change['change']}  {change['dn']}"
        yield f"  by {change['by'] or 'nobody'}" + (f": {change['note']}" if change["note"] else "")
        for item in change["attributes"]:
            yield f"  {item['attribute']}: {_arrow(item['before'], item['after'])}"


def _arrow(before: list[str], after: list[str]) -> str:
    def words(values: list[str]) -> str:
        text = ", ".join(values)
        return (text if len(text) <= 100 else text[:100] + "…") if values else "nothing"

    return f"{words(before)} -> {words(after)}"


@operation(
    "directory", "log", render=_render_log, rows="changes",
    example="edgesync directory log EDGE01 --attribute msExchServerInternalTLSCert",
)  # fmt: skip
def log(
    context: Context,
    dn: Annotated[
        str | None, Help("only this entry: a DN, or a server's name", metavar="DN")
    ] = None,
    *,
    server: ServerName = "AD",
    attribute: Annotated[str | None, Help("only changes of this attribute")] = None,
    since: Annotated[int, Help("only changes after this USN")] = 0,
    limit: Annotated[int, Help("at most this many, the latest")] = 50,
) -> Outcome:
    """Show who changed what, when and by which command; secrets are told as changed only."""
    from directory.model.dn import DN

    lab = context.lab
    where = directory_of(lab, server)
    store = where.agent.store
    if dn is None:
        found = list(store.changes(since))
    else:
        name = DN.parse(dn) if "=" in dn else where.names.server(lab.server(dn).name)
        entry = store.find(name)
        if entry is None:
            raise NoSuchThing(f"no entry {name}", "edgesync directory search finds names")
        found = [change for change in store.history(entry) if change.usn > since]
    if attribute is not None:
        found = [c for c in found if attribute.lower() in {n.lower() for n in c.attributes}]
    shown = [_change(change, attribute) for change in found[-limit:]]
    left = len(found) - len(shown)
    notes = (f"{left} earlier changes are not shown; use --limit",) if left > 0 else ()
    document = {"schema": "edgesync.directory-log/1", "server": where.name, "changes": shown}
    return Outcome(document, notes=notes)


def _change(change: Change, attribute: str | None) -> Document:
    from edgesync.operations.decoding import shown

    return {
        "usn": change.usn,
        "at": change.at.isoformat().replace("+00:00", "Z"),
        "change": change.kind.value,
        "dn": change.dn,
        "dn_before": change.dn_before,
        "by": change.author.identity,
        "note": change.author.note,
        "attributes": [
            {
                "attribute": name,
                "before": [shown(name, v) for v in values.before],
                "after": [shown(name, v) for v in values.after],
            }
            for name, values in change.attributes.items()
            if attribute is None or name.lower() == attribute.lower()
        ],
    }


# explain ---------------------------------------------------------------------------------------


def _render_explain(document: Document) -> Iterable[str]:
    yield from document["plan"]


@operation(
    "directory", "explain", render=_render_explain,
    example="edgesync directory explain '(&(objectClass=user)(mail=a*))'",
)  # fmt: skip
def explain(
    context: Context,
    filter_: Annotated[str, Help("RFC 4515 filter", metavar="FILTER")],
    *,
    server: ServerName = "AD",
) -> Outcome:
    """Show how a search would be answered: which indexes help and how many entries are left."""
    from directory.model.filter import format_filter, parse_filter

    where = directory_of(context.lab, server)
    parsed = parse_filter(filter_)
    plan = where.agent.store.explain(parsed)
    document = {
        "schema": "edgesync.directory-explain/1",
        "server": where.name,
        "filter": format_filter(parsed),
        "plan": str(plan).splitlines(),
    }
    return Outcome(document)


# verify ----------------------------------------------------------------------------------------

PROBLEMS_MAX = 1000


def _render_verify(document: Document) -> Iterable[str]:
    rows = [
        (
            d["directory"],
            d["entries"],
            "agrees" if not d["problems"] else f"{len(d['problems'])} problems",
        )
        for d in document["directories"]
    ]
    yield from columns(("Directory", "Entries", "Journal, memory and indexes"), rows)
    for item in document["directories"]:
        yield from (f"{item['directory']}: {problem}" for problem in item["problems"])


@operation(
    "directory", "verify", render=_render_verify, rows="directories",
    example="edgesync directory verify",
)  # fmt: skip
def verify(
    context: Context,
    server: Annotated[str | None, Help("only this directory", completes="server")] = None,
) -> Outcome:
    """Prove that journal, memory and indexes of the directories agree; exit code 3 if not."""
    lab = context.lab
    wanted = [directory_of(lab, server)] if server else lab.directories
    rows = []
    for where in wanted:
        problems = [str(item) for item in islice(where.agent.store.verify(), PROBLEMS_MAX)]
        rows.append(
            {"directory": where.name, "entries": where.agent.store.count, "problems": problems}
        )
    bad = any(row["problems"] for row in rows)
    document = {"schema": "edgesync.directory-verify/1", "directories": rows}
    return Outcome(document, ExitCode.NO if bad else ExitCode.OK)


# import ----------------------------------------------------------------------------------------


def _render_import(document: Document) -> Iterable[str]:
    yield f"{document['loaded']} records loaded into {document['server']}"
    rows = [(e["line"], e["dn"], e["message"]) for e in document["errors"]]
    if rows:
        yield from columns(("Line", "Refused", "Why"), rows)


@operation(
    "directory", "import", render=_render_import, rows="errors", writes=True,
    example="edgesync directory import changes.ldif --server ad --continue",
)  # fmt: skip
def import_(
    context: Context,
    file: Annotated[str, Help("LDIF file of content or change records", metavar="FILE")],
    *,
    server: ServerName = "AD",
    continue_: Annotated[bool, Help("keep what is right and report the rest")] = False,
) -> Outcome:
    """Load LDIF into AD or an Edge's ADAM: the whole file, or nothing of it.

    With --continue refused records are listed with their lines, the others are kept, and the exit
    code is 7. People of another directory become recipients with lab import --ldif instead.
    """
    from pathlib import Path

    from directory.errors import InvalidLdif
    from directory.net.loading import LdifLoadFailed, load_ldif
    from edgesync.errors import InputInvalid

    where = directory_of(context.lab, server)
    path = Path(file)

    def told(message: str) -> None:
        context.progress({"phase": message, "done": 0})

    try:
        report = load_ldif(where.agent, path, go_on=continue_, report=told)
    except FileNotFoundError:
        raise NoSuchThing(f"no file {path}", "name an LDIF file") from None
    except OSError as error:
        raise InputInvalid(f"{path}: {error.strerror}", "name a readable LDIF file") from error
    except InvalidLdif as error:
        raise InputInvalid(
            f"{path}: {error.reason}", "nothing was loaded; RFC 2849 says how LDIF looks"
        ) from error
    except LdifLoadFailed as error:
        raise InputInvalid(
            error.diagnostic, "nothing was loaded; --continue keeps what is right"
        ) from error
    errors = [{"line": e.line, "dn": e.dn, "message": e.message} for e in report.errors]
    document = {
        "schema": "edgesync.directory-import/1",
        "server": where.name,
        "loaded": report.loaded,
        "errors": errors,
    }
    return Outcome(document, ExitCode.PARTLY if errors else ExitCode.OK)
