"""IP gateways: the machines a Unified Messaging server talks to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from edgesync.errors import NoSuchThing, UsageError
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context
    from edgesync.organization.voice import IpGateway

_PARAMETERS = {"Identity": "name", "Name": "name", "Address": "address", "Port": "port"}


def gateway_named(lab: Lab, name: str) -> IpGateway:
    """One gateway.

    Raises:
        NoSuchThing: there is none of that name.
    """
    from edgesync.organization.voice import list_gateways

    gateways = list_gateways(lab.ad_port(), lab.ad.names)
    found = next((g for g in gateways if g.name.casefold() == name.casefold()), None)
    if found is None:
        known = ", ".join(g.name for g in gateways) or "none yet"
        raise NoSuchThing(f"no IP gateway {name!r}", f"known are {known}; --address makes one")
    return found


def _render(document: Document) -> Iterable[str]:
    rows = [(g["name"], g["address"], g["kind"], g["mutual_tls"]) for g in document["gateways"]]
    yield from columns(("Name", "Address", "Kind", "Mutual TLS"), rows)


@operation(
    "um", "gateway", render=_render, rows="gateways", writes=True,
    writes_with=("address", "port", "kind", "remove"),
    example="edgesync um gateway GW1 --address gw1.contoso.test",
    cmdlets=(
        Cmdlet("Get-UMIPGateway", {"Identity": "name"}),
        Cmdlet("New-UMIPGateway", _PARAMETERS),
        Cmdlet("Set-UMIPGateway", _PARAMETERS),
        Cmdlet("Remove-UMIPGateway", {"Identity": "name"}, fixed={"remove": True}),
    ),
)  # fmt: skip
def gateway(
    context: Context,
    name: Annotated[str | None, Help("gateway; made when it is not there")] = None,
    *,
    address: Annotated[str | None, Help("FQDN, which TLS needs, or IP address")] = None,
    port: Annotated[int | None, Help("its port; 0 for the protocol's own")] = None,
    kind: Annotated[
        Literal["gateway", "ocs"] | None, Help("ocs: Office Communications Server")
    ] = None,
    remove: Annotated[bool, Help("delete it")] = False,
) -> Outcome:
    """Show, make or change IP gateways."""
    from edgesync.organization import voice

    lab = context.lab
    directory, names = lab.ad_port(), lab.ad.names
    if name is not None and remove:
        voice.remove(directory, gateway_named(lab, name))
    elif name is not None and (address is not None or port is not None or kind is not None):
        known = {g.name.casefold(): g for g in voice.list_gateways(directory, names)}
        dn = voice.gateway_container(names).child("CN", name)
        item = known.get(name.casefold()) or voice.IpGateway(dn, name)
        item = replace(
            item,
            address=item.address if address is None else address,
            port=item.port if port is None else port,
            kind=item.kind if kind is None else voice.PeerKind(kind),
        )
        if not item.address or not 0 <= item.port < 65536:
            raise UsageError("a gateway needs an address", "for example --address gw1.contoso.test")
        voice.write_gateway(directory, names, item)
    shown = voice.list_gateways(directory, names)
    if name is not None and not remove:
        shown = (gateway_named(lab, name),)
    rows = [
        {
            "name": g.name,
            "address": g.address,
            "port": g.port,
            "kind": g.kind.value,
            "mutual_tls": "possible" if g.has_fqdn else "needs an FQDN",
        }
        for g in shown
    ]
    return Outcome({"schema": "edgesync.um-gateways/1", "gateways": rows})
