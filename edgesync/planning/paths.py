"""Every way two machines of a lab meet, as questions that can be asked (certificate-facts 0, 7)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from edgesync.certificates.certificate import thumbprint
from edgesync.config import Version
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from edgesync.lab.unified_messaging import UnifiedMessaging
from edgesync.planning.pairs import Topology

HOPS_MAX = 2000
"""Most rows between servers of one kind; a lab of forty Hubs has 1560 pairs of them."""

INTERNET, MAIL_PROGRAM, CLIENT, GATEWAY = "Internet", "mail-program", "client", "gateway"
"""Sources that are no server of the lab. A gateway goes by its object's name, if it has one."""

HUB_HUB = "hub-hub"
MEANING = {
    HUB_HUB: "mail between Hubs",
    "hub-edge": "mail from a Hub to an Edge",
    "edge-hub": "mail from an Edge to a Hub",
    "um-hub": "voice messages to a Hub",
    "internet-edge": "mail from the Internet",
    "client-hub": "mail from mail programs",
    "hub-adam": "EdgeSync",
    "admin-adam": "the administrator at the Edge",
    "client-https": "browsers, Outlook and devices",
    "cas-proxy": "requests proxied to another site",
    "client-pops": "POP3 programs",
    "client-imaps": "IMAP4 programs",
    "gateway-um": "calls from VoIP gateways",
}
"""Path words, in the order of the reference's table, and what travels there."""


@dataclass(frozen=True, slots=True)
class Question:
    """One path between two machines: does it work, and what does each end show?"""

    path: str
    source: str
    target: str

    @property
    def command(self) -> str:
        """What explains the answer."""
        ends = f"{shlex.quote(self.source)} {shlex.quote(self.target)}"
        return f"edgesync trust explain {ends} --path {self.path}"


@dataclass(frozen=True, slots=True)
class PathRow:
    """One path, as it went now."""

    question: Question
    port: int
    verb: str
    authentication: str
    server: bytes | None = None
    """The certificate the target showed (DER)."""
    client: bytes | None = None
    """The certificate the source showed (DER)."""
    reason: str = ""
    """Why it failed; empty when it went well."""
    note: str = ""
    """What somebody should know although it went well."""
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    """All certificates the target sent, its own first."""
    tls: str = ""
    """Version and cipher."""
    lines: tuple[str, ...] = field(default=(), repr=False)
    """What was said, as far as it tells something; no secrets."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "path": self.question.path,
            "from": self.question.source,
            "to": self.question.target,
            "port": self.port,
            "verb": self.verb,
            "server_certificate": thumbprint(self.server) if self.server else "",
            "client_certificate": thumbprint(self.client) if self.client else "",
            "authentication": self.authentication,
            "ok": not self.reason,
            "reason": self.reason,
            "note": self.note,
            "explain": self.question.command,
        }


def questions(lab: Lab) -> Iterator[Question]:
    """All there are, in the order of the reference's table."""
    topology = Topology.of(lab)
    yield from _between_servers(lab, topology)
    for edge in lab.edges:
        yield Question("internet-edge", INTERNET, edge)
    for hub in lab.servers("hub"):
        yield Question("client-hub", MAIL_PROGRAM, hub.name)
    for edge in topology.edges:
        for server in topology.hubs_of(edge):
            if topology.syncs(server, edge):
                yield Question("hub-adam", server.name, edge)
        yield Question("admin-adam", edge, edge)
    yield from _clients(lab)
    gateways = None
    for name in (voice := lab.service(UnifiedMessaging)).servers():
        gateways = gateways or [g.name for g in voice.host(name).gateways()] or [GATEWAY]
        for gateway in gateways:
            yield Question("gateway-um", gateway, name)


def _between_servers(lab: Lab, topology: Topology) -> Iterator[Question]:
    count = 0
    for source in topology.hubs:
        for target in topology.hubs:
            if source.name != target.name and count < HOPS_MAX:
                count += 1
                yield Question(HUB_HUB, source.name, target.name)
    for edge in topology.edges:
        for hub in topology.hubs_of(edge):
            yield Question("hub-edge", hub.name, edge)
            yield Question("edge-hub", edge, hub.name)
    for server in lab.servers("unified-messaging"):
        for hub in topology.hubs:
            if hub.site is not None and hub.site.rdn.value == server.site:
                yield Question("um-hub", server.name, hub.name)


def _clients(lab: Lab) -> Iterator[Question]:
    servers = [lab.server(name) for name in lab.service(ClientAccess).servers()]
    for server in servers:
        yield Question("client-https", CLIENT, server.name)
        yield Question("client-pops", CLIENT, server.name)
        yield Question("client-imaps", CLIENT, server.name)
    if lab.description.version.at_least(Version.EXCHANGE_2013):
        return  # since then a front end proxies to back ends, by other rules that no source gives
    pairs = ((a, b) for a in servers for b in servers if a.site != b.site)
    for count, (source, target) in enumerate(pairs):
        if count >= HOPS_MAX:
            return
        yield Question("cas-proxy", source.name, target.name)
