"""What a receiving server makes of its peer: certificates to show, identity, rights."""

from __future__ import annotations

from functools import cached_property

from edgesync import events
from edgesync.config import Version
from edgesync.organization.connectors import AuthMechanism, PermissionGroups, ReceiveConnector
from edgesync.transport import reply
from edgesync.transport.command import domain_of
from edgesync.transport.domain_security import expectation, is_listed
from edgesync.transport.host import TransportHost, identity_of
from edgesync.transport.inbound_auth import Authentication
from edgesync.transport.message import AuthAs
from edgesync.transport.permissions import EXCHANGE_SERVERS, Rights, rights_of, user_rights
from edgesync.transport.reply import Reply
from edgesync.trust import direct
from edgesync.trust.direct import (
    ANONYMOUS_LOGON,
    EXTERNALLY_SECURED_SERVERS,
    PARTNER_SERVERS,
    Direction,
    TrustResult,
)
from edgesync.trust.pkix import PkixStatus, validate
from edgesync.trust.reading import parsed, subject_of
from edgesync.trust.tls import HandshakeDone, TlsIdentity
from edgesync.trust.verdict import Reason, Verdict


class InboundSecurity:
    """One session's answer to: who is this, and what may it do?"""

    def __init__(self, host: TransportHost, connector: ReceiveConnector, address: str) -> None:
        self._host = host
        self._connector = connector
        self._address = address
        self._done: HandshakeDone | None = None
        self.trust: TrustResult | None = None
        self.identity = ANONYMOUS_LOGON
        self.peer_name = ""
        self.auth_as = AuthAs.ANONYMOUS
        if self._is_externally_secured:
            self.identity, self.auth_as = EXTERNALLY_SECURED_SERVERS, AuthAs.INTERNAL
        self.rights = self._granted()

    @property
    def _is_externally_secured(self) -> bool:
        """Whoever reaches such a connector is trusted: something outside Exchange secures it."""
        return AuthMechanism.EXTERNAL_AUTHORITATIVE in self._connector.auth_mechanism

    @property
    def is_protected(self) -> bool:
        """Whether TLS is on and was taken note of."""
        return self._done is not None

    @property
    def is_authenticated(self) -> bool:
        """Whether the peer has a name."""
        return self.identity != ANONYMOUS_LOGON or self.auth_as is not AuthAs.ANONYMOUS

    @cached_property
    def starttls_identity(self) -> TlsIdentity | None:
        """What STARTTLS shows on this connector; None: it is not offered (3.2)."""
        if AuthMechanism.TLS not in self._connector.auth_mechanism:
            return None
        return identity_of(
            self._host.starttls_certificate(
                self._connector.fqdn, f"{self._host.name}\\{self._connector.name}"
            ),
            self._host,
        )

    @cached_property
    def anonymous_identity(self) -> TlsIdentity | None:
        """What X-ANONYMOUSTLS shows; None: it is not offered (3.4)."""
        if AuthMechanism.EXCHANGE_SERVER not in self._connector.auth_mechanism:
            return None
        suppressed = self._connector.suppress_x_anonymous_tls
        if suppressed and self._host.profile.version.at_least(Version.EXCHANGE_2010):
            return None
        return identity_of(self._host.internal_certificate(), self._host)

    def protected(self, done: HandshakeDone, *, direct_trust: bool) -> TrustResult | None:
        """TLS is on. With X-ANONYMOUSTLS the client's certificate, if any, is its name.

        A Hub that sends to a Hub shows none and authenticates with Kerberos afterwards.
        """
        self._done = done
        if direct_trust and done.peer is not None:
            host = self._host
            self.trust = direct.check(
                done.peer, host.anchors(), now=host.now(), policy=host.policy,
                direction=Direction.INBOUND,
            )  # fmt: skip
            self._log_trust(self.trust)
        elif direct_trust:
            self.trust = TrustResult(Verdict.ANONYMOUS, Reason.NO_CERTIFICATE)
        if self.trust and self.trust.server is not None:
            self.identity = self.trust.identity
            self.peer_name = self.trust.server.name
            self.rights = self._granted()
            if Rights.SMTPAcceptAuthenticationFlag in self.rights:
                self.auth_as = AuthAs.INTERNAL
        return self.trust

    def authenticated(self, outcome: Authentication) -> None:
        """AUTH or X-EXPS ended well."""
        self.peer_name = outcome.name
        self.auth_as = AuthAs.INTERNAL
        if outcome.is_user:
            self.rights |= user_rights(self._connector.permission_groups)
        else:
            self.identity = EXCHANGE_SERVERS
            self.rights = self._granted()

    def domain_security(self, sender: str) -> Reply | bool:
        """Whether mail from a domain is domain-secured; a reply when it should be and is not (6.3).

        The inbound reply is published nowhere; ours is the outbound text of later versions.
        """
        if not self._connector.domain_secure_enabled or not sender:
            return False
        if Rights.SMTPAcceptAuthenticationFlag in self.rights:
            return False  # a server of ours: the domain was checked where the mail came in
        domain = domain_of(sender)
        host = self._host
        if not is_listed(domain, host.transport_config().tls_receive_domain_secure_list):
            return False
        if self._done is None or self._done.peer is None:
            host.report(events.DOMAIN_SECURE_NO_TLS, domain=domain, connector=self._connector.name)
            return reply.CERTIFICATE_VALIDATION_FAILURE
        verdict = validate(
            self._done.peer_chain, host.server.store.state, now=host.now(),
            expect=expectation(host, (domain,)), crls=host.server.crls,
        )  # fmt: skip
        if verdict:
            self.identity = PARTNER_SERVERS
            self.auth_as = AuthAs.PARTNER
            self.rights |= rights_of(
                self._connector.permission_groups, PARTNER_SERVERS, host.profile
            )
            return True
        kind = (
            events.DOMAIN_SECURE_NAME_MISMATCH
            if verdict.status is PkixStatus.SUBJECT_MISMATCH
            else events.DOMAIN_CAPABILITIES_FAILED
        )
        subject = subject_of(parsed(self._done.peer))
        host.report(
            kind, domain=domain, connector=self._connector.name, subject=subject,
            status=verdict.status.value,
        )  # fmt: skip
        return reply.CERTIFICATE_VALIDATION_FAILURE

    def _granted(self) -> Rights:
        groups = self._connector.permission_groups
        exchange = AuthMechanism.EXCHANGE_SERVER in self._connector.auth_mechanism
        # without either, the identity cannot be established on the connector
        if not exchange and not self._is_externally_secured:
            groups &= ~PermissionGroups.EXCHANGE_SERVERS
        return rights_of(groups, self.identity, self._host.profile)

    def _log_trust(self, trust: TrustResult) -> None:
        for kind in trust.events:
            self._host.report(kind, subject=trust.subject, address=self._address)
