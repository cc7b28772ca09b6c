"""Domain Security: mutual TLS with partner organisations (certificate-facts 6.3)."""

from __future__ import annotations

from collections.abc import Iterable

from edgesync.config import Version
from edgesync.transport.host import TransportHost
from edgesync.trust.pkix import Expectation


def is_listed(domain: str, domains: Iterable[str]) -> bool:
    """Whether a domain is in a secure list; the lists take no wildcards and no sub-domains."""
    wanted = domain.lower().rstrip(".")
    return any(wanted == item.strip().lower().rstrip(".") for item in domains)


def expectation(host: TransportHost, names: tuple[str, ...]) -> Expectation:
    """What a partner's certificate must say, in this server's version and policy."""
    choice = host.policy.domain_secure_wildcards
    wildcards = choice == "accept" or (
        choice == "by-version" and host.profile.version is not Version.EXCHANGE_2007
    )
    return Expectation(names, wildcards=wildcards)
