# ruff: noqa: E501 - the catalogue is a table, read across
"""What servers log: one catalogue of event kinds, one value per event, sinks decide the rest.

Numbers and symbolic names are Exchange's where a published one exists (certificate-facts 2.5,
edgesync-facts 9); an id of 0 marks an event of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

TRANSPORT = "MSExchangeTransport"
EDGESYNC = "MSExchange EdgeSync"
MESSAGE_SECURITY = "MSExchange Message Security"
LAB = "EdgeSync Lab"


class Severity(StrEnum):
    """As the Windows event log has them."""

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class EventKind:
    """One row of the catalogue. ``gist`` may name the event's data in braces."""

    source: str
    id: int
    name: str
    severity: Severity
    gist: str


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on one server. Data holds names and numbers, never secrets."""

    kind: EventKind
    at: datetime
    server: str
    data: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The gist with this event's data filled in."""
        return self.kind.gist.format_map(_Shown(self.data))

    def document(self) -> dict[str, object]:
        """The event as JSON."""
        return {
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "server": self.server,
            "source": self.kind.source,
            "id": self.kind.id,
            "name": self.kind.name,
            "severity": self.kind.severity.value,
            "text": self.text,
            "data": dict(self.data),
        }


class _Shown(dict[str, str | int]):
    def __missing__(self, key: str) -> str:
        return "?"


Emit = Callable[[Event], None]
"""How code reports an event; the caller passes one in."""

CATALOGUE: dict[str, EventKind] = {}


def _kind(source: str, id_: int, name: str, severity: Severity, gist: str) -> EventKind:
    kind = EventKind(source, id_, name, severity, gist)
    if name in CATALOGUE:
        raise ValueError(f"event name {name} is taken")
    CATALOGUE[name] = kind
    return kind


_I, _W, _E = Severity.INFORMATION, Severity.WARNING, Severity.ERROR

# MSExchangeTransport, certificate-facts 2.5
INBOUND_AUTHENTICATION_FAILED = _kind(TRANSPORT, 1035, "SmtpReceiveAuthenticationFailed", _W,
    "Inbound authentication failed with error {error} for Receive connector {connector}. The authentication mechanism is {mechanism}. The source IP address is {address}.")  # fmt: skip
RECEIVE_DIRECT_TRUST_FAILED = _kind(TRANSPORT, 1036, "SmtpReceiveDirectTrustFailed", _E,
    "Inbound direct trust authentication failed for certificate {subject}. The source IP address of the server that tried to authenticate is {address}. Make sure EdgeSync is running properly.")  # fmt: skip
SEND_TLS_REQUIRED_FAILED = _kind(TRANSPORT, 2015, "SmtpSendTLSRequiredFailed", _E,
    "Send connector {connector} requires TLS, but {domain} did not offer STARTTLS. EHLO response: {ehlo}")  # fmt: skip
SEND_AUTHENTICATION_FAILED = _kind(TRANSPORT, 2017, "SmtpSendOutboundAuthenticationFailed", _E,
    "Outbound authentication failed with error {error} for Send connector {connector}. The authentication mechanism is {mechanism}. The target is {target}.")  # fmt: skip
SEND_DIRECT_TRUST_FAILED = _kind(TRANSPORT, 2018, "SmtpSendDirectTrustFailed", _E,
    "Outbound direct trust authentication failed for certificate {subject}. The target IP address is {address}. Make sure EdgeSync is running properly.")  # fmt: skip
AUTH_CERTIFICATE_UPDATE = _kind(TRANSPORT, 2019, "ExchangeAuthenticationCertificateUpdate", _W,
    "The certificate used for Exchange authentication must be updated: run Enable-ExchangeCertificate.")  # fmt: skip
DOMAIN_SECURE_NO_TLS = _kind(TRANSPORT, 11012, "MessageNotAuthenticatedTlsNotStarted", _E,
    "A message from domain-secured domain {domain} on Receive connector {connector} was not authenticated because TLS was not started.")  # fmt: skip
DOMAIN_SECURE_NAME_MISMATCH = _kind(TRANSPORT, 11015, "TlsDomainClientCertificateSubjectMismatch", _E,
    "The TLS client certificate of domain-secured domain {domain} on Receive connector {connector} does not name that domain: {subject}.")  # fmt: skip
DOMAIN_SECURE_SEND_FAILED = _kind(TRANSPORT, 0, "TlsDomainServerCertificateValidationFailure", _E,
    "A secure connection to domain-secured domain {domain} on Send connector {connector} could not be made: {status}.")  # fmt: skip
DOMAIN_CAPABILITIES_FAILED = _kind(TRANSPORT, 11022, "TlsDomainCapabilitiesCertificateValidationFailure", _W,
    "The certificate of {domain} could not be validated: {status}.")  # fmt: skip
INTERNAL_CERT_MISSING_IN_AD = _kind(TRANSPORT, 12012, "InternalTransportCertificateMissingInAD", _E,
    "No internal transport certificate of {server} is in the directory. Run Enable-ExchangeCertificate -Services SMTP.")  # fmt: skip
CANNOT_LOAD_INTERNAL_CERT = _kind(TRANSPORT, 12013, "CannotLoadInternalTransportCertificateFromStore", _E,
    "The internal transport certificate {thumbprint} named by the directory is not in the local store or its key cannot be read.")  # fmt: skip
CANNOT_LOAD_STARTTLS_CERT = _kind(TRANSPORT, 12014, "CannotLoadSTARTTLSCertificateFromStore", _W,
    "No certificate with the domain name {fqdn} could be found for connector {connector}, so STARTTLS is not available. Enable one with Enable-ExchangeCertificate -Services SMTP.")  # fmt: skip
INTERNAL_CERT_EXPIRED = _kind(
    TRANSPORT,
    12015,
    "InternalTransportCertificateExpired",
    _W,
    "The internal transport certificate has expired. Thumbprint: {thumbprint}",
)
STARTTLS_CERT_EXPIRED = _kind(
    TRANSPORT,
    12016,
    "STARTTLSCertificateExpired",
    _E,
    "The STARTTLS certificate for {fqdn} has expired. Thumbprint: {thumbprint}",
)
INTERNAL_CERT_EXPIRES_SOON = _kind(TRANSPORT, 12017, "InternalTransportCertificateExpiresSoon", _W,
    "The internal transport certificate used for direct trust will expire soon. Thumbprint: {thumbprint}, hours remaining: {hours}")  # fmt: skip
STARTTLS_CERT_EXPIRES_SOON = _kind(TRANSPORT, 12018, "STARTTLSCertificateExpiresSoon", _W,
    "The STARTTLS certificate will expire soon: subject {subject}, thumbprint {thumbprint}, hours remaining: {hours}")  # fmt: skip
REMOTE_INTERNAL_CERT_EXPIRED = _kind(
    TRANSPORT,
    12019,
    "RemoteInternalTransportCertificateExpired",
    _W,
    "The internal transport certificate of the remote server has expired: {subject}",
)
INTERNAL_CERT_EPHEMERAL = _kind(TRANSPORT, 12024, "CannotLoadInternalTransportCertificateFallbackEphemeralCertificate", _W,
    "The internal transport certificate {thumbprint} could not be loaded; the temporary self-signed certificate {ephemeral} is used.")  # fmt: skip

# MSExchange EdgeSync and Message Security, edgesync-facts 9
CREDENTIAL_TEST_FAILED = _kind(
    EDGESYNC,
    1004,
    "NextCredentialTestFailed",
    _W,
    "The next credential {user} of {edge} could not be confirmed by a test logon.",
)
ADAM_UNREACHABLE = _kind(
    EDGESYNC,
    1024,
    "CannotConnectToEdge",
    _E,
    "EdgeSync could not connect to the directory of {edge}: {reason}",
)
KEY_NOT_CAPI = _kind(
    EDGESYNC,
    1035,
    "CertificateKeyNotCapi",
    _E,
    "The default certificate of {server} has a CNG key, which EdgeSync cannot use.",
)
NO_SERVICE_CONFIG = _kind(
    EDGESYNC,
    1045,
    "EdgeSyncServiceConfigMissing",
    _W,
    "Site {site} has no EdgeSync service configuration; run New-EdgeSyncServiceConfig.",
)
FAILED_DIRECT_TRUST_MATCH = _kind(EDGESYNC, 10104, "FailedDirectTrustMatch", _W,
    "The certificate that {edge} presented does not match the one in Active Directory: presented {presented}, published {published}.")  # fmt: skip
CREDENTIAL_RENEWAL_FAILED = _kind(
    MESSAGE_SECURITY,
    1006,
    "CredentialRenewalFailed",
    _W,
    "The Credential Service could not install credential {user}: {reason}",
)

# ours: what a lab records beside Exchange's events
CERTIFICATE_STORED = _kind(
    LAB, 0, "CertificateStored", _I, "Certificate {thumbprint} stored on {server}."
)
CERTIFICATE_PUBLISHED = _kind(
    LAB, 0, "CertificatePublished", _I, "Certificate {thumbprint} published on {dn}."
)
CERTIFICATE_REMOVED = _kind(
    LAB, 0, "CertificateRemoved", _I, "Certificate {thumbprint} removed from {server}."
)
SUBSCRIPTION_EXPORTED = _kind(
    LAB, 0, "SubscriptionExported", _I, "{edge} exported an Edge Subscription, valid until {until}."
)
SUBSCRIPTION_IMPORTED = _kind(
    LAB, 0, "SubscriptionImported", _I, "{edge} was subscribed to site {site}."
)
SUBSCRIPTION_REMOVED = _kind(
    LAB,
    0,
    "SubscriptionRemoved",
    _I,
    "The Edge Subscription of {edge} was removed on the {side} side.",
)
CREDENTIAL_CREATED = _kind(
    LAB,
    0,
    "CredentialCreated",
    _I,
    "Credential {user} created, effective {effective}, until {until}.",
)
CREDENTIAL_INSTALLED = _kind(
    LAB, 0, "CredentialInstalled", _I, "Account {user} installed on {edge}."
)
CREDENTIAL_REMOVED = _kind(LAB, 0, "CredentialRemoved", _I, "Credential {user} removed.")
LEASE_TAKEN = _kind(LAB, 0, "LeaseTaken", _I, "{hub} holds the {lease} of {edge} until {until}.")
LEASE_REFUSED = _kind(
    LAB, 0, "LeaseRefused", _W, "{hub} may not sync {edge}: held by {holder} until {until}."
)
SYNC_STARTED = _kind(LAB, 0, "SyncStarted", _I, "{hub} started {job} for {edge} ({mode}).")
SYNC_COMPLETED = _kind(LAB, 0, "SyncCompleted", _I, "{hub} finished {job} for {edge}: {result}.")
ENTRY_FAILED = _kind(LAB, 0, "EntryFailed", _W, "{dn} could not be written on {edge}: {reason}")
DIRECT_TRUST_CHECKED = _kind(
    LAB, 0, "DirectTrustChecked", _I, "{verifier} judged {peer}: {reason}."
)

# ours, from the transport service
TLS_NEGOTIATION_FAILED = _kind(LAB, 0, "TlsNegotiationFailed", _W,
    "TLS ({verb}) with {address} on connector {connector} failed: {reason}.")  # fmt: skip
SMTP_PROTOCOL_ERROR = _kind(LAB, 0, "SmtpProtocolError", _W,
    "{address} broke the rules of SMTP on connector {connector}: {what}.")  # fmt: skip
MESSAGE_DELIVERED = _kind(LAB, 0, "MessageDelivered", _I,
    "{message} was delivered to {recipient} ({how}).")  # fmt: skip
MESSAGE_DEFERRED = _kind(LAB, 0, "MessageDeferred", _W,
    "Mail to {destination} waits until {until}: {error}")  # fmt: skip
MESSAGE_RETURNED = _kind(LAB, 0, "MessageReturned", _W,
    "{message} could not be delivered to {recipient}: {error}")  # fmt: skip

# ours, from Unified Messaging: no source gives its catalogue
UM_STARTED = _kind(LAB, 0, "UmStarted", _I,
    "Unified Messaging started: {mode}, {security}. {note}")  # fmt: skip
UM_PEER_REFUSED = _kind(LAB, 0, "UmPeerRefused", _W,
    "Unified Messaging refused {address}: {reason}.")  # fmt: skip
