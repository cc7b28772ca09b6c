"""What trust rests on at one moment, to see whether and where anything has changed.

Reading it is cheap beside asking: time can pass in long steps, and only cells that something
happened to are asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgesync.lab.lab import Lab
from edgesync.organization.connectors import (
    ReceiveConnector,
    SendConnector,
    list_receive_connectors,
    list_send_connectors,
)
from edgesync.organization.servers import ServerObject, list_servers
from edgesync.planning.pairs import Pair

Servers = dict[str, tuple[object, ...]]
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Equal as long as certificates, credentials, connectors and stores are the same."""

    ad: Servers
    adam: dict[str, Servers]
    receive: dict[str, tuple[ReceiveConnector, ...]]
    send: dict[str, tuple[SendConnector, ...]]
    stores: dict[str, Key]

    @classmethod
    def of(cls, lab: Lab) -> Fingerprint:
        """How things are now."""
        return cls(
            _servers(lab.ad),
            {name: _servers(directory) for name, directory in lab.edges.items()},
            {
                s.name: list_receive_connectors(lab.port_of(s.name), lab.names_of(s.name), s.name)
                for s in lab.servers("hub", "edge", "mailbox")
            },
            {
                name: list_send_connectors(directory.port(""), directory.names)
                for name, directory in lab.edges.items()
            },
            {name: tuple(store.state.personal.items()) for name, store in lab.machines.items()},
        )

    def of_pair(self, pair: Pair) -> Key:
        """The part one cell of the matrix rests on."""
        both = (pair.verifier, pair.peer)
        own = self.ad.get(pair.peer, (None,))[0]
        return (
            pair,
            *(self.stores.get(name) for name in both),
            *(self.ad.get(name) for name in both),
            sum(1 for known in self.ad.values() if known[0] == own),  # shared certificates
            *(self.receive.get(name) for name in both),
            *(tuple(self.adam.get(name, {}).items()) for name in both),
        )


def _servers(directory: Any) -> Servers:
    found: tuple[ServerObject, ...] = list_servers(directory.port(""), directory.names)
    return {s.name: (s.internal_certificate, s.site, s.roles, s.credentials) for s in found}
