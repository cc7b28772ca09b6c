"""AUTH and X-EXPS on the receiving side (certificate-facts 4.9, 5.2)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass

from edgesync import events
from edgesync.config import Version
from edgesync.organization.connectors import AuthMechanism, ReceiveConnector
from edgesync.transport import exchange_auth, reply
from edgesync.transport.host import TransportHost
from edgesync.transport.reply import Reply
from edgesync.trust.channel import Channel

_USER_PROMPT = Reply.of("334 " + b64encode(b"Username:").decode())
_PASSWORD_PROMPT = Reply.of("334 " + b64encode(b"Password:").decode())


@dataclass
class Authentication:
    """A dialogue that goes on, or has ended well."""

    reply: Reply
    name: str = ""
    is_done: bool = False
    is_user: bool = False
    _log_on: LogOn | None = None
    _user: str = ""

    def answer(self, line: bytes) -> Reply | Authentication:
        """The client's next line."""
        assert self._log_on is not None
        return self._log_on.login(self._user, line)


@dataclass
class LogOn:
    """What one session can authenticate with."""

    host: TransportHost
    connector: ReceiveConnector
    channel: Channel

    def begin(self, verb: str, argument: str) -> Reply | Authentication:
        """``AUTH mechanism [response]`` or ``X-EXPS mechanism [SHA256] [token]``."""
        mechanism, _, rest = argument.partition(" ")
        mechanism = mechanism.upper()
        if verb == "X-EXPS":
            return self._exchange(mechanism, rest)
        mechanisms = self.connector.auth_mechanism
        needs_tls = AuthMechanism.BASIC_AUTH_REQUIRE_TLS in mechanisms
        protected = self.channel.is_protected or not needs_tls
        if mechanism == "LOGIN" and AuthMechanism.BASIC_AUTH in mechanisms and protected:
            if rest:
                return self.login("", rest.encode())
            return Authentication(_USER_PROMPT, _log_on=self)
        if mechanism == "NTLM" and AuthMechanism.INTEGRATED in mechanisms:
            # advertised as Exchange does; no domain stands behind it here
            return self._failed(reply.TEMPORARY_AUTHENTICATION_FAILURE, "NTLM", "NoDomain")
        return reply.UNKNOWN_MECHANISM

    def login(self, user: str, line: bytes) -> Reply | Authentication:
        """The next line of AUTH LOGIN: the user name, then the password."""
        try:
            text = b64decode(line, validate=True).decode()
        except (NotBase64, ValueError):
            return self._failed(reply.AUTHENTICATION_UNSUCCESSFUL, "Login", "InvalidToken")
        if not user:
            return Authentication(_PASSWORD_PROMPT, _log_on=self, _user=text or "?")
        name = self.host.authenticate(user, text)
        if name is None:
            return self._failed(reply.AUTHENTICATION_UNSUCCESSFUL, "Login", "LogonDenied")
        return Authentication(reply.AUTHENTICATED, name, is_done=True, is_user=True)

    def _exchange(self, mechanism: str, rest: str) -> Reply | Authentication:
        """X-EXPS: the Kerberos step between Hubs, by its stand-in."""
        if AuthMechanism.EXCHANGE_SERVER not in self.connector.auth_mechanism or self.host.is_edge:
            return reply.UNKNOWN_MECHANISM
        if mechanism == exchange_auth.MECHANISM and self.channel.is_protected:
            hash_name, _, token = rest.partition(" ")
            if hash_name.upper() != "SHA256":
                return reply.INVALID_ARGUMENTS
        elif mechanism == exchange_auth.DOWNGRADED and self._may_downgrade():
            token = rest
        else:
            return reply.UNKNOWN_MECHANISM
        target = exchange_auth.principal(self.connector.fqdn or self.host.fqdn)
        outcome = exchange_auth.accept(
            self.host.machine_secret(target), token, target=target,
            binding=self.channel.channel_binding(), now=self.host.now(),
        )  # fmt: skip
        if isinstance(outcome, exchange_auth.Denied):
            return self._failed(
                reply.TEMPORARY_AUTHENTICATION_FAILURE, "ExchangeAuth", outcome.error
            )
        return Authentication(Reply(235, "", (outcome.answer,)), outcome.client, is_done=True)

    def _may_downgrade(self) -> bool:
        """GSSAPI without TLS: 2010 and later, on a connector that suppresses X-ANONYMOUSTLS."""
        return (
            self.host.profile.version.at_least(Version.EXCHANGE_2010)
            and self.connector.suppress_x_anonymous_tls
        )

    def _failed(self, answer: Reply, mechanism: str, error: str) -> Reply:
        self.host.report(
            events.INBOUND_AUTHENTICATION_FAILED, connector=self.connector.name,
            mechanism=mechanism, error=error, address="",
        )  # fmt: skip
        return answer
