"""Whether each Receive connector answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from edgesync.errors import ExitCode, UsageError
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.lab.network import Network
    from edgesync.operations.context import Context


def _render(document: Document) -> Iterable[str]:
    rows = [
        (r["server"], r["receive_connector"], r["binding"], r["status_code"], r["details"])
        for r in document["connectors"]
    ]
    return columns(("Server", "ReceiveConnector", "Binding", "StatusCode", "Details"), rows)


@operation(
    "mail", "test", render=_render, rows="connectors", example="edgesync mail test HUB01",
    cmdlets=(Cmdlet("Test-SmtpConnectivity", {"Identity": "server"}),),
)  # fmt: skip
def answers(
    context: Context,
    server: Annotated[
        str | None, Help("Hub or Edge; all when left out", completes="server")
    ] = None,
) -> Outcome:
    """Connect to each Receive connector, say EHLO and QUIT, and tell what answered.

    Exit code 3 when a connector did not answer.
    """  # fmt: skip
    from edgesync.lab.network import Network

    lab = context.lab
    network = lab.service(Network)
    names = [lab.server(server).name] if server else [s.name for s in lab.servers("hub", "edge")]
    rows = []
    for name in names:
        connectors = network.host(name).receive_connectors()
        if not connectors and server:
            raise UsageError(f"{name} has no Receive connector", "name a Hub or an Edge")
        for connector in connectors:
            for binding in connector.bindings:
                status, details = _ask(network, name, int(binding.rpartition(":")[2]))
                rows.append(
                    {
                        "server": name,
                        "receive_connector": f"{name}\\{connector.name}",
                        "binding": binding,
                        "status_code": status,
                        "details": details,
                    }
                )
    answered = all(row["status_code"] == "Success" for row in rows)
    document = {"schema": "edgesync.mail-test/1", "connectors": rows}
    return Outcome(document, ExitCode.OK if answered else ExitCode.NO)


def _ask(network: Network, server: str, port: int) -> tuple[str, str]:
    """Status word and the banner, or what went wrong."""
    from edgesync.transport.client import DialogueFailed, SmtpClient
    from edgesync.transport.link import LinkFailed, drive

    client = SmtpClient()
    try:
        link = network.dial(server, server, port)
        drive(client.look(), link)
    except (LinkFailed, DialogueFailed) as failure:
        return "UnableToConnect", str(failure)
    return "Success", client.transcript[0].text
