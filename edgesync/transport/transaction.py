"""One mail transaction on the receiving side: what MAIL and RCPT may say, and the reply."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgesync.organization.connectors import ReceiveConnector
from edgesync.organization.domains import (
    AcceptedDomain,
    DomainKind,
    find_accepted_domain,
)
from edgesync.transport import reply
from edgesync.transport.command import MailFrom, RcptTo, domain_of
from edgesync.transport.host import TransportHost
from edgesync.transport.message import CONTENT_MAX, Envelope
from edgesync.transport.permissions import Rights
from edgesync.transport.reply import Reply


@dataclass
class Transaction:
    """From MAIL to the end of the content."""

    mail: MailFrom
    recipients: list[RcptTo] = field(default_factory=list)
    domain_secured: bool = False

    @property
    def envelope(self) -> Envelope:
        """What was agreed."""
        return Envelope(
            self.mail.sender,
            tuple(self.recipients),
            self.mail.body,
            self.mail.smtputf8,
            self.mail.ret,
            self.mail.envelope_id,
        )


def size_limit(connector: ReceiveConnector, rights: Rights) -> int:
    """Largest content this session may bring, bytes."""
    if Rights.BypassMessageSizeLimit in rights:
        return CONTENT_MAX
    return min(connector.max_message_size, CONTENT_MAX)


def refuse_mail(
    mail: MailFrom, host: TransportHost, connector: ReceiveConnector, rights: Rights
) -> Reply | None:
    """The reply that turns a sender away, or None when it may go on."""
    if Rights.SMTPSubmit not in rights:
        return reply.NOT_AUTHENTICATED_LATER if host.is_later else reply.NOT_AUTHENTICATED
    if mail.size > size_limit(connector, rights):
        return reply.MESSAGE_TOO_LARGE
    if not mail.sender:
        return None
    own = _authoritative(host.accepted_domains(), mail.sender)
    needed = Rights.SMTPAcceptAuthoritativeDomainSender if own else Rights.SMTPAcceptAnySender
    # a user's own right to send as somebody is the store's business, not SMTP's
    if not rights & (needed | Rights.BypassAntiSpam):
        return reply.CANNOT_SEND_AS
    return None


def refuse_recipient(
    recipient: RcptTo,
    taken: int,
    host: TransportHost,
    connector: ReceiveConnector,
    rights: Rights,
) -> Reply | None:
    """The reply that turns a recipient away, or None when it is taken.

    Recipient filtering happens on an Edge and for sessions that do not bypass anti-spam: an
    unknown recipient of an authoritative domain is refused (edgesync-facts 5.3).
    """
    if taken >= connector.max_recipients_per_message:
        return reply.TOO_MANY_RECIPIENTS
    if recipient.address.upper() == "POSTMASTER":
        return None
    domain = find_accepted_domain(host.accepted_domains(), domain_of(recipient.address))
    if domain is None:
        return None if Rights.SMTPAcceptAnyRecipient in rights else reply.UNABLE_TO_RELAY
    filtered = host.is_edge and host.lookup is not None and Rights.BypassAntiSpam not in rights
    if filtered and domain.kind is DomainKind.AUTHORITATIVE:
        assert host.lookup is not None
        if host.lookup(recipient.address) is None:
            return reply.USER_UNKNOWN
    return None


def _authoritative(domains: tuple[AcceptedDomain, ...], address: str) -> bool:
    found = find_accepted_domain(domains, domain_of(address))
    return found is not None and found.kind is DomainKind.AUTHORITATIVE
