from dataclasses import replace
from datetime import timedelta

import pytest

from directory.model.dn import DN
from directory.model.entry import Entry
from edgesync.organization.connectors import (
    AuthMechanism,
    LoggingLevel,
    ReceiveConnector,
    SendConnector,
    entry_of,
)
from edgesync.organization.domains import AcceptedDomain, DomainKind, find_accepted_domain
from edgesync.organization.mapping import changes, dump, load
from edgesync.organization.servers import ServerObject, ServerRole

HERE = DN.parse("CN=X,CN=Connections")


def test_a_connector_comes_back_from_its_entry_as_it_went() -> None:
    connector = ReceiveConnector(
        HERE,
        "X",
        auth_mechanism=AuthMechanism.TLS | AuthMechanism.EXCHANGE_SERVER,
        protocol_logging_level=LoggingLevel.VERBOSE,
        connection_inactivity_timeout=timedelta(minutes=3),
    )

    assert load(ReceiveConnector, entry_of(connector)) == connector


def test_the_smallest_modify_touches_only_what_differs() -> None:
    before = SendConnector(HERE, "X", fqdn="a.test", smart_hosts=("one", "two"))
    after = replace(before, fqdn="", smart_hosts=("two", "one"))

    found = changes(dump(before), after)

    assert [(m.name, m.values) for m in found] == [("msExchSmtpSendAdvertisedDomain", ())]


def test_a_missing_or_unreadable_attribute_is_named() -> None:
    with pytest.raises(ValueError, match="msExchAcceptedDomainName"):
        load(AcceptedDomain, Entry(HERE, {"cn": (b"X",)}))
    with pytest.raises(ValueError, match="versionNumber"):
        load(ServerObject, Entry(HERE, {"cn": (b"X",), "versionNumber": (b"new",)}))


def test_a_server_knows_its_host_name_and_its_main_role() -> None:
    server = ServerObject(HERE, "EDGE01", ServerRole.EDGE).with_fqdn("edge01.contoso.test")

    assert server.fqdn == "edge01.contoso.test"
    assert ServerObject(HERE, "EDGE01").fqdn == "EDGE01"
    assert server.roles.word == "edge"
    assert (ServerRole.HUB | ServerRole.MAILBOX).word == "hub"


def test_exact_accepted_domains_come_before_wildcards_and_long_before_short() -> None:
    def domain(name: str) -> AcceptedDomain:
        return AcceptedDomain(HERE, name, name, DomainKind.AUTHORITATIVE)

    domains = (domain("*.contoso.test"), domain("contoso.test"), domain("*.eu.contoso.test"))

    def covering(name: str) -> str | None:
        found = find_accepted_domain(domains, name)
        return found.domain if found else None

    assert covering("Contoso.TEST") == "contoso.test"
    assert covering("a.eu.contoso.test") == "*.eu.contoso.test"
    assert covering("us.contoso.test") == "*.contoso.test"
    assert covering("fabrikam.test") is None
