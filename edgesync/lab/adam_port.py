"""The port of an Edge's ADAM: what it listens on, and what the organisation was told once."""

from __future__ import annotations

from edgesync.errors import PortUnavailable
from edgesync.lab.directories import LabDirectory
from edgesync.organization.names import EdgeNames
from edgesync.organization.servers import read_server


def reach_adam(directory: LabDirectory[EdgeNames], port: int) -> None:
    """Call an Edge's ADAM in memory, on the port AD had from the subscription.

    Raises:
        PortUnavailable: it listens on another one now (edgesync-facts 10).
    """
    own = read_server(directory.port("LDAPS"), directory.names, directory.name)
    if own is not None and own.adam_ssl_port != port:
        raise PortUnavailable(
            f"nothing listens on port {port} of {directory.name}",
            f"its ADAM has port {own.adam_ssl_port} now: subscribe it again",
        )
