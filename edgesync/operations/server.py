"""The organisation's servers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from edgesync.errors import NoSuchThing
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.operations.context import Context


def _render(document: Document) -> Iterable[str]:
    rows = [
        (s["name"], s["role"], s["site"] or "", s["version"], s["certificate"][:8])
        for s in document["servers"]
    ]
    return columns(("Name", "Role", "Site", "Version", "Internal certificate"), rows)


@operation(
    "server", "list", render=_render, rows="servers", example="edgesync server list",
    cmdlets=(Cmdlet("Get-ExchangeServer", {"Identity": "name"}),),
)  # fmt: skip
def list_(
    context: Context,
    name: Annotated[str | None, Help("only this server", completes="server")] = None,
) -> Outcome:
    """List the organisation's servers as AD and their own directories know them."""
    from edgesync.certificates.certificate import thumbprint
    from edgesync.organization.servers import read_server

    lab = context.lab
    wanted = [lab.server(name)] if name else list(lab.servers())
    rows = []
    for server in wanted:
        known = read_server(lab.ad_port(), lab.ad.names, server.name)
        own = known or read_server(lab.port_of(server.name), lab.names_of(server.name), server.name)
        if own is None:
            raise NoSuchThing(
                f"{server.name} has no object in its directory", "edgesync directory verify"
            )
        rows.append(
            {
                "name": server.name,
                "fqdn": own.fqdn,
                "role": server.role,
                "site": own.site.rdn.value if own.site else None,
                "version": own.serial_number,
                "in_ad": known is not None,
                "certificate": thumbprint(own.internal_certificate)
                if own.internal_certificate
                else "",
            }
        )
    return Outcome({"schema": "edgesync.servers/1", "servers": rows})
