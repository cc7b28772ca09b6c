"""How servers of a lab reach each other: by sockets while it is up, in memory while it is not.

Either way the same receiving session answers, so a check means the same.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from edgesync.certificates.certificate import TransportCertificate
from edgesync.errors import NoSuchThing
from edgesync.lab.directories import AD
from edgesync.lab.faults.book import FaultBook, Wire
from edgesync.lab.faults.keys import keys_of
from edgesync.lab.faults.middle import Middle
from edgesync.lab.faults.middle_link import MiddleLink
from edgesync.lab.lab import Lab
from edgesync.lab.mail import MailSystem
from edgesync.transport.connector_choice import open_receiver
from edgesync.transport.endpoint import SocketLink
from edgesync.transport.host import TransportHost
from edgesync.transport.link import Link, LinkFailed, MemoryLink
from edgesync.transport.protocol_log import ProtocolLogs

SMTP_PORT = 25
SUBMISSION_PORT = 587
MEMORY_CLIENT_PORT = 49152
"""First port of what a server in memory calls its own side: the first dynamic one (RFC 6335)."""

OUTSIDE_IP = "203.0.113.25"
"""A host of the Internet (RFC 5737)."""


def _neighbour(target: str, port: int) -> tuple[str, int] | None:
    """Address of a loopback target ``127.0.0.1`` or ``127.0.0.1:2525``; None for a name."""
    host, colon, number = target.rpartition(":")
    if not colon or not number.isdecimal():
        host, number = target, str(port)
    try:
        is_loopback = ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return None
    if not is_loopback:
        raise LinkFailed(f"{target} is outside the lab: only loopback addresses are called")
    return host.strip("[]"), int(number)


def server_ip(lab: Lab, server: str) -> str:
    """A server's address inside the lab: the one its log lines and connectors see."""
    number = [item.name for item in lab.servers()].index(lab.server(server).name) + 1
    return f"10.0.{number // 250}.{number % 250 + 1}"


class Network:
    """The wires of one lab. ``cut`` holds pairs of servers that cannot reach each other."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.cut: set[frozenset[str]] = set()
        self.through: Callable[[str, str, Link], Link] = lambda _caller, _target, link: link
        """What lies between two servers that talk SMTP in memory: faults, in a simulation."""
        self.strangers: dict[str, Callable[[], Link]] = {}
        """Mail hosts of the Internet that can be reached, by name."""
        self.impostors: dict[str, TransportHost] = {}
        """Machines that answer other servers in the place of one, by its name."""
        self._hosts: dict[str, TransportHost] = {}
        self._calls = 0

    def host(self, server: str) -> TransportHost:
        """A server's transport service; one instance for the life of the lab."""
        name = self.lab.server(server).name
        if name not in self._hosts:
            self._hosts[name] = self._install(name)
        return self._hosts[name]

    def _install(self, name: str) -> TransportHost:
        lab = self.lab
        described = lab.server(name)
        logs = lab.root / "logs" / "ProtocolLog" if lab.root else None
        host = TransportHost(
            server=lab.host(name),
            names=lab.names_of(name),
            site=lab.ad.names.site(described.site) if described.site else None,
            logs=ProtocolLogs.open(lab.description.profile, lab.clock_of(name), logs, name),
        )
        lab.service(MailSystem).attach(host, lambda target, port: self.dial(name, target, port))
        return host

    def forget_host(self, server: str) -> None:
        """A server was changed under its transport service: the next call starts it anew."""
        self._hosts.pop(self.lab.server(server).name, None)

    def mail(self) -> MailSystem:
        """The lab's mail, with every Hub and Edge taking part."""
        for server in self.lab.servers("hub", "mailbox", "edge"):
            self.host(server.name)
        return self.lab.service(MailSystem)

    def presented(self, name: str) -> TransportCertificate | None:
        """What a server shows on LDAPS and X-ANONYMOUSTLS now; AD shows its controller's."""
        if name == AD:
            return next(iter(self.lab.machines[AD].certificates), None)
        return (self.impostors.get(name) or self.host(name)).internal_certificate()

    def dial(self, caller: str, target: str, port: int = SMTP_PORT) -> Link:
        """Connect one server to another's SMTP port, or to a neighbour on loopback.

        A smart host ``127.0.0.1:2525`` is a program beside the lab. Nothing else outside the lab is
        ever called.

        Raises:
            LinkFailed: it cannot be reached.
        """
        if neighbour := _neighbour(target, port):
            return SocketLink.connect(*neighbour)
        if (stranger := self.strangers.get(target.casefold())) is not None:
            return stranger()
        name = self.resolve(target)
        if frozenset((caller.casefold(), name.casefold())) in self.cut:
            raise LinkFailed(f"{name}:{port}: no route from {caller}")
        calling = self.resolve(caller)
        if port == SMTP_PORT and "smtp" in self.lab.addresses.get(name, {}):
            wire = Wire(name, "smtp", calling, is_at_listener=False)
            return self._met(wire, self._by_socket(name))
        answering = self.impostors.get(name) or self.host(name)
        link = self._in_memory(server_ip(self.lab, caller), answering, port)
        return self._met(Wire(name, "smtp", calling), self.through(calling, name, link))

    def _met(self, wire: Wire, link: Link) -> Link:
        """A link with somebody in the middle, where a fault lies."""
        book = self.lab.service(FaultBook)
        if not book.is_hit(wire):
            return link
        return MiddleLink(link, Middle(wire, book, self.lab.service(keys_of)))

    def _by_socket(self, name: str) -> Link:
        address = self.lab.addresses[name]["smtp"].removeprefix("smtp://")
        host, _, number = address.rpartition(":")
        return SocketLink.connect(host, int(number))

    def dial_from_outside(self, target: str, port: int = SMTP_PORT) -> Link:
        """Connect to a server as a host of the Internet does, or a mail program (port 587).

        Raises:
            LinkFailed: it cannot be reached.
        """
        name = self.resolve(target)
        if port == SMTP_PORT and "smtp" in self.lab.addresses.get(name, {}):
            return self._by_socket(name)
        return self._met(Wire(name, "smtp"), self._in_memory(OUTSIDE_IP, self.host(name), port))

    def resolve(self, target: str) -> str:
        """The server behind a NetBIOS name or FQDN.

        Raises:
            LinkFailed: nobody has that name.
        """
        for server in self.lab.servers():
            if target.casefold() in {server.name.casefold(), server.fqdn.casefold()}:
                return server.name
        raise LinkFailed(f"{target}: no such host in the lab")

    def _in_memory(self, own_ip: str, host: TransportHost, port: int) -> Link:
        self._calls += 1
        local = f"{own_ip}:{MEMORY_CLIENT_PORT + self._calls % 16000}"
        name = host.name
        remote = f"{server_ip(self.lab, name)}:{port}"
        try:
            receiver = open_receiver(host, local=remote, remote=local, port=port)
        except NoSuchThing as error:
            raise LinkFailed(str(error)) from error
        if receiver is None:
            raise LinkFailed(f"{remote}: no Receive connector of {name} takes {local}")
        return MemoryLink(receiver, local=local, remote=remote)
