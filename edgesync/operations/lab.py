"""Build, look at, snapshot and fork a whole organisation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from edgesync.config import Version
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context

VERSIONS = Literal[
    "exchange-2007", "exchange-2010", "exchange-2013", "exchange-2016", "exchange-2019",
    "exchange-se",
]  # fmt: skip


def _render_status(document: Document) -> Iterable[str]:
    yield from listing(
        [
            ("Lab", document["lab"]),
            ("State", document["state"]),
            ("Version", document["version"]),
            ("Clock", document["clock"]),
            ("Control", document.get("control", "")),
        ]
    )
    yield ""
    if document.get("faults"):
        yield f"Faults lie on the lines ({len(document['faults'])}): edgesync fault list"
        yield ""
    rows = []
    for name, server in document["servers"].items():
        addresses = " ".join(
            str(value) for key, value in server.items() if key in _ADDRESS_KEYS and value
        )
        place = server.get("site") or ("subscribed" if server.get("subscribed") else "")
        rows.append((name, server["role"], place, addresses))
    yield from columns(("Server", "Role", "Site", "Addresses"), rows)


_ADDRESS_KEYS = ("ldap", "ldaps", "gc", "smtp", "http", "https", "pop", "imap", "sip")


def status_document(lab: Lab) -> Document:
    """``lab status`` (contract section 3.1)."""
    from edgesync.errors import LabError
    from edgesync.lab.faults.book import FaultBook
    from edgesync.organization.servers import read_server

    servers: dict[str, Document] = {"AD": {"role": "directory", **lab.addresses.get("AD", {})}}
    for server in lab.servers():
        row: Document = {"role": server.role, "fqdn": server.fqdn}
        if server.role == "edge":
            known = read_server(lab.ad_port(), lab.ad.names, server.name)
            row["subscribed"] = known is not None
            if known is not None and known.site is not None:
                row["site"] = known.site.rdn.value
        else:
            row["site"] = server.site
        servers[server.name] = {**row, **lab.addresses.get(server.name, {})}
    document: Document = {
        "schema": "edgesync.lab-status/1",
        "state": "up" if lab.addresses else "down",
        "lab": str(lab.root) if lab.root else "",
        "version": lab.description.version.value,
        "clock": lab.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    if lab.addresses:
        if not lab.control:
            raise LabError("the lab runs without its control address", "start it again")
        document["control"] = lab.control
    faults = [item.document() for item in lab.service(FaultBook).listed()]
    return {**document, "servers": servers, "faults": faults}


@operation("lab", "status", render=_render_status, example="edgesync lab status")
def status(context: Context) -> Outcome:
    """Show the lab: whether it is up, its clock, its servers and their addresses."""
    return Outcome(status_document(context.lab))


@operation(
    "lab", "new", render=_render_status, needs_lab=False, remote=False,
    example="edgesync lab new --edges 2 --recipients 200 --version exchange-2019",
)  # fmt: skip
def new(
    context: Context,
    *,
    preset: Annotated[Literal["contoso"], Help("what to start from")] = "contoso",
    sites: Annotated[int, Help("AD sites")] = 2,
    hubs: Annotated[int, Help("Hub Transport servers")] = 3,
    edges: Annotated[int, Help("Edge Transport servers")] = 2,
    client_access: Annotated[int, Help("Client Access servers")] = 1,
    recipients: Annotated[int, Help("mail-enabled users")] = 200,
    version: Annotated[VERSIONS, Help("version of Exchange to play")] = "exchange-2007",
    seed: Annotated[int, Help("same seed, same bytes")] = 7,
    ldif: Annotated[tuple[str, ...], Help("LDIF file of recipients or trees to load too")] = (),
    force: Annotated[bool, Help("replace the lab that is there")] = False,
) -> Outcome:
    """Make a lab: AD, servers with the certificates of setup, connectors, domains, people.

    Nothing is subscribed yet: the Edges stand in the perimeter.
    """
    from edgesync.lab.description import PRESETS
    from edgesync.lab.folder import new_lab

    description = PRESETS[preset](
        sites=sites, hubs=hubs, edges=edges, client_access=client_access, recipients=recipients,
        version=Version(version), seed=seed,
    )  # fmt: skip
    lab = new_lab(description, context.lab_path, force=force)
    try:
        notes = [f"made at {context.lab_path}"]
        if description.profile.setup_hash == "sha1":
            notes.append(
                f"{description.profile.title} setup signed with SHA-1, which the library refuses "
                "to make; these certificates are signed with SHA-256"
            )
        for file in ldif:
            from edgesync.lab.load import load_ldif

            notes += load_ldif(lab, file, context.progress)
        return Outcome(status_document(lab), notes=tuple(notes))
    finally:
        lab.close()


# import ------------------------------------------------------------------------------------------


@operation(
    "lab", "import", render=_render_status, needs_lab=False, remote=False,
    example="edgesync lab import --clixml exports --edge EDGE01",
)  # fmt: skip
def import_(
    context: Context,
    *,
    clixml: Annotated[
        str | None, Help("folder of Get-X | Export-Clixml files", metavar="DIR")
    ] = None,
    ldif: Annotated[tuple[str, ...], Help("LDIF file or folder: recipients or whole trees")] = (),
    edge: Annotated[tuple[str, ...], Help("add an Edge Transport server of this name")] = (),
    seed: Annotated[int, Help("same seed, same bytes")] = 7,
    force: Annotated[bool, Help("replace the lab that is there")] = False,
) -> Outcome:
    """Make a lab of a real organisation's read-only exports, or load LDIF into a lab.

    Says what it took, what it ignored and what it assumed. Exports hold no private keys: the real
    certificates are shown and published as they are; where a server must present one, a
    certificate of the same profile with a key of the lab's own stands in, and that is said.
    """
    from pathlib import Path

    from edgesync.errors import UsageError
    from edgesync.lab.folder import add_edge, new_lab, open_lab
    from edgesync.lab.imported import describe, populate_from, stand_ins_for_clients
    from edgesync.lab.imported_web import left_out
    from edgesync.lab.importers.organization_export import read_exports
    from edgesync.lab.load import load_ldif

    if clixml is None and not ldif:
        raise UsageError("nothing to import", "use --clixml DIR or --ldif FILE")
    notes: list[str] = []
    if clixml is not None:
        export = read_exports(Path(clixml))
        notes += [f"took {line}" for line in export.taken]
        ignored = (*export.ignored, *left_out(export))
        notes += [f"ignored {line}" for line in ignored]
        described = describe(export, seed=seed)
        assumed = (
            *export.assumed,
            (
                f"the exports were made on {described.started:%Y-%m-%d}, when the newest object "
                "was changed or the newest valid certificate had begun: the lab's clock starts "
                "there"
            ),
        )
        notes += [f"assumed {line}" for line in assumed]
        lab = new_lab(
            described, context.lab_path, force=force,
            fill=lambda made: populate_from(made, export),
        )  # fmt: skip
    else:
        lab = open_lab(context.lab_path)
    try:
        lab.begin_command(context.note)
        if clixml is not None:
            made = [str(stand_in) for stand_in in stand_ins_for_clients(lab)]
            assumed, notes = (*assumed, *made), [*notes, *(f"assumed {line}" for line in made)]
            lab.ledger.set(assumed=list(assumed))  # reports repeat what the lab rests on
        for name in edge:
            add_edge(lab, name, f"{name.lower()}.{lab.description.forest}")
            notes.append(f"added Edge Transport server {name}")
        for file in ldif:
            notes += load_ldif(lab, file, context.progress)
        document = status_document(lab)
        if clixml is not None:
            document["import"] = {
                "taken": list(export.taken), "ignored": list(ignored),
                "assumed": list(assumed),
            }  # fmt: skip
        return Outcome(document, notes=tuple(notes))
    finally:
        lab.close()


# snapshots ---------------------------------------------------------------------------------------


def _render_snapshots(document: Document) -> Iterable[str]:
    if document.get("done"):
        yield document["done"]
    yield from columns(("Snapshot",), [(name,) for name in document["snapshots"]])


@operation(
    "lab", "snapshot", render=_render_snapshots, example="edgesync lab snapshot before-renewal",
    writes=True, writes_with=("name",),
)  # fmt: skip
def snapshot(
    context: Context,
    name: Annotated[str | None, Help("name of the new snapshot; none lists them")] = None,
) -> Outcome:
    """Keep the lab as it is now under a name, or list what is kept."""
    from edgesync.errors import RefusedByRule
    from edgesync.lab.snapshots import copy_lab, list_snapshots, snapshot_path

    lab = context.lab
    if lab.root is None:
        raise RefusedByRule("a lab in memory has no folder", "fork it in Python instead")
    done = ""
    if name is not None:
        lab.save()
        copy_lab(lab.root, snapshot_path(lab.root, name))
        done = f"kept as {name}"
    document = {
        "schema": "edgesync.lab-snapshots/1", "done": done, "snapshots": list_snapshots(lab.root),
    }  # fmt: skip
    return Outcome(document)


@operation(
    "lab", "restore", render=_render_snapshots, needs_lab=False, remote=False,
    example="edgesync lab restore before-renewal",
)  # fmt: skip
def restore(context: Context, name: Annotated[str, Help("name of a snapshot")]) -> Outcome:
    """Put the lab back as it was kept; the lab must be down."""
    from edgesync.lab.snapshots import list_snapshots, restore_lab

    restore_lab(context.lab_path, name)
    document = {
        "schema": "edgesync.lab-snapshots/1", "done": f"restored {name}",
        "snapshots": list_snapshots(context.lab_path),
    }  # fmt: skip
    return Outcome(document)


def _render_done(document: Document) -> Iterable[str]:
    yield document["done"]


@operation(
    "lab", "fork", render=_render_done, example="edgesync lab fork /tmp/what-if", writes=True,
)  # fmt: skip
def fork(context: Context, path: Annotated[str, Help("folder of the new lab")]) -> Outcome:
    """Make a second lab with the same content in another folder."""
    from pathlib import Path

    from edgesync.errors import RefusedByRule
    from edgesync.lab.snapshots import copy_lab

    lab = context.lab
    if lab.root is None:
        raise RefusedByRule("a lab in memory has no folder", "fork it in Python instead")
    lab.save()
    copy_lab(lab.root, Path(path))
    return Outcome({"schema": "edgesync.lab-fork/1", "done": f"forked to {path}", "path": path})


@operation(
    "lab", "destroy", render=_render_done, needs_lab=False, remote=False,
    example="edgesync lab destroy --yes",
)  # fmt: skip
def destroy(context: Context) -> Outcome:
    """Remove the lab with everything in it."""
    from edgesync.lab.snapshots import destroy_lab

    path = context.lab_path
    if not context.confirm(f"Remove the lab at {path} and its snapshots?", default=False):
        return Outcome({"schema": "edgesync.lab-destroy/1", "done": "nothing was removed"})
    destroy_lab(path)
    return Outcome({"schema": "edgesync.lab-destroy/1", "done": f"removed {path}"})


# More verbs of this noun; here, so that status and new come first in the help.
from edgesync.operations import lab_clock  # noqa: E402, F401
