"""Transport settings of the organisation and of single servers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from edgesync.errors import RefusedByRule, UsageError
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context
    from edgesync.organization.domains import TransportConfig

LIST_MAX = 256
"""Most domains or addresses of one list."""

_TRUE, _FALSE = frozenset(("true", "1")), frozenset(("false", "0"))


def _render_config(document: Document) -> Iterable[str]:
    yield from listing(document["config"].items())


_CONFIG_PARAMETERS = {
    "TLSSendDomainSecureList": "tls_send_domain_secure_list",
    "TLSReceiveDomainSecureList": "tls_receive_domain_secure_list",
    "InternalSMTPServers": "internal_smtp_servers",
}


@operation(
    "transport", "config", render=_render_config, writes=True,
    example="edgesync transport config --tls-send-domain-secure-list partner.test",
    cmdlets=(
        Cmdlet("Get-TransportConfig", {}),
        Cmdlet("Set-TransportConfig", _CONFIG_PARAMETERS, positional=()),
    ),
)  # fmt: skip
def config(
    context: Context,
    *,
    tls_send_domain_secure_list: Annotated[
        tuple[str, ...], Help("domains mail goes to over mutual TLS only; - empties the list")
    ] = (),
    tls_receive_domain_secure_list: Annotated[
        tuple[str, ...], Help("domains mail comes from over mutual TLS only; - empties the list")
    ] = (),
    internal_smtp_servers: Annotated[
        tuple[str, ...], Help("addresses of own mail servers; - empties the list")
    ] = (),
) -> Outcome:
    """Show or change the organisation's transport settings; EdgeSync carries them to the Edges.

    Secure lists take no wildcards (certificate-facts 6.3). A list is given whole.
    """
    from edgesync.organization.domains import read_transport_config, write_transport_config

    lab = context.lab
    current = read_transport_config(lab.ad_port(), lab.ad.names)
    changed = replace(
        current,
        tls_send_domain_secure_list=_domains(
            tls_send_domain_secure_list, current.tls_send_domain_secure_list
        ),
        tls_receive_domain_secure_list=_domains(
            tls_receive_domain_secure_list, current.tls_receive_domain_secure_list
        ),
        internal_smtp_servers=_items(internal_smtp_servers, current.internal_smtp_servers),
    )
    if changed != current:
        write_transport_config(lab.ad_port(), changed)
    return Outcome({"schema": "edgesync.transport-config/1", "config": _config(changed)})


def _config(config_: TransportConfig) -> Document:
    return {name: list(getattr(config_, ours)) for name, ours in _CONFIG_PARAMETERS.items()}


def _domains(given: tuple[str, ...], current: tuple[str, ...]) -> tuple[str, ...]:
    from edgesync.transport.command import is_domain

    wanted = _items(given, current)
    for domain in wanted:
        if "*" in domain:
            raise RefusedByRule(
                f"{domain!r}: a secure list takes no wildcards", "name each domain by itself"
            )
        if not is_domain(domain):
            raise UsageError(f"{domain!r} is not a domain", "for example partner.test")
    return wanted


def _items(given: tuple[str, ...], current: tuple[str, ...]) -> tuple[str, ...]:
    if not given:
        return current
    words = [word.strip() for value in given for word in value.split(",")]
    wanted = tuple(dict.fromkeys(word for word in words if word not in ("", "-")))
    if len(wanted) > LIST_MAX:
        raise UsageError(f"a list of {len(wanted)} items", f"at most {LIST_MAX}")
    return wanted


def _render_servers(document: Document) -> Iterable[str]:
    rows = [
        (s["server"], s["intra_org_connector_protocol_logging_level"],
         s["use_downgraded_exchange_server_auth"])
        for s in document["servers"]
    ]  # fmt: skip
    yield from columns(
        ("Name", "IntraOrgConnectorProtocolLoggingLevel", "UseDowngradedExchangeServerAuth"), rows
    )


_SERVER_PARAMETERS = {
    "Identity": "server",
    "IntraOrgConnectorProtocolLoggingLevel": "intra_org_connector_protocol_logging_level",
    "UseDowngradedExchangeServerAuth": "use_downgraded_exchange_server_auth",
}


@operation(
    "transport", "server", render=_render_servers, rows="servers", writes=True,
    example="edgesync transport server HUB01"
    " --intra-org-connector-protocol-logging-level Verbose",
    cmdlets=(
        Cmdlet("Get-TransportServer", {"Identity": "server"}),
        Cmdlet("Set-TransportServer", _SERVER_PARAMETERS),
        Cmdlet("Get-TransportService", {"Identity": "server"}),
        Cmdlet("Set-TransportService", _SERVER_PARAMETERS),
    ),
)  # fmt: skip
def server(
    context: Context,
    server: Annotated[
        str | None, Help("Hub or Edge; all when left out", completes="server")
    ] = None,
    *,
    intra_org_connector_protocol_logging_level: Annotated[
        str | None, Help("None or Verbose: log what it sends to other servers of the organisation")
    ] = None,
    use_downgraded_exchange_server_auth: Annotated[
        str | None,
        Help("true or false: Kerberos without TLS between Hubs (2010 and later)", metavar="BOOL"),
    ] = None,
) -> Outcome:
    """Show or change a server's transport switches.

    In Exchange 2007 traffic between Hubs cannot be made clear text, so the downgrade is refused
    there (certificate-facts 0).
    """  # fmt: skip
    from edgesync.organization.servers import TransportServerFlags, write_transport_flags

    lab = context.lab
    names = [lab.server(server).name] if server else [s.name for s in lab.servers("hub", "edge")]
    changes: list[tuple[TransportServerFlags, bool]] = []
    if intra_org_connector_protocol_logging_level is not None:
        word = intra_org_connector_protocol_logging_level.lower()
        if word not in ("none", "verbose"):
            raise UsageError(f"a logging level cannot be {word!r}", "use None or Verbose")
        changes.append((TransportServerFlags.INTRA_ORG_VERBOSE, word == "verbose"))
    if use_downgraded_exchange_server_auth is not None:
        on = _boolean(use_downgraded_exchange_server_auth)
        _require_downgrade(lab, on=on)
        changes.append((TransportServerFlags.USE_DOWNGRADED_AUTH, on))
    if changes and server is None:
        raise UsageError("which server?", "name a Hub or an Edge")
    rows = []
    for name in names:
        flags = _flags(lab, name)
        for flag, on in changes:
            flags = flags | flag if on else flags & ~flag
        if changes:
            dn = lab.names_of(name).server(name)
            write_transport_flags(lab.port_of(name), dn, flags)
        rows.append(_row(name, flags))
    return Outcome({"schema": "edgesync.transport-servers/1", "servers": rows})


def _flags(lab: Lab, name: str) -> Any:
    from edgesync.organization.servers import TransportServerFlags, read_server

    found = read_server(lab.port_of(name), lab.names_of(name), name)
    return found.transport_flags if found else TransportServerFlags(0)


def _row(name: str, flags: Any) -> Document:
    from edgesync.organization.servers import TransportServerFlags

    verbose = TransportServerFlags.INTRA_ORG_VERBOSE in flags
    return {
        "server": name,
        "intra_org_connector_protocol_logging_level": "Verbose" if verbose else "None",
        "use_downgraded_exchange_server_auth": TransportServerFlags.USE_DOWNGRADED_AUTH in flags,
    }


def _boolean(text: str) -> bool:
    word = text.lower().lstrip("$")
    if word not in _TRUE | _FALSE:
        raise UsageError(f"{text!r} is neither true nor false", "for example true")
    return word in _TRUE


def _require_downgrade(lab: Lab, *, on: bool) -> None:
    from edgesync.config import Version

    if on and not lab.description.version.at_least(Version.EXCHANGE_2010):
        raise RefusedByRule(
            "Exchange 2007 cannot send between Hubs in clear text", "make a lab of a later version"
        )
