"""Which certificate a service uses: pure functions over a store's content (certificate-facts 3)."""

from __future__ import annotations

from collections.abc import Sequence

from edgesync.certificates.certificate import TransportCertificate, thumbprint
from edgesync.certificates.eligibility import choose
from edgesync.certificates.selection import (
    Purpose,
    Reason,
    Rejection,
    Selection,
    SelectionContext,
)
from edgesync.certificates.services import Services
from edgesync.config import Version
from edgesync.events import (
    CANNOT_LOAD_INTERNAL_CERT,
    CANNOT_LOAD_STARTTLS_CERT,
    INTERNAL_CERT_EXPIRED,
    INTERNAL_CERT_EXPIRES_SOON,
    INTERNAL_CERT_MISSING_IN_AD,
    STARTTLS_CERT_EXPIRED,
    STARTTLS_CERT_EXPIRES_SOON,
    Event,
)

_ACCESS_SERVICES = {Purpose.POP: Services.POP, Purpose.IMAP: Services.IMAP}


def select_starttls(
    certificates: Sequence[TransportCertificate],
    connector_fqdn: str | None,
    context: SelectionContext,
    *,
    connector: str = "",
    certificate_name: str = "",
) -> Selection:
    """The certificate a connector shows for STARTTLS, inbound or outbound (3.2, 3.3).

    Name: the connector's FQDN, else the server's. Of those that are eligible, an exact name comes
    before a wildcard, a certificate in its validity before an expired one, a CA-issued one before
    a self-signed one, and then the newest. An expired winner is dropped in 2007 and kept later
    (policy ``expired_starttls``), and 12016 is logged. From 2013 on ``certificate_name``, the
    connector's TlsCertificateName, comes before any FQDN: only what it names can be chosen.
    """
    name = connector_fqdn or context.fqdn
    needed = Services.SMTP if context.policy.starttls_needs_smtp == "yes" else Services.NONE
    winner, rejected = _by_fqdn_or_name(certificates, name, needed, context, certificate_name)
    missing = context.event(
        CANNOT_LOAD_STARTTLS_CERT, fqdn=name, connector=connector or context.server
    )
    if winner is None:
        return Selection(Purpose.STARTTLS, name, None, rejected, (missing,))
    if winner.is_expired(context.now):
        expired = context.event(STARTTLS_CERT_EXPIRED, fqdn=name, thumbprint=winner.thumbprint)
        if _drops_expired(context):
            rejected = (*rejected, Rejection(winner, Reason.EXPIRED))
            return Selection(Purpose.STARTTLS, name, None, rejected, (expired, missing))
        return Selection(Purpose.STARTTLS, name, winner, rejected, (expired,), is_offered=True)
    events: tuple[Event, ...] = ()
    if context.expires_soon(winner):
        soon = context.event(
            STARTTLS_CERT_EXPIRES_SOON,
            subject=winner.subject,
            thumbprint=winner.thumbprint,
            hours=context.hours_left(winner),
        )
        events = (soon,)
    return Selection(Purpose.STARTTLS, name, winner, rejected, events, is_offered=True)


def select_internal(
    certificates: Sequence[TransportCertificate],
    published: bytes | None,
    context: SelectionContext,
    *,
    at_start: bool = False,
) -> Selection:
    """The internal transport certificate: the one the directory names, no other (3.4).

    Neither name nor issuer nor date decides. Nothing published: not offered, and 12012 when the
    service starts. Not in the store, or its key unreadable: 12013, and depending on version or
    policy ``internal_fallback`` a temporary certificate is needed. Expired: 12015, still offered.
    """
    if published is None:
        rejected = tuple(Rejection(c, Reason.NOT_THE_PUBLISHED_ONE) for c in certificates)
        missing = context.event(INTERNAL_CERT_MISSING_IN_AD, server=context.server)
        logged: tuple[Event, ...] = (missing,) if at_start else ()
        return Selection(Purpose.ANONYMOUS_TLS, "", None, rejected, logged)
    wanted = thumbprint(published)
    chosen: TransportCertificate | None = None
    rejections: list[Rejection] = []
    for candidate in certificates:
        reason = _internal_reason(candidate, wanted)
        if reason is None:
            chosen = candidate
        else:
            rejections.append(Rejection(candidate, reason))
    rejected = tuple(rejections)
    if chosen is None:
        ephemeral = _has_ephemeral_fallback(context)
        event = context.event(CANNOT_LOAD_INTERNAL_CERT, thumbprint=wanted)
        return Selection(
            Purpose.ANONYMOUS_TLS,
            wanted,
            None,
            rejected,
            (event,),
            is_offered=ephemeral,
            needs_ephemeral=ephemeral,
        )
    events = _internal_events(chosen, context)
    return Selection(Purpose.ANONYMOUS_TLS, wanted, chosen, rejected, events, is_offered=True)


def select_client_internal(
    certificates: Sequence[TransportCertificate],
    published: bytes | None,
    context: SelectionContext,
    *,
    to_edge_or_hub: bool,
) -> Selection:
    """The client certificate for outbound X-ANONYMOUSTLS (3.5).

    Shown on Hub to Edge, and on an Edge's connector to its site (smart host ``--`` with
    ExchangeServer authentication): ``to_edge_or_hub``. Hub to Hub shows none and logs nothing.
    """
    if not to_edge_or_hub:
        note = "no client certificate between Hub servers: Kerberos authenticates"
        return Selection(Purpose.ANONYMOUS_TLS, "", None, note=note)
    return select_internal(certificates, published, context)


def select_pop_imap(
    certificates: Sequence[TransportCertificate],
    certificate_name: str,
    context: SelectionContext,
    purpose: Purpose,
) -> Selection:
    """The certificate POP3 or IMAP4 shows: by X509CertificateName, as STARTTLS does (3.7).

    A wildcard as X509CertificateName finds nothing; a wildcard certificate is found by the FQDN.
    """
    service = _ACCESS_SERVICES[purpose]
    if certificate_name.startswith("*."):
        rejected = tuple(
            Rejection(c, Reason.NAME_MISMATCH, f"{certificate_name} names no server")
            for c in certificates
        )
        note = "set X509CertificateName to the FQDN of the service"
        return Selection(purpose, certificate_name, None, rejected, note=note)
    winner, rejected = choose(certificates, certificate_name, service, context)
    return Selection(purpose, certificate_name, winner, rejected, is_offered=winner is not None)


def select_um(
    certificates: Sequence[TransportCertificate], context: SelectionContext, *, secured: bool
) -> Selection:
    """The certificate Unified Messaging uses: a valid one from an authority, else a self-signed.

    ``secured``: the dial plan's VoIPSecurity, or StartSecured without a dial plan (3.8).
    """
    if not secured:
        return Selection(Purpose.UM, context.fqdn, None, note="unsecured: no TLS, no certificate")
    winner, rejected = choose(certificates, None, Services.UM, context)
    if winner is not None and winner.is_expired(context.now):
        rejected = (*rejected, Rejection(winner, Reason.EXPIRED))
        winner = None
    note = "" if winner else "no certificate for UM: the service starts unsecured"
    return Selection(
        Purpose.UM, context.fqdn, winner, rejected, is_offered=winner is not None, note=note
    )


def _by_fqdn_or_name(
    certificates: Sequence[TransportCertificate],
    fqdn: str,
    needed: Services,
    context: SelectionContext,
    certificate_name: str,
) -> tuple[TransportCertificate | None, tuple[Rejection, ...]]:
    if not certificate_name or not context.version.at_least(Version.EXCHANGE_2013):
        return choose(certificates, fqdn, needed, context)
    named = [c for c in certificates if c.tls_certificate_name == certificate_name]
    others = tuple(
        Rejection(c, Reason.NAME_MISMATCH, "TlsCertificateName names another")
        for c in certificates
        if c.tls_certificate_name != certificate_name
    )
    winner, rejected = choose(named, None, needed, context)
    return winner, (*others, *rejected)


def _drops_expired(context: SelectionContext) -> bool:
    choice = context.policy.expired_starttls
    return choice == "drop" or (choice == "by-version" and context.version is Version.EXCHANGE_2007)


def _has_ephemeral_fallback(context: SelectionContext) -> bool:
    choice = context.policy.internal_fallback
    # 2007 from SP1 on and 2010 make one; the later editions' text does not have it (3.4).
    return choice == "ephemeral" or (
        choice == "by-version" and not context.version.at_least(Version.EXCHANGE_2013)
    )


def _internal_reason(candidate: TransportCertificate, wanted: str) -> Reason | None:
    if candidate.thumbprint != wanted:
        return Reason.NOT_THE_PUBLISHED_ONE
    if not candidate.has_private_key:
        return Reason.NO_PRIVATE_KEY
    return None if candidate.network_service else Reason.KEY_NOT_READABLE


def _internal_events(chosen: TransportCertificate, context: SelectionContext) -> tuple[Event, ...]:
    if chosen.is_expired(context.now):
        return (context.event(INTERNAL_CERT_EXPIRED, thumbprint=chosen.thumbprint),)
    if context.expires_soon(chosen):
        hours = context.hours_left(chosen)
        return (
            context.event(INTERNAL_CERT_EXPIRES_SOON, thumbprint=chosen.thumbprint, hours=hours),
        )
    return ()
