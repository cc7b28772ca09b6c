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
    return {**document, "servers": servers}


@operation("lab", "status", render=_render_status, example="edgesync lab status -o json")
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
        sites=sites, hubs=hubs, edges=edges, recipients=recipients, version=Version(version),
        seed=seed,
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
