"""POP3 and IMAP4 of a Client Access server, the part they share: TLS, log-on, lines.

RFC 1939, 2595 (STLS), 3501, 8314. Certificates by X509CertificateName (certificate-facts 3.7).
"""

from __future__ import annotations

from dataclasses import dataclass

from edgesync.certificates.load import load_pop_imap
from edgesync.certificates.selection import Purpose, Selection
from edgesync.client_access.accounts import Account, by_log_on_name
from edgesync.client_access.host import ClientAccessHost
from edgesync.client_access.imap import ImapDialogue
from edgesync.client_access.mail_dialogue import After, Dialogue, Reaction, Surroundings
from edgesync.client_access.pop import PopDialogue
from edgesync.organization.client_protocols import (
    LoginType,
    MailAccessSettings,
    Protocol,
    read_settings,
    settings_dn,
)
from edgesync.trust.channel import Channel, LineTooLong
from edgesync.trust.tls import TlsIdentity, TlsSession

LINE_MAX = 8192
"""Longest command, bytes: what RFC 2683 3.2.1.5 tells IMAP servers to take at least."""

IDLE_S = 1800.0
"""Longest silence, seconds (RFC 1939 3: at least 10 minutes, RFC 3501 5.4: at least 30)."""

ERRORS_MAX = 10
"""Wrong commands or log-ons after which the connection ends."""

_PROTOCOLS: dict[str, tuple[Protocol, Purpose]] = {
    "pop": ("POP3", Purpose.POP),
    "imap": ("IMAP4", Purpose.IMAP),
}


@dataclass
class MailAccess:
    """The POP3 and IMAP4 services of one server."""

    host: ClientAccessHost

    def settings(self, protocol: str) -> MailAccessSettings:
        """Get-PopSettings (``pop``) or Get-ImapSettings (``imap``); defaults when AD has none."""
        host, word = self.host, _PROTOCOLS[protocol][0]
        found = read_settings(host.directory, host.names, host.name, word)
        dn = settings_dn(host.names, host.name, word)
        return found or MailAccessSettings(dn, x509_certificate_name=host.fqdn)

    def selection(self, protocol: str) -> Selection:
        """Which certificate the service shows, and why."""
        name = self.settings(protocol).x509_certificate_name or self.host.fqdn
        return load_pop_imap(self.host.server, name, _PROTOCOLS[protocol][1])

    def identity(self, protocol: str) -> TlsIdentity | None:
        """The certificate with its key; None: the service offers no TLS."""
        return self.host.identity(self.selection(protocol).chosen)

    def log_on(self, user: str, password: str) -> Account | None:
        """The account, when AD takes the password."""
        host = self.host
        if not user or not password or not host.log_on(user, password):
            return None
        return by_log_on_name(host.directory, host.names, user)


class MailSession:
    """One POP3 or IMAP4 connection. ``identity`` None: no TLS is offered."""

    idle_timeout_s = IDLE_S

    def __init__(
        self,
        access: MailAccess,
        protocol: str,
        identity: TlsIdentity | None,
        *,
        is_implicit: bool,
    ) -> None:
        settings = access.settings(protocol)
        self._around = Surroundings(
            access.host.fqdn, settings.banner, access.log_on, access.host.mailbox,
            needs_tls=settings.login_type is not LoginType.PLAIN_TEXT,
            offers_tls=identity is not None and not is_implicit,
        )  # fmt: skip
        self._dialogue: Dialogue = (
            PopDialogue(self._around) if protocol == "pop" else ImapDialogue(self._around)
        )
        self._identity = identity
        self._channel = Channel()
        self._greets_after_tls = is_implicit
        self._errors = 0
        self.is_over = False
        if is_implicit:
            self._start_tls()

    def start(self) -> None:
        """Greet, unless TLS comes first."""
        if not self._greets_after_tls:
            self._channel.send(self._dialogue.greeting())

    def receive_data(self, data: bytes) -> None:
        """Bytes from the wire; empty means the client hung up."""
        self._channel.receive_data(data)
        if self._channel.is_protected and not self._around.is_protected:
            self._around.is_protected = True
            if self._greets_after_tls:
                self._channel.send(self._dialogue.greeting())
        if not self._channel.is_negotiating:
            self._work()
        if self._channel.is_closed:
            self.is_over = True

    def data_to_send(self) -> bytes:
        """Bytes for the wire, once."""
        return self._channel.data_to_send()

    def time_out(self) -> None:
        """The client has been silent too long."""
        self._hang_up()

    def _work(self) -> None:
        while not self.is_over and not self._channel.is_negotiating:
            try:
                line = self._channel.take_line(LINE_MAX)
            except LineTooLong:
                self._hang_up()
                return
            if line is None:
                return
            self._react(self._dialogue.line(line))

    def _react(self, reaction: Reaction) -> None:
        self._channel.send(reaction.data)
        self._errors += reaction.is_error
        if reaction.after is After.START_TLS:
            self._start_tls()
        elif reaction.after is After.HANG_UP or self._errors > ERRORS_MAX:
            self._hang_up()

    def _start_tls(self) -> None:
        assert self._identity is not None
        self._channel.start_tls(TlsSession.server(self._identity, request_client_certificate=False))

    def _hang_up(self) -> None:
        self._channel.close()
        self.is_over = True
