"""Which Receive connector answers a peer: the most specific RemoteIPRanges.

Source: certificate-facts 5.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from edgesync.organization.connectors import ReceiveConnector
from edgesync.transport.host import TransportHost
from edgesync.transport.receiver import Receiver
from edgesync.trust.channel import address_of

Address = IPv4Address | IPv6Address


def open_receiver(
    host: TransportHost, *, local: str, remote: str, port: int = 25
) -> Receiver | None:
    """The session for a peer that connected to a logical port, or None when nobody answers there.

    ``local`` and ``remote`` are ``ip:port`` as the network has them; ``port`` is the one the
    connector is bound to, which a lab with free ports maps.

    Raises:
        PortUnavailable: the server's directory cannot be reached.
    """
    remote_ip = ip_address(address_of(remote))
    connector = choose(host.receive_connectors(), port, remote_ip)
    return Receiver(host, connector, local=local, remote=remote) if connector else None


def choose(
    connectors: Sequence[ReceiveConnector], port: int, remote: Address
) -> ReceiveConnector | None:
    """The connector for a peer on a listening port, or None when none takes it.

    Of several whose ranges cover the peer, the one with the smallest range wins, then the name.
    """
    fitting = []
    for connector in connectors:
        if port not in _ports(connector):
            continue
        sizes = [
            int(last) - int(first)
            for first, last in map(parse_range, connector.remote_ip_ranges)
            if first.version == remote.version and int(first) <= int(remote) <= int(last)
        ]
        if sizes:
            fitting.append((min(sizes), connector.name.casefold(), connector))
    return min(fitting, key=lambda item: item[:2])[2] if fitting else None


def parse_range(text: str) -> tuple[Address, Address]:
    """First and last address of ``a-b``, ``a/bits`` or a single address.

    Raises:
        ValueError: when the text is none of them.
    """
    first, dash, last = text.partition("-")
    if dash:
        low, high = ip_address(first.strip()), ip_address(last.strip())
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"{text!r} is not a range of addresses")
        return low, high
    network = ip_network(text.strip(), strict=False)
    return network[0], network[-1]


def _ports(connector: ReceiveConnector) -> set[int]:
    return {int(binding.rpartition(":")[2]) for binding in connector.bindings}
