"""What of an Edge's ADAM belongs to the organisation, and goes when a subscription comes or ends.

Sources: edgesync-facts 1.2 (steps 5 and 6), 1.6.
"""

from __future__ import annotations

from collections.abc import Callable

from directory.errors import LdapError, ResultCode
from directory.model.controls import TreeDelete
from directory.model.dn import DN
from directory.model.filter import Equality
from directory.model.messages import DeleteRequest, Scope
from edgesync.config import Version
from edgesync.organization.names import EdgeNames
from edgesync.port.port import DirectoryPort, find

_ALWAYS_DISABLED = ("SendConnector", "AcceptedDomain", "RemoteDomain")
_DISABLED_UNTIL_2013 = "MessageClassification"


def disabled_cmdlets(version: Version) -> tuple[str, ...]:
    """Cmdlets that do not work on a subscribed Edge; their Get- forms do (edgesync-facts 1.2)."""
    nouns = [*_ALWAYS_DISABLED]
    if not version.at_least(Version.EXCHANGE_2016):
        nouns.append(_DISABLED_UNTIL_2013)
    return tuple(f"{verb}-{noun}" for noun in nouns for verb in ("New", "Set", "Remove"))


def delete_configuration(port: DirectoryPort, names: EdgeNames) -> int:
    """Delete connectors, domains and classifications; returns how many there were."""
    containers = (
        names.connectors, names.accepted_domains, names.remote_domains,
        names.message_classifications,
    )  # fmt: skip
    return sum(_empty(port, container) for container in containers)


def delete_replica(
    port: DirectoryPort,
    names: EdgeNames,
    edge: str,
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> int:
    """Delete everything EdgeSync brought: configuration, Hub servers, recipients.

    Slow with many recipients, so ``progress`` is told the number done so far.
    """
    done = delete_configuration(port, names)
    own = names.server(edge)
    servers = find(
        port, names.servers, Equality("objectClass", b"msExchExchangeServer"), scope=Scope.ONE,
        attributes=("cn",),
    )  # fmt: skip
    for server in servers:
        if server.dn != own:
            done += _delete(port, server.dn)
    for recipient in find(port, names.recipients, scope=Scope.ONE, attributes=("cn",)):
        done += _delete(port, recipient.dn)
        progress(done)
    return done


def _empty(port: DirectoryPort, container: DN) -> int:
    found = find(port, container, scope=Scope.ONE, attributes=("cn",))
    return sum(_delete(port, entry.dn) for entry in found)


def _delete(port: DirectoryPort, dn: DN) -> int:
    try:
        port.delete(DeleteRequest(dn), (TreeDelete(critical=True),))
    except LdapError as error:
        if error.code is not ResultCode.NO_SUCH_OBJECT:
            raise
        return 0
    return 1
