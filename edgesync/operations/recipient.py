"""Would the Edge take mail for this address? A readable view of hashed recipients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from edgesync.errors import ExitCode
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.operations.context import Context


def _render(document: Document) -> Iterable[str]:
    rows = [(r["server"], r["known"], r["dn"] or "") for r in document["places"]]
    yield from columns(("Server", "Known", "Object"), rows)
    yield f"hash {document['hash']}"


@operation(
    "recipient", "find", render=_render, rows="places",
    example="edgesync recipient find user1@contoso.test",
)  # fmt: skip
def find(
    context: Context,
    address: Annotated[str, Help("address, with or without its type (smtp:)")],
    *,
    server: Annotated[str | None, Help("only there: ad or an Edge", completes="edge")] = None,
) -> Outcome:
    """Find an address in AD and, by its one-way hash, on every Edge; exit code 3 if unknown."""
    from directory.model.filter import Equality
    from edgesync.organization.address_hash import ADDRESS_HASHES, proxy_address
    from edgesync.port.port import find as search

    lab = context.lab
    proxy = proxy_address(address)
    hashed = ADDRESS_HASHES[lab.description.trust_policy.recipient_hash](proxy)
    places = []
    if server is None or server.casefold() == "ad":
        found = search(
            lab.ad_port(), lab.ad.names.domain, Equality("proxyAddresses", proxy.encode()),
            attributes=("cn",),
        )  # fmt: skip
        places.append(_place("AD", [str(entry.dn) for entry in found]))
    if server is None or server.casefold() != "ad":
        for name in [lab.edge(server).name] if server else sorted(lab.edges):
            found = search(
                lab.edge_port(name), lab.edges[name].names.recipients,
                Equality("proxyAddresses", hashed), attributes=("cn",),
            )  # fmt: skip
            places.append(_place(name, [str(entry.dn) for entry in found]))
    known = all(place["known"] for place in places)
    return Outcome(
        {
            "schema": "edgesync.recipient/1",
            "address": proxy,
            "hash": hashed.decode("ascii"),
            "places": places,
        },
        ExitCode.OK if known else ExitCode.NO,
    )


def _place(server: str, names: list[str]) -> Document:
    return {"server": server, "known": bool(names), "dn": names[0] if names else None}
