"""Settings of a Client Access server as a whole: where Autodiscover is, whom it proxies to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from edgesync.errors import NoSuchThing, UsageError
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.operations.context import Context

_SET = {"Identity": "server", "AutoDiscoverServiceInternalUri": "autodiscover_url"}


def _render(document: Document) -> Iterable[str]:
    rows = [
        (s["server"], s["site"], s["autodiscover_url"], s["allow_internal_untrusted"])
        for s in document["servers"]
    ]
    headers = ("Server", "Site", "AutoDiscoverServiceInternalUri", "AllowInternalUntrustedCerts")
    yield from columns(headers, rows)


@operation(
    "client", "server", render=_render, rows="servers", writes=True,
    writes_with=("autodiscover_url", "allow_internal_untrusted"),
    example="edgesync client server CAS01 --autodiscover-url "
    "https://mail.contoso.test/Autodiscover/Autodiscover.xml",
    cmdlets=(
        Cmdlet("Get-ClientAccessServer", {"Identity": "server"}),
        Cmdlet("Get-ClientAccessService", {"Identity": "server"}),
        Cmdlet("Set-ClientAccessServer", _SET),
        Cmdlet("Set-ClientAccessService", _SET),
    ),
)  # fmt: skip
def server(
    context: Context,
    server: Annotated[str | None, Help("Client Access server", completes="server")] = None,
    *,
    autodiscover_url: Annotated[
        str | None, Help("where Outlook in the domain finds Autodiscover", metavar="URL")
    ] = None,
    allow_internal_untrusted: Annotated[
        Literal["yes", "no"] | None,
        Help("the registry value AllowInternalUntrustedCerts: proxy to untrusted certificates"),
    ] = None,
) -> Outcome:
    """Show or change what belongs to a Client Access server and to no directory of it.

    Outlook in the domain compares the certificate with the Autodiscover address, which setup
    makes of the server's own name: a certificate without that name makes it warn.
    """
    from edgesync.client_access.check import WebAddress
    from edgesync.lab.client_access import ClientAccess
    from edgesync.organization import client_access as stored

    lab = context.lab
    access = lab.service(ClientAccess)
    names = [lab.server(server).name] if server else list(access.servers())
    if unknown := [name for name in names if name not in access.servers()]:
        known = ", ".join(access.servers()) or "none"
        raise NoSuchThing(f"{unknown[0]} is no Client Access server", f"they are {known}")
    port, forest = lab.ad_port(), lab.ad.names
    if autodiscover_url is not None or allow_internal_untrusted is not None:
        if server is None:
            raise UsageError("which server?", "for example: client server CAS01 ...")
        if autodiscover_url is not None:
            WebAddress.parse(autodiscover_url)
            stored.write_autodiscover_url(port, forest, names[0], autodiscover_url)
        if allow_internal_untrusted is not None:
            stored.write_allow_internal_untrusted(
                port, forest, names[0], allowed=allow_internal_untrusted == "yes"
            )
    rows = [
        {
            "server": name,
            "site": lab.server(name).site,
            "autodiscover_url": stored.read_autodiscover_url(port, forest, name),
            "allow_internal_untrusted": access.allows_internal_untrusted(name),
        }
        for name in names
    ]
    return Outcome({"schema": "edgesync.client-servers/1", "servers": rows})
