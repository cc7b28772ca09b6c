"""What a receiving session says: replies on the wire and in the log, errors counted, the end."""

from __future__ import annotations

from edgesync import events
from edgesync.organization.connectors import ReceiveConnector
from edgesync.transport import reply
from edgesync.transport.host import TransportHost
from edgesync.transport.protocol_log import SessionLog
from edgesync.transport.reply import Reply
from edgesync.trust.channel import Channel

ERRORS_MAX = 5
"""Protocol errors after which the session ends (MaxProtocolErrors of a Receive connector)."""


class Voice:
    """Says replies for one session, and ends it when its peer breaks too many rules."""

    def __init__(
        self,
        host: TransportHost,
        connector: ReceiveConnector,
        channel: Channel,
        log: SessionLog,
        address: str,
    ) -> None:
        self._host, self._connector = host, connector
        self._channel, self._log = channel, log
        self._address = address
        self._errors = 0
        self.is_over = False

    def say(self, answer: Reply) -> None:
        """A reply, on the wire and in the log."""
        self._channel.send(answer.encode())
        self._host.counts.count("reply", str(answer.code))
        for line in answer.lines:
            self._log.sent(line)

    def refuse(self, answer: Reply, *, attempted: bool = False) -> None:
        """A negative reply; enough of them end the session. ``attempted``: a failed log-on."""
        self.say(answer)
        if answer.code in (500, 501, 503) or attempted:
            self._errors += 1
            if answer in (reply.LINE_TOO_LONG, reply.BARE_LINE_FEED):
                self.report(str(answer))
            if self._errors > ERRORS_MAX:
                self.hang_up(reply.TOO_MANY_ERRORS)

    def report(self, what: str) -> None:
        """An event about a broken rule."""
        self._host.report(
            events.SMTP_PROTOCOL_ERROR,
            connector=self._connector.name,
            address=self._address,
            what=what,
        )

    def hang_up(self, answer: Reply) -> None:
        """A last reply, where the peer could read it, and the end."""
        if not self._channel.is_negotiating:
            self.say(answer)
        self._channel.close()
        self.end("Local")

    def end(self, why: str) -> None:
        """The session is over: ``Local``, ``Remote`` or ``Remote(SocketError)``."""
        self._log.disconnected(why)
        self.is_over = True
