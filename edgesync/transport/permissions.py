"""What a session may do: permission groups to rights (certificate-facts 4.4, 5.4)."""

from __future__ import annotations

from enum import Flag, auto

from edgesync.config import VersionProfile
from edgesync.organization.connectors import PermissionGroups
from edgesync.trust.direct import (
    ANONYMOUS_LOGON,
    EDGE_TRANSPORT_SERVERS,
    EXTERNALLY_SECURED_SERVERS,
    HUB_TRANSPORT_SERVERS,
    LEGACY_EXCHANGE_SERVERS,
    PARTNER_SERVERS,
    WellKnownIdentity,
)


class Rights(Flag):
    """Rights in the order in which ``Set Session Permissions`` names them."""

    SMTPSubmit = auto()
    SMTPSubmitForMLS = auto()
    SMTPAcceptAnyRecipient = auto()
    SMTPAcceptAuthenticationFlag = auto()
    SMTPAcceptAnySender = auto()
    SMTPAcceptAuthoritativeDomainSender = auto()
    BypassAntiSpam = auto()
    BypassMessageSizeLimit = auto()
    SMTPSendEXCH50 = auto()
    SMTPAcceptEXCH50 = auto()
    AcceptRoutingHeaders = auto()
    AcceptForestHeaders = auto()
    AcceptOrganizationHeaders = auto()
    SendRoutingHeaders = auto()
    SendForestHeaders = auto()
    SendOrganizationHeaders = auto()
    SMTPSendXShadow = auto()
    SMTPAcceptXShadow = auto()

    @property
    def words(self) -> str:
        """As the protocol log has them."""
        return " ".join(right.name or "" for right in Rights if right in self) or "None"


NO_RIGHTS = Rights(0)
_SHADOW = Rights.SMTPSendXShadow | Rights.SMTPAcceptXShadow
_ANONYMOUS = (
    Rights.SMTPSubmit
    | Rights.SMTPAcceptAnySender
    | Rights.SMTPAcceptAuthoritativeDomainSender
    | Rights.AcceptRoutingHeaders
)
_USERS = (
    Rights.SMTPSubmit
    | Rights.SMTPAcceptAnyRecipient
    | Rights.BypassAntiSpam
    | Rights.AcceptRoutingHeaders
)
_PARTNERS = Rights.SMTPSubmit | Rights.AcceptRoutingHeaders
_FULL = Rights((1 << len(Rights)) - 1)
SERVERS = _FULL & ~_SHADOW
_EXTERNALLY_SECURED = SERVERS & ~(
    Rights.AcceptForestHeaders
    | Rights.AcceptOrganizationHeaders
    | Rights.SendForestHeaders
    | Rights.SendOrganizationHeaders
)

EXCHANGE_SERVERS = WellKnownIdentity("Exchange Servers", "Exchange Servers")
"""The universal group machine accounts are in; its SID belongs to the forest."""


def rights_of(
    groups: PermissionGroups, identity: WellKnownIdentity, profile: VersionProfile
) -> Rights:
    """What a connector's permission groups give to an identity."""
    rights = NO_RIGHTS
    if PermissionGroups.ANONYMOUS_USERS in groups:
        rights |= _ANONYMOUS
    if identity == ANONYMOUS_LOGON:
        return rights
    if PermissionGroups.EXCHANGE_SERVERS in groups:
        if identity in (HUB_TRANSPORT_SERVERS, EDGE_TRANSPORT_SERVERS, EXCHANGE_SERVERS):
            rights |= SERVERS | (_SHADOW if profile.shadow_redundancy else NO_RIGHTS)
        elif identity == EXTERNALLY_SECURED_SERVERS:
            rights |= _EXTERNALLY_SECURED
    if PermissionGroups.EXCHANGE_LEGACY_SERVERS in groups and identity == LEGACY_EXCHANGE_SERVERS:
        rights |= _EXTERNALLY_SECURED
    if PermissionGroups.PARTNERS in groups and identity == PARTNER_SERVERS:
        rights |= _PARTNERS
    return rights


def user_rights(groups: PermissionGroups) -> Rights:
    """What a connector gives to a user who has logged on."""
    return _USERS if PermissionGroups.EXCHANGE_USERS in groups else NO_RIGHTS
