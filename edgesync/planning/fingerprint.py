"""Whether anything that trust rests on has changed: cheap, so that time can pass in long steps."""

from __future__ import annotations

from typing import Any

from edgesync.lab.lab import Lab
from edgesync.organization.connectors import list_receive_connectors, list_send_connectors
from edgesync.organization.servers import list_servers

Fingerprint = tuple[object, ...]


def fingerprint(lab: Lab) -> Fingerprint:
    """Equal as long as certificates, credentials, connectors and stores are the same."""
    return (
        *(_directory(directory) for directory in (lab.ad, *lab.edges.values())),
        *(
            list_receive_connectors(lab.port_of(s.name), lab.names_of(s.name), s.name)
            for s in lab.servers("hub", "edge")
        ),
        *(tuple(store.state.personal.items()) for store in lab.machines.values()),
    )


def _directory(directory: Any) -> Fingerprint:
    port = directory.port("")
    servers = tuple(
        (s.dn, s.internal_certificate, s.site, s.credentials)
        for s in list_servers(port, directory.names)
    )
    return servers, list_send_connectors(port, directory.names)
