"""What an Edge should know, worked out from AD in the plainest way, without the engine's code.

Reads entries and compares values; no table of kinds, no projection, no plan. Where the engine and
this disagree, one of them is wrong, which is the point.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality, Present
from directory.model.messages import Scope
from edgesync.lab.lab import Lab
from edgesync.port.port import DirectoryPort, find

HUB_ROLE = 32

Facts = Mapping[str, tuple[bytes, ...]]
"""Name of a fact (``hub HUB01``, ``domain contoso.test``, ``recipient GUID``) to its values."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same on both sides."""

    fact: str
    expected: tuple[bytes, ...] | None
    found: tuple[bytes, ...] | None

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.fact} is missing on the Edge"
        return f"{self.fact} is {'too much' if self.expected is None else 'different'} on the Edge"


def configuration_expected(lab: Lab, site: DN) -> dict[str, tuple[bytes, ...]]:
    """Hubs of the site with their certificates, and accepted domains, as AD has them."""
    port, names = lab.ad_port(), lab.ad.names
    facts: dict[str, tuple[bytes, ...]] = {}
    for entry in _children(port, names.servers, "msExchExchangeServer"):
        roles = int(entry.first("msExchCurrentServerRoles") or b"0")
        if roles & HUB_ROLE and entry.text("msExchServerSite").casefold() == str(site).casefold():
            facts[f"hub {entry.text('cn')}"] = entry.values("msExchServerInternalTLSCert")
    for entry in _children(port, names.accepted_domains, "msExchAcceptedDomain"):
        facts[f"domain {entry.text('cn')}"] = ()
    return facts


def configuration_found(lab: Lab, edge: str) -> dict[str, tuple[bytes, ...]]:
    """The same of an Edge's ADAM."""
    directory = lab.edge(edge)
    port, names = directory.port("check"), directory.names
    facts: dict[str, tuple[bytes, ...]] = {}
    for entry in _children(port, names.servers, "msExchExchangeServer"):
        if entry.text("cn").casefold() != edge.casefold():
            facts[f"hub {entry.text('cn')}"] = entry.values("msExchServerInternalTLSCert")
    for entry in _children(port, names.accepted_domains, "msExchAcceptedDomain"):
        facts[f"domain {entry.text('cn')}"] = ()
    return facts


def recipients_expected(lab: Lab) -> dict[str, tuple[bytes, ...]]:
    """Everybody with an address who takes mail from outside: hashed addresses by GUID."""
    with_type = lab.description.trust_policy.recipient_hash == "sha256-smtp-lower"
    facts: dict[str, tuple[bytes, ...]] = {}
    for entry in find(lab.ad_port(), lab.ad.names.domain, Present("proxyAddresses")):
        if entry.text("msExchRequireAuthToSendTo").upper() == "TRUE":
            continue
        guid = entry.first("objectGUID") or b""
        hashed = (_hash(value, with_type=with_type) for value in entry.values("proxyAddresses"))
        facts[f"recipient {UUID(bytes_le=guid)}"] = tuple(sorted(hashed))
    return facts


def recipients_found(lab: Lab, edge: str) -> dict[str, tuple[bytes, ...]]:
    """The same of an Edge's ADAM."""
    directory = lab.edge(edge)
    facts: dict[str, tuple[bytes, ...]] = {}
    for entry in _children(directory.port("check"), directory.names.recipients, "contact"):
        guid = UUID(entry.text("cn"))
        facts[f"recipient {guid}"] = tuple(sorted(entry.values("proxyAddresses")))
    return facts


def differences(expected: Facts, found: Facts) -> Iterator[Difference]:
    """Facts that are not the same."""
    for fact in sorted({*expected, *found}):
        if expected.get(fact) != found.get(fact):
            yield Difference(fact, expected.get(fact), found.get(fact))


def _children(port: DirectoryPort, base: DN, kind: str) -> tuple[Entry, ...]:
    return find(port, base, Equality("objectClass", kind.encode()), scope=Scope.ONE)


def _hash(proxy_address: bytes, *, with_type: bool) -> bytes:
    text = proxy_address.decode().lower()
    if not with_type:
        text = text.removeprefix("smtp:")
    return b"sha256:" + base64.b64encode(hashlib.sha256(text.encode()).digest())
