"""What a sender asks of the next server before it hands over mail."""

from __future__ import annotations

from collections.abc import Generator

from edgesync import events
from edgesync.config import Version
from edgesync.organization.connectors import TlsAuthLevel
from edgesync.organization.servers import TransportServerFlags
from edgesync.transport import exchange_auth, reply
from edgesync.transport.client import SmtpClient
from edgesync.transport.domain_security import expectation, is_listed
from edgesync.transport.host import TransportHost, identity_of
from edgesync.transport.reply import Reply
from edgesync.transport.routing import (
    INTRA_ORG_CONNECTOR,
    DeliveryType,
    NextHop,
    is_inbound,
    wants_exchange_auth,
)
from edgesync.trust import direct
from edgesync.trust.direct import Direction
from edgesync.trust.pkix import ANY_NAME, validate
from edgesync.trust.tls import TlsIdentity
from edgesync.trust.verdict import Reason

Step = Generator[bytes, bytes, None]


class SendFailed(Exception):  # the messages stay where they are
    """The next server is not what the hop asks for; ``answer`` is what the queue shows."""

    def __init__(self, answer: Reply, reason: Reason | None = None) -> None:
        super().__init__(str(answer))
        self.answer = answer
        self.reason = reason


class OutboundSecurity:
    """Brings one connection, after its first EHLO, to where mail may be sent."""

    def __init__(
        self,
        host: TransportHost,
        hop: NextHop,
        target: str,
        address: str,
        client: SmtpClient,
        helo: str,
    ) -> None:
        self._host, self._hop, self._client = host, hop, client
        self._target, self._address, self._helo = target, address, helo

    def establish(self, domains: tuple[str, ...]) -> Step:
        """TLS and authentication as the hop wants them; raises SendFailed otherwise."""
        hop = self._hop
        inward = (
            hop.connector is not None
            and is_inbound(hop.connector)
            and wants_exchange_auth(hop.connector)
        )
        if hop.type is DeliveryType.TO_EDGE or inward:
            yield from self._direct_trust()
        elif hop.type in (DeliveryType.REMOTE_SITE, DeliveryType.WITHIN_SITE):
            yield from self._exchange_auth()
        else:
            yield from self._starttls(domains)

    # inside the organisation ----------------------------------------------------------------

    def _direct_trust(self) -> Step:
        """Mutual TLS; both certificates are looked up in a directory (certificate-facts 4)."""
        host = self._host
        identity = identity_of(host.internal_certificate(), host)
        if identity is None:
            raise SendFailed(reply.NO_EXCHANGE_AUTHENTICATION, Reason.KEY_UNAVAILABLE)
        yield from self._anonymous_tls(identity)
        done = self._client.handshake
        assert done is not None
        trust = direct.check(
            done.peer, host.anchors(), now=host.now(), policy=host.policy,
            direction=Direction.OUTBOUND, expected=self._target,
        )  # fmt: skip
        for kind in trust.events:
            host.report(kind, subject=trust.subject, address=self._address)
        if not trust:
            raise SendFailed(reply.NO_EXCHANGE_AUTHENTICATION, trust.reason)
        yield from self._hello_again()

    def _exchange_auth(self) -> Step:
        """Hub to Hub: TLS with the receiver's certificate only, then the Kerberos step."""
        if "X-ANONYMOUSTLS" not in self._client.keywords and self._may_downgrade():
            yield from self._log_on(exchange_auth.DOWNGRADED, "X-EXPS GSSAPI")
            return
        yield from self._anonymous_tls(None)
        yield from self._hello_again()
        yield from self._log_on(exchange_auth.MECHANISM, "X-EXPS EXCHANGEAUTH SHA256")

    def _may_downgrade(self) -> bool:
        """2010 and later only: in 2007 traffic between Hubs cannot be made clear text."""
        return (
            TransportServerFlags.USE_DOWNGRADED_AUTH in self._host.transport_flags
            and self._host.profile.version.at_least(Version.EXCHANGE_2010)
            and "GSSAPI" in self._client.keywords.get("X-EXPS", "")
        )

    def _anonymous_tls(self, identity: TlsIdentity | None) -> Step:
        if "X-ANONYMOUSTLS" not in self._client.keywords:
            raise SendFailed(reply.NO_EXCHANGE_AUTHENTICATION, Reason.TLS_NOT_OFFERED)
        answer = yield from self._client.start_tls("X-ANONYMOUSTLS", identity)
        if answer.code != 220:
            raise SendFailed(reply.NO_EXCHANGE_AUTHENTICATION, Reason.TLS_NOT_OFFERED)

    def _log_on(self, mechanism: str, command: str) -> Step:
        host, client = self._host, self._client
        offered = client.keywords.get("X-EXPS", "").split()
        if mechanism not in offered:
            raise SendFailed(reply.NO_EXCHANGE_AUTHENTICATION, Reason.CONNECTOR_REFUSES)
        target = exchange_auth.principal(client.peer_name)
        secret, binding = host.machine_secret(target), client.channel_binding()
        answer, genuine = reply.TEMPORARY_AUTHENTICATION_FAILURE, False
        if secret is not None:  # None: the domain gives no ticket for such a name
            token = exchange_auth.client_token(
                secret, client=host.name, target=target, binding=binding, now=host.now(),
                nonce=host.server.entropy.token_bytes(exchange_auth.NONCE_LENGTH),
            )  # fmt: skip
            answer = yield from client.command(
                f"{command} {token}", shown=f"{command} <authentication response>",
                hide_reply=True,
            )  # fmt: skip
            genuine = answer.code == 235 and exchange_auth.is_genuine(
                secret, token, answer.text[0], target=target, binding=binding
            )
        if not genuine:
            client.note("Outbound Authentication failed with LogonDenied")
            host.report(
                events.SEND_AUTHENTICATION_FAILED, error="LogonDenied",
                connector=INTRA_ORG_CONNECTOR, mechanism="ExchangeAuth", target=target,
            )  # fmt: skip
            refused = answer if not answer.is_positive else reply.TEMPORARY_AUTHENTICATION_FAILURE
            raise SendFailed(refused, None)

    # to the world ---------------------------------------------------------------------------

    def _starttls(self, domains: tuple[str, ...]) -> Step:
        """Opportunistic unless the connector or a secure list asks for more (section 6)."""
        host, client, connector = self._host, self._client, self._hop.connector
        assert connector is not None
        secured = self._secured(domains)
        level = connector.tls_auth_level if host.profile.version.at_least(
            Version.EXCHANGE_2010) else TlsAuthLevel.NONE  # fmt: skip
        required = connector.require_tls or bool(secured) or level is not TlsAuthLevel.NONE
        if connector.ignore_starttls and not required:
            return
        if "STARTTLS" not in client.keywords:
            if required:
                self._report_missing_tls(secured)
                raise SendFailed(reply.STARTTLS_REQUIRED, Reason.TLS_NOT_OFFERED)
            return
        own = host.starttls_certificate(connector.fqdn, connector.name)
        answer = yield from client.start_tls("STARTTLS", identity_of(own, host))
        if answer.code != 220:
            if required:
                raise SendFailed(reply.STARTTLS_REQUIRED, Reason.TLS_NOT_OFFERED)
            return
        names = secured
        if level is TlsAuthLevel.DOMAIN_VALIDATION:
            names = (connector.tls_domain,) if connector.tls_domain else domains
        if secured or level in (
            TlsAuthLevel.CERTIFICATE_VALIDATION, TlsAuthLevel.DOMAIN_VALIDATION
        ):  # fmt: skip
            self._validate(names)
        yield from self._hello_again()

    def _secured(self, domains: tuple[str, ...]) -> tuple[str, ...]:
        """Recipient domains that must be domain-secured on this connector (6.3)."""
        connector = self._hop.connector
        assert connector is not None
        if not connector.domain_secure_enabled or not connector.dns_routing_enabled:
            return ()
        listed = self._host.transport_config().tls_send_domain_secure_list
        return tuple(d for d in domains if is_listed(d, listed))

    def _validate(self, names: tuple[str, ...]) -> None:
        host, done, connector = self._host, self._client.handshake, self._hop.connector
        assert done is not None
        assert connector is not None
        verdict = validate(
            done.peer_chain, host.server.store.state, now=host.now(),
            expect=expectation(host, names) if names else ANY_NAME, crls=host.server.crls,
        )  # fmt: skip
        if verdict:
            return
        host.report(
            events.DOMAIN_SECURE_SEND_FAILED, domain=", ".join(names) or self._target,
            connector=connector.name, status=verdict.status.value,
        )  # fmt: skip
        failure = reply.CERTIFICATE_VALIDATION_FAILURE
        text = f"{failure.text[0]}, Reason:{verdict.status.value}"
        raise SendFailed(Reply(failure.code, failure.enhanced, (text,)), None)

    def _report_missing_tls(self, secured: tuple[str, ...]) -> None:
        connector = self._hop.connector
        assert connector is not None
        self._host.report(
            events.SEND_TLS_REQUIRED_FAILED, connector=connector.name,
            domain=", ".join(secured) or self._target, ehlo=self._client.ehlo_text,
        )  # fmt: skip

    def _hello_again(self) -> Step:
        answer = yield from self._client.ehlo(self._helo)
        if answer.code != 250:
            raise SendFailed(answer, Reason.CONNECTOR_REFUSES)
