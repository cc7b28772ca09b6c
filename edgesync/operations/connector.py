"""Send and Receive connectors, transport settings of servers and of the organisation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.errors import NoSuchThing, RefusedByRule, UsageError
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context
    from edgesync.organization.connectors import ReceiveConnector, SendConnector

_SET_PARAMETERS = {
    "Identity": "name",
    "Fqdn": "fqdn",
    "RequireTLS": "require_tls",
    "IgnoreSTARTTLS": "ignore_starttls",
    "DomainSecureEnabled": "domain_secure_enabled",
    "ProtocolLoggingLevel": "protocol_logging_level",
    "Enabled": "enabled",
    "AuthMechanism": "auth_mechanism",
    "PermissionGroups": "permission_groups",
    "RemoteIPRanges": "remote_ip_ranges",
    "AddressSpaces": "address_spaces",
    "SmartHosts": "smart_hosts",
    "DNSRoutingEnabled": "dns_routing_enabled",
    "SourceTransportServers": "source_transport_servers",
    "SuppressXAnonymousTls": "suppress_x_anonymous_tls",
    "TlsCertificateName": "tls_certificate_name",
}


def _render_list(document: Document) -> Iterable[str]:
    rows = [
        (c["kind"], c["server"], c["name"], c["enabled"], ", ".join(c.get("address_spaces", [])))
        for c in document["connectors"]
    ]
    return columns(("Kind", "Server", "Name", "Enabled", "Address spaces"), rows)


def _render_one(document: Document) -> Iterable[str]:
    return listing(document["connector"].items())


@operation(
    "connector", "list", render=_render_list, rows="connectors", example="edgesync connector list",
    cmdlets=(
        Cmdlet("Get-SendConnector", {"Identity": "name"}, fixed={"kind": "send"}),
        Cmdlet("Get-ReceiveConnector", {"Identity": "name", "Server": "server"},
               fixed={"kind": "receive"}),
    ),
)  # fmt: skip
def list_(
    context: Context,
    name: Annotated[str | None, Help("only this connector; SERVER\\NAME for a receive one")] = None,
    *,
    kind: Annotated[Literal["all", "send", "receive"], Help("which kind")] = "all",
    server: Annotated[str | None, Help("only of this server", completes="server")] = None,
) -> Outcome:
    """List connectors: Send connectors of the organisation, Receive connectors of servers."""
    rows = []
    for owner, item in _connectors(context.lab, kind):
        identity = f"{owner}\\{item.name}" if owner else item.name
        if server and owner.casefold() != server.casefold():
            continue
        if name and name.casefold() not in {identity.casefold(), item.name.casefold()}:
            continue
        rows.append(_document(owner, item))
    if name and not rows:
        raise NoSuchThing(f"no connector {name!r}", "edgesync connector list")
    return Outcome({"schema": "edgesync.connectors/1", "connectors": rows})


@operation(
    "connector", "set", render=_render_one, writes=True,
    example='edgesync connector set "HUB01\\Default HUB01" --protocol-logging-level Verbose',
    cmdlets=(
        Cmdlet("Set-SendConnector", _SET_PARAMETERS),
        Cmdlet("Set-ReceiveConnector", _SET_PARAMETERS),
    ),
)  # fmt: skip
def set_(
    context: Context,
    name: Annotated[str, Help("connector; SERVER\\NAME for a Receive connector")],
    *,
    fqdn: Annotated[str | None, Help("name in EHLO and banner, and of the certificate")] = None,
    enabled: Annotated[str | None, Help("true or false", metavar="BOOL")] = None,
    require_tls: Annotated[str | None, Help("true or false", metavar="BOOL")] = None,
    ignore_starttls: Annotated[str | None, Help("true or false", metavar="BOOL")] = None,
    domain_secure_enabled: Annotated[str | None, Help("true or false", metavar="BOOL")] = None,
    suppress_x_anonymous_tls: Annotated[str | None, Help("true or false", metavar="BOOL")] = None,
    protocol_logging_level: Annotated[str | None, Help("None or Verbose")] = None,
    auth_mechanism: Annotated[tuple[str, ...], Help("TLS, Integrated, BasicAuth, ...")] = (),
    permission_groups: Annotated[
        tuple[str, ...], Help("AnonymousUsers, ExchangeServers, ...")
    ] = (),
    remote_ip_ranges: Annotated[tuple[str, ...], Help("addresses the connector serves")] = (),
    address_spaces: Annotated[tuple[str, ...], Help("SMTP:domain;cost")] = (),
    smart_hosts: Annotated[tuple[str, ...], Help("hosts to hand mail to")] = (),
    dns_routing_enabled: Annotated[
        str | None, Help("true, or false to use the smart hosts", metavar="BOOL")
    ] = None,
    source_transport_servers: Annotated[tuple[str, ...], Help("servers that use it")] = (),
    tls_certificate_name: Annotated[str | None, Help("<I>issuer<S>subject (2013+)")] = None,
) -> Outcome:
    """Change a connector; only what is named changes."""
    from edgesync.organization.connectors import SendConnector, write_connector

    lab = context.lab
    given = {k: v for k, v in locals().items() if k not in {"context", "name", "lab"}}
    owner, connector = _one(lab, name)
    known = {item.name for item in fields(connector)}
    changed: dict[str, Any] = {}
    for key, value in given.items():
        if value in (None, ()) or not isinstance(value, (str, tuple)):
            continue
        if key not in known:
            kind = "Send" if isinstance(connector, SendConnector) else "Receive"
            raise UsageError(f"a {kind} connector has no {key}", "edgesync connector list")
        changed[key] = _read(lab, connector, key, value)
    updated = replace(connector, **changed)
    _check(updated)
    if isinstance(updated, SendConnector) and not owner:
        write_connector(lab.ad_port(), updated)
    else:
        write_connector(lab.port_of(owner), updated)
    return Outcome({"schema": "edgesync.connector/1", "connector": _document(owner, updated)})


def _check(connector: SendConnector | ReceiveConnector) -> None:
    """The rules of certificate-facts 5.5 and 6.2 that Exchange enforces when it saves."""
    from edgesync.organization.connectors import AuthMechanism, PermissionGroups, SendConnector

    if isinstance(connector, SendConnector):
        if connector.require_tls and connector.ignore_starttls:
            raise RefusedByRule(
                "RequireTLS and IgnoreSTARTTLS exclude each other", "set one of them to false"
            )
        return
    auth = connector.auth_mechanism
    basic = AuthMechanism.BASIC_AUTH | AuthMechanism.TLS
    if AuthMechanism.BASIC_AUTH_REQUIRE_TLS in auth and auth & basic != basic:
        raise RefusedByRule(
            "BasicAuthRequireTLS needs BasicAuth and TLS", "add both to --auth-mechanism"
        )
    if AuthMechanism.EXTERNAL_AUTHORITATIVE in auth:
        if PermissionGroups.EXCHANGE_SERVERS not in connector.permission_groups:
            raise RefusedByRule(
                "ExternalAuthoritative needs the ExchangeServers permission group",
                "add ExchangeServers to --permission-groups",
            )
        if auth & ~(AuthMechanism.EXTERNAL_AUTHORITATIVE | AuthMechanism.TLS):
            raise RefusedByRule(
                "ExternalAuthoritative goes with TLS only", "leave the other mechanisms out"
            )
    if connector.require_tls and AuthMechanism.TLS not in auth:
        raise RefusedByRule("RequireTLS needs TLS", "add TLS to --auth-mechanism")


def _read(lab: Lab, connector: Any, key: str, value: str | tuple[str, ...]) -> Any:
    from enum import Enum, Flag

    current = getattr(connector, key)
    if isinstance(current, bool):
        if str(value).lower().lstrip("$") not in {"true", "false"}:
            raise UsageError(
                f"{key} is true or false, not {value!r}", "for example --enabled false"
            )
        return str(value).lower().lstrip("$") == "true"
    if isinstance(current, Flag):
        kind = type(current)
        by_word = {(m.name or "").replace("_", "").lower(): m for m in kind}
        flags = kind(0)
        for word in value:
            if word.lower() not in by_word:
                raise UsageError(
                    f"{key} cannot be {word!r}", f"use {', '.join(m.name or '' for m in kind)}"
                )
            flags |= by_word[word.lower()]
        return flags
    if isinstance(current, Enum):
        words = {str(m.value).lower(): m for m in type(current)}
        if str(value).lower() not in words:
            raise UsageError(f"{key} cannot be {value!r}", f"use {', '.join(words)}")
        return words[str(value).lower()]
    if key == "source_transport_servers":
        return tuple(lab.ad.names.server(lab.server(item).name) for item in value)
    return value


def _connectors(
    lab: Lab, kind: str = "all"
) -> Iterable[tuple[str, SendConnector | ReceiveConnector]]:
    from edgesync.organization.connectors import list_receive_connectors, list_send_connectors

    if kind in {"all", "send"}:
        for send in list_send_connectors(lab.ad_port(), lab.ad.names):
            yield "", send
        for edge in lab.edges:
            for send in list_send_connectors(lab.edge_port(edge), lab.edges[edge].names):
                yield edge, send
    if kind in {"all", "receive"}:
        for server in lab.servers("hub", "edge"):
            port, names = lab.port_of(server.name), lab.names_of(server.name)
            for receive in list_receive_connectors(port, names, server.name):
                yield server.name, receive


def _one(lab: Lab, name: str) -> tuple[str, SendConnector | ReceiveConnector]:
    matches = [
        (owner, item)
        for owner, item in _connectors(lab)
        if name.casefold() in {item.name.casefold(), f"{owner}\\{item.name}".casefold()}
    ]
    organisation = [found for found in matches if not found[0]]
    chosen = organisation or matches
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise NoSuchThing(f"no connector {name!r}", "edgesync connector list")
    raise UsageError(f"{name!r} names {len(chosen)} connectors", "write SERVER\\NAME")


def _document(owner: str, connector: SendConnector | ReceiveConnector) -> Document:
    from datetime import timedelta
    from enum import Flag

    from directory.model.dn import DN
    from edgesync.organization.connectors import SendConnector

    def plain(value: Any) -> Any:
        if isinstance(value, Flag):
            return [m.name for m in type(value) if m.value and m in value]
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, DN):
            return str(value)
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return value

    kind = "send" if isinstance(connector, SendConnector) else "receive"
    values = {f.name: plain(getattr(connector, f.name)) for f in fields(connector)}
    return {"kind": kind, "server": owner, **values}
