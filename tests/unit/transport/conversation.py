"""A client that says exactly what it is told, for tests of a receiver's words."""

from __future__ import annotations

from edgesync.transport.connector_choice import open_receiver
from edgesync.transport.receiver import Receiver
from edgesync.trust.tls import HandshakeDone, NeedData, PlaintextReceived, TlsIdentity, TlsSession
from tests.support.mail_bench import Machine


class Caller:
    """One connection to one machine. ``say`` sends a line and gives the reply's lines."""

    def __init__(self, machine: Machine, ip: str = "10.9.9.9") -> None:
        found = open_receiver(
            machine.host, local=f"{machine.address}:25", remote=f"{ip}:4000", port=25
        )
        assert found is not None
        self.receiver: Receiver = found
        self._tls: TlsSession | None = None
        self.receiver.start()
        self.banner = self._read()

    def say(self, *lines: str) -> list[str]:
        """Send lines in one go; every reply line that comes back."""
        return self.send("".join(line + "\r\n" for line in lines).encode())

    def send(self, data: bytes) -> list[str]:
        """Send bytes as they are."""
        if self._tls is not None:
            self._tls.send(data)
            data = self._tls.data_to_send()
        self.receiver.receive_data(data)
        return self._read()

    def hello(self) -> list[str]:
        """EHLO, and the keywords offered."""
        lines = self.say("EHLO client.test")
        assert lines[0].startswith("250"), lines
        return [line[4:] for line in lines[1:]]

    def start_tls(
        self, verb: str, identity: TlsIdentity | None = None, session: TlsSession | None = None
    ) -> HandshakeDone:
        """The verb and the handshake."""
        assert self.say(verb) == ["220 2.0.0 SMTP server ready"]
        self._tls = session or TlsSession.client(identity)
        for _ in range(10):
            event = self._tls.next_event()
            if data := self._tls.data_to_send():
                self.receiver.receive_data(data)
            if isinstance(event, HandshakeDone):
                return event
            self._tls.receive_data(self.receiver.data_to_send())
        raise AssertionError("no handshake")

    def hang_up(self) -> None:
        """Close the connection."""
        self.receiver.receive_data(b"")

    def _read(self) -> list[str]:
        data = self.receiver.data_to_send()
        if self._tls is not None:
            if data:
                self._tls.receive_data(data)
            data = b""
            while not isinstance(event := self._tls.next_event(), NeedData):
                if not isinstance(event, PlaintextReceived):
                    break
                data += event.data
        return data.decode().split("\r\n")[:-1]


def greeted(machine: Machine) -> Caller:
    """A connection that has said EHLO."""
    caller = Caller(machine)
    caller.hello()
    return caller


def as_server(machine: Machine, peer: Machine) -> Caller:
    """A connection on which a trusted server has shaken hands and said EHLO."""
    caller = greeted(machine)
    caller.start_tls("X-ANONYMOUSTLS", peer.identity)
    caller.hello()
    return caller
