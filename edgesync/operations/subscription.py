"""Edge Subscriptions: export on the Edge, import in the organisation, look, remove."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.errors import NoSuchThing, UsageError
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context
    from edgesync.subscription.file import SubscriptionFile

_EDGE = Help("Edge Transport server", completes="edge")
_FILE = Help("Edge Subscription file", metavar="FILE")


def _render_file(document: Document) -> Iterable[str]:
    item = document["file"]
    yield f"{document['path']}  (delete every copy after the import: the password is in clear text)"
    yield from listing(item.items())


def file_document(file: SubscriptionFile) -> Document:
    """What a file says, without its password."""
    from edgesync.certificates.certificate import thumbprint
    from edgesync.sync.report import instant

    return {
        "edge": file.edge_server_name,
        "fqdn": file.edge_server_fqdn,
        "certificate": thumbprint(file.certificate),
        "account": file.user_name,
        "effective_at": instant(file.effective_at),
        "expires_at": instant(file.expires_at),
        "adam_ssl_port": file.adam_ssl_port,
        "product_id": file.product_id,
        "version_number": file.version_number,
        "serial_number": file.serial_number,
    }


@operation(
    "subscription", "export", render=_render_file, writes=True,
    example="edgesync subscription export EDGE01 --file EDGE01.xml",
)  # fmt: skip
def export(
    context: Context,
    edge: Annotated[str, _EDGE],
    *,
    file: Annotated[str | None, Help("where to write it; default EDGE.xml", metavar="FILE")] = None,
    account_expiry: Annotated[
        str | None, Help("life of the bootstrap account, 24h by default (2010+)", metavar="SPAN")
    ] = None,
    force: Annotated[bool, Help("overwrite an existing file")] = False,
) -> Outcome:
    """Export an Edge Subscription on the Edge: account, certificate, file; locally made objects go.

    What EdgeSync will manage (accepted and remote domains, Send connectors, message
    classifications) is deleted on the Edge, and the cmdlets for it stop working there.
    """
    from edgesync.errors import RefusedByRule
    from edgesync.lab.edge_sync import EdgeSync
    from edgesync.operations.timespan import parse_timespan
    from edgesync.subscription.export import export_question
    from edgesync.subscription.file import write_subscription

    lab = context.lab
    name = lab.edge(edge).name
    path = Path(file or f"{name}.xml")
    if path.exists() and not force:  # before anything changes on the Edge
        raise RefusedByRule(f"{path} exists", "name another file, or give --force")
    span = parse_timespan(account_expiry) if account_expiry else None
    if not context.confirm(export_question(lab.description.profile)):
        raise RefusedByRule("not exported: the answer was no", "give --yes to export")
    exported = lab.service(EdgeSync).export(name, account_expiry=span)
    write_subscription(path, exported, force=force)
    return Outcome(
        {
            "schema": "edgesync.subscription-file/1",
            "path": str(path),
            "file": file_document(exported),
        }
    )


def _render_import(document: Document) -> Iterable[str]:
    again = "again " if document["resubscribed"] else ""
    yield f"{document['edge']} subscribed {again}to {document['site']}"
    yield f"takes part: {', '.join(document['hubs'])}"
    if document["left_out"]:
        yield f"left out, no internal transport certificate: {', '.join(document['left_out'])}"
    if document["connectors"]:
        yield f"Send connectors: {', '.join(document['connectors'])}"
    yield f"the first synchronization must run before {document['bootstrap_expires_at']}"


@operation(
    "subscription", "import", render=_render_import, writes=True,
    example="edgesync subscription import EDGE01.xml --site Default-First-Site-Name",
)  # fmt: skip
def import_(
    context: Context,
    file: Annotated[str, _FILE],
    *,
    site: Annotated[str, Help("AD site whose Hubs will synchronize", completes="site")],
    create_internet_send_connector: Annotated[bool, Help("connector to the Internet")] = True,
    create_inbound_send_connector: Annotated[bool, Help("connector from the Edge")] = True,
) -> Outcome:
    """Subscribe an Edge to an AD site, or subscribe it again with a newer file."""
    from edgesync.lab.edge_sync import EdgeSync
    from edgesync.subscription.file import read_subscription
    from edgesync.sync.report import instant

    given = read_subscription(Path(file))
    imported, substitutes = context.lab.service(EdgeSync).import_(
        given, site,
        create_internet_connector=create_internet_send_connector,
        create_inbound_connector=create_inbound_send_connector,
    )  # fmt: skip
    notes = tuple(str(substitute) for substitute in substitutes)
    return Outcome(
        {
            "schema": "edgesync.subscription-import/1",
            "edge": imported.edge,
            "site": imported.site,
            "resubscribed": imported.resubscribed,
            "hubs": list(imported.hubs),
            "left_out": list(imported.left_out),
            "connectors": list(imported.connectors),
            "bootstrap_expires_at": instant(imported.bootstrap_expires_at),
        },
        notes=(*notes, "delete every copy of the file: it holds a password in clear text"),
    )


@operation(
    "subscription", "new", writes=True,
    render=lambda d: _render_file(d) if "file" in d else _render_import(d),
    example="edgesync New-EdgeSubscription -FileName EDGE01.xml -Server EDGE01",
    cmdlets=(
        Cmdlet("New-EdgeSubscription", {
            "FileName": "file", "FileData": "file", "Site": "site", "Server": "edge",
            "CreateInternetSendConnector": "create_internet_send_connector",
            "CreateInboundSendConnector": "create_inbound_send_connector",
            "AccountExpiryDuration": "account_expiry",
        }, positional=()),
    ),
)  # fmt: skip
def new(
    context: Context,
    file: Annotated[str, _FILE],
    *,
    site: Annotated[str | None, Help("import: AD site", completes="site")] = None,
    edge: Annotated[str | None, Help("export: the Edge it runs on", completes="edge")] = None,
    account_expiry: Annotated[str | None, Help("export: life of the account")] = None,
    create_internet_send_connector: Annotated[bool, Help("import: to the Internet")] = True,
    create_inbound_send_connector: Annotated[bool, Help("import: from the Edge")] = True,
) -> Outcome:
    """New-EdgeSubscription as Exchange has it: with a site it imports, on an Edge it exports."""
    if site is not None:
        return import_(
            context, file, site=site,
            create_internet_send_connector=create_internet_send_connector,
            create_inbound_send_connector=create_inbound_send_connector,
        )  # fmt: skip
    if edge is None:
        raise UsageError(
            "New-EdgeSubscription needs -Site in the organisation or -Server on an Edge",
            "in a lab the Edge has to be named: -Server EDGE01",
        )
    force = context.answer is True  # -Force answers the question and overwrites the file
    return export(context, edge, file=file, account_expiry=account_expiry, force=force)


def _render_list(document: Document) -> Iterable[str]:
    rows = [
        (s["name"], s["site"], s["domain"], s["state"], len(s["hubs"]))
        for s in document["subscriptions"]
    ]
    return columns(("Name", "Site", "Domain", "State", "Hubs"), rows)


@operation(
    "subscription", "list", render=_render_list, rows="subscriptions",
    example="edgesync subscription list",
    cmdlets=(Cmdlet("Get-EdgeSubscription", {"Identity": "edge"}),),
)  # fmt: skip
def list_(
    context: Context,
    edge: Annotated[str | None, Help("only this Edge", completes="edge")] = None,
) -> Outcome:
    """List the Edge Subscriptions AD has, each with the state it is in."""
    rows = [
        item
        for item in _subscriptions(context.lab)
        if edge is None or item["name"].casefold() == edge.casefold()
    ]
    if edge is not None and not rows:
        raise NoSuchThing(f"{edge} is not subscribed", f"edgesync subscription export {edge}")
    return Outcome({"schema": "edgesync.subscriptions/1", "subscriptions": rows})


def _render_show(document: Document) -> Iterable[str]:
    item = document["subscription"]
    yield from listing((k, v) for k, v in item.items() if k != "credentials")
    yield ""
    rows = [
        (c["user_name"], c["source"] or "(any Hub)", c["effective_utc"], c["expires_utc"])
        for c in item["credentials"]
    ]
    yield from columns(("Credential", "Presented by", "Effective", "Expires"), rows)


@operation(
    "subscription", "show", render=_render_show, example="edgesync subscription show EDGE01",
)  # fmt: skip
def show(context: Context, edge: Annotated[str, _EDGE]) -> Outcome:
    """Show one subscription: state, participating and late Hubs, credentials without secrets."""
    name = context.lab.edge(edge).name
    for item in _subscriptions(context.lab):
        if item["name"].casefold() == name.casefold():
            return Outcome({"schema": "edgesync.subscription/1", "subscription": item})
    raise NoSuchThing(f"{name} is not subscribed", f"edgesync subscription export {name}")


@operation(
    "subscription", "inspect", render=_render_file, needs_lab=False, remote=False,
    example="edgesync subscription inspect EDGE01.xml",
)  # fmt: skip
def inspect(context: Context, file: Annotated[str, _FILE]) -> Outcome:
    """Read an Edge Subscription file and say what is in it; the password is not shown."""
    from edgesync.subscription.file import read_subscription

    del context
    found = read_subscription(Path(file))
    return Outcome(
        {"schema": "edgesync.subscription-file/1", "path": file, "file": file_document(found)}
    )


def _render_remove(document: Document) -> Iterable[str]:
    yield f"subscription of {document['edge']} removed on the {document['side']} side"
    if document["connectors"]:
        yield f"deleted with it: {', '.join(document['connectors'])}"


@operation(
    "subscription", "remove", render=_render_remove, writes=True,
    example="edgesync subscription remove EDGE01",
    cmdlets=(Cmdlet("Remove-EdgeSubscription", {"Identity": "edge", "Side": "side"}),),
)  # fmt: skip
def remove(
    context: Context,
    edge: Annotated[str, _EDGE],
    *,
    side: Annotated[
        Literal["organization", "edge"], Help("where the command runs; the effects differ")
    ] = "organization",
) -> Outcome:
    """Remove an Edge Subscription in the organisation, or on the Edge.

    In the organisation the Edge's object, every Hub's credentials for it and connectors left
    without a source go. On the Edge the replicated data go and the disabled cmdlets come back.
    """
    from edgesync.errors import RefusedByRule
    from edgesync.subscription.remove import (
        REMOVE_ON_EDGE_QUESTION,
        remove_in_organization,
        remove_on_edge,
    )

    lab = context.lab
    directory = lab.edge(edge)
    name, now = directory.name, lab.clock.now()
    if side == "edge":
        if not context.confirm(REMOVE_ON_EDGE_QUESTION):
            raise RefusedByRule("not removed: the answer was no", "give --yes to remove")
        removed = remove_on_edge(
            lab.edge_port(name), directory.names, name, now=now, emit=lab.emit,
            progress=lambda done: context.progress({"phase": "remove", "done": done}),
        )  # fmt: skip
    else:
        session = _last_session(lab, name)
        try:
            removed = remove_in_organization(
                lab.ad_port(), lab.ad.names, name, now=now, emit=lab.emit,
                edge_port=session, edge_names=directory.names if session else None,
            )  # fmt: skip
        finally:
            if session is not None:
                session.close()
        from edgesync.lab.edge_sync import EdgeSync

        lab.service(EdgeSync).credential_service(name)
    return Outcome(
        {
            "schema": "edgesync.subscription-removal/1",
            "edge": removed.edge,
            "side": removed.side,
            "connectors": list(removed.connectors),
            "credentials": removed.credentials,
            "objects": removed.objects,
        }
    )


def _last_session(lab: Lab, edge: str) -> Any:
    """A session to tell ADAM good-bye; None when the Edge cannot be reached any more."""
    from directory.errors import LdapError
    from edgesync.errors import EdgeSyncError
    from edgesync.lab.edge_sync import EdgeSync

    service = lab.service(EdgeSync)
    try:
        return service.open_session(service.choose_hub(edge), edge).port
    except (EdgeSyncError, LdapError):
        return None


def _subscriptions(lab: Lab) -> Iterable[Document]:
    from edgesync.certificates.certificate import thumbprint
    from edgesync.organization.servers import ServerRole, list_servers
    from edgesync.subscription.credentials import describe_records
    from edgesync.subscription.listing import list_subscriptions

    for item in list_subscriptions(lab.ad_port(), lab.ad.names):
        hubs = list_servers(lab.ad_port(), lab.ad.names, role=ServerRole.HUB, site=item.server.site)
        certificate = item.server.internal_certificate
        yield {
            "name": item.name,
            "site": item.site,
            "domain": item.domain,
            "fqdn": item.server.fqdn,
            "state": _state(lab, item.name),
            "certificate": thumbprint(certificate) if certificate else None,
            "adam_ssl_port": item.server.adam_ssl_port,
            "serial_number": item.server.serial_number,
            "product_id": item.server.product_id,
            "hubs": list(item.hubs),
            "late_hubs": list(item.late_hubs(hubs)),
            "credentials": describe_records(item.server.credentials),
        }


def _state(lab: Lab, edge: str) -> str:
    """The state machine's word for a subscription, read off both directories."""
    from edgesync.errors import CredentialUndecryptable
    from edgesync.lab.edge_sync import EdgeSync
    from edgesync.organization.servers import read_server
    from edgesync.subscription.accounts import list_accounts
    from edgesync.subscription.channel import usable_credentials
    from edgesync.subscription.credentials import bootstrap_name, decrypt, readable_records
    from edgesync.subscription.states import SubscriptionFacts, state_of

    if edge not in lab.edges:
        return "unknown"  # AD names an Edge that is not part of this lab
    service, now = lab.service(EdgeSync), lab.clock.now()
    known = service.edge_object(edge)
    directory = lab.edge(edge)
    own = read_server(lab.edge_port(edge), directory.names, directory.name)
    hubs = service.hubs_of(known)
    readable = False
    credentials = 0
    for hub in hubs:
        key = service.identity(hub.name).key
        records = [
            record
            for _, record in readable_records(hub.credentials)
            if record.target_server_fqdn == known.fqdn and record.expires_at > now
        ]
        credentials = max(credentials, sum(not record.is_bootstrap for record in records))
        for record in usable_credentials(hub, known, now):
            try:
                decrypt(record, key, hub.name)
            except CredentialUndecryptable:
                continue
            readable = True
    accounts = list_accounts(lab.edge_port(edge), directory.names)
    facts = SubscriptionFacts(
        in_organization=True,
        exported_until=accounts.get(bootstrap_name(directory.name)),
        hubs_in_site=len(hubs),
        certificates_match=own is not None
        and own.internal_certificate == known.internal_certificate,
        hub_reads_credential=readable,
        synchronized=own is not None and bool(own.cookies),
        credentials=credentials,
    )
    return state_of(facts, now).value
