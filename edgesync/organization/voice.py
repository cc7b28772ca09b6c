"""Unified Messaging objects: dial plans, IP gateways, and a server's place in them.

Sources: certificate-facts 7.2, 3.8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from directory.errors import LdapError, ResultCode
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality
from directory.model.messages import AddRequest, DeleteRequest, ModifyRequest, Scope
from directory.model.modification import replace
from edgesync.organization.mapping import (
    INTEGER,
    NAMES,
    TEXT,
    Codec,
    changes,
    dump,
    load,
    stored,
    words,
)
from edgesync.organization.names import ConfigurationNames
from edgesync.port.port import DirectoryPort, find, read

DIAL_PLANS = "msExchUMServerDialPlans"
STARTUP_MODE = "msExchUMStartupMode"
SIP_PORT = 5060
SIP_TLS_PORT = 5061


class VoipSecurity(StrEnum):
    """VoIPSecurity of a dial plan: nothing, signalling, or signalling and media encrypted."""

    UNSECURED = "Unsecured"
    SIP_SECURED = "SIPSecured"
    SECURED = "Secured"


class StartupMode(StrEnum):
    """UMStartupMode, from 2010 on."""

    TCP = "TCP"
    TLS = "TLS"
    DUAL = "Dual"


class PeerKind(StrEnum):
    """Whose rules a gateway object's machine plays by."""

    GATEWAY = "gateway"
    OCS = "ocs"
    """Office Communications Server: TLS only, and no self-signed certificate."""


# How AD numbers the words appears in no source of ours; the order is the lab's.
_SECURITY = {VoipSecurity.SIP_SECURED: 1, VoipSecurity.UNSECURED: 2, VoipSecurity.SECURED: 3}
_BY_NUMBER = {number: word for word, number in _SECURITY.items()}
_SECURITY_CODEC = Codec(
    lambda v: _BY_NUMBER[int(v[0])], lambda w: (str(_SECURITY[VoipSecurity(w)]).encode(),)
)
_MODES = tuple(StartupMode)
_MODE_CODEC = Codec(
    lambda v: _MODES[int(v[0])], lambda m: (str(_MODES.index(StartupMode(m))).encode(),)
)


@dataclass(frozen=True, slots=True)
class DialPlan:
    """One dial plan."""

    dn: DN
    name: str = stored("cn", TEXT)
    security: VoipSecurity = stored(
        "msExchUMDialPlanVoipSecurity", _SECURITY_CODEC, VoipSecurity.UNSECURED
    )
    digits: int = stored("msExchUMNumberingPlanDigits", INTEGER, 4)


@dataclass(frozen=True, slots=True)
class IpGateway:
    """A VoIP gateway or a communications server, as UM knows it."""

    dn: DN
    name: str = stored("cn", TEXT)
    address: str = stored("msExchUMIPGatewayAddress", TEXT, "")
    """FQDN, or an IP address, which is enough without TLS only."""
    port: int = stored("msExchUMIPGatewayPort", INTEGER, 0)
    """0: the protocol's own."""
    kind: PeerKind = stored("labPeerKind", words(PeerKind), PeerKind.GATEWAY)

    @property
    def has_fqdn(self) -> bool:
        """Whether the address is a host name, as mutual TLS needs (certificate-facts 7.2)."""
        return not is_ip_address(self.address)


@dataclass(frozen=True, slots=True)
class UmServer:
    """A server's place in Unified Messaging."""

    dn: DN
    dial_plans: tuple[DN, ...] = stored(DIAL_PLANS, NAMES, ())
    startup_mode: StartupMode = stored(STARTUP_MODE, _MODE_CODEC, StartupMode.TCP)


def is_ip_address(text: str) -> bool:
    """Whether a text is an address and not a name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def dial_plan_container(names: ConfigurationNames) -> DN:
    """Container of dial plans."""
    return names.organization.child("CN", "UM DialPlan Container")


def gateway_container(names: ConfigurationNames) -> DN:
    """Container of IP gateways."""
    return names.organization.child("CN", "UM IPGateway Container")


def list_dial_plans(port: DirectoryPort, names: ConfigurationNames) -> tuple[DialPlan, ...]:
    """All dial plans by name."""
    found = find(
        port, dial_plan_container(names), Equality("objectClass", b"msExchUMDialPlan"),
        scope=Scope.ONE,
    )  # fmt: skip
    plans = (load(DialPlan, entry) for entry in found)
    return tuple(sorted(plans, key=lambda plan: plan.name.casefold()))


def list_gateways(port: DirectoryPort, names: ConfigurationNames) -> tuple[IpGateway, ...]:
    """All IP gateways by name."""
    found = find(
        port, gateway_container(names), Equality("objectClass", b"msExchUMIPGateway"),
        scope=Scope.ONE,
    )  # fmt: skip
    gateways = (load(IpGateway, entry) for entry in found)
    return tuple(sorted(gateways, key=lambda gateway: gateway.name.casefold()))


def write_dial_plan(port: DirectoryPort, names: ConfigurationNames, plan: DialPlan) -> None:
    """Add a dial plan, or change what differs."""
    _write(port, dial_plan_container(names), plan, b"msExchUMDialPlan")


def write_gateway(port: DirectoryPort, names: ConfigurationNames, gateway: IpGateway) -> None:
    """Add a gateway, or change what differs."""
    _write(port, gateway_container(names), gateway, b"msExchUMIPGateway")


def remove(port: DirectoryPort, item: DialPlan | IpGateway) -> None:
    """Delete a dial plan or gateway."""
    port.delete(DeleteRequest(item.dn))


def read_um_server(port: DirectoryPort, names: ConfigurationNames, server: str) -> UmServer:
    """What a server's object says; a server that says nothing is in no dial plan."""
    dn = names.server(server)
    entry = read(port, dn, (DIAL_PLANS, STARTUP_MODE))
    return load(UmServer, entry) if entry is not None else UmServer(dn)


def write_um_server(
    port: DirectoryPort, server: DN, *, dial_plans: Iterable[DN], startup_mode: StartupMode
) -> None:
    """Set a server's dial plans and start-up mode."""
    plans = tuple(str(dn).encode() for dn in dial_plans)
    (mode,) = _MODE_CODEC.encode(startup_mode)
    port.modify(ModifyRequest(server, (replace(DIAL_PLANS, *plans), replace(STARTUP_MODE, mode))))


def _write(port: DirectoryPort, container: DN, item: DialPlan | IpGateway, class_: bytes) -> None:
    entry = read(port, item.dn)
    if entry is not None:
        if modifications := changes(dump(load(type(item), entry)), item):
            port.modify(ModifyRequest(item.dn, modifications))
        return
    holder = {"objectClass": (b"top", b"container"), "cn": (container.rdn.value.encode(),)}
    try:
        port.add(AddRequest(Entry(container, holder)))
    except LdapError as error:
        if error.code is not ResultCode.ENTRY_ALREADY_EXISTS:
            raise
    classes = (b"top", b"labAccess", class_)
    port.add(AddRequest(Entry(item.dn, {"objectClass": classes, **dump(item)})))
