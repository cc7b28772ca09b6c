"""The schemas in the box are complete in themselves and hold what Exchange needs."""

from __future__ import annotations

import pytest

from directory.errors import InvalidSchema
from directory.schema.definitions import Definition
from directory.schema.parser import parse_schema
from directory.schema.profiles import PROFILE_NAMES, schema_profile
from directory.schema.schema import Schema

EXCHANGE_ATTRIBUTES = {
    "msExchServerInternalTLSCert": True, "msExchEdgeSyncCredential": False,
    "msExchEdgeSyncLease": True, "msExchEdgeSyncStatus": False, "msExchEdgeSyncCookies": False,
    "msExchServerEKPKPublicKey": False, "msExchEdgeSyncAdamLdapPort": True,
    "msExchEdgeSyncAdamSSLPort": True, "msExchServerSite": True,
}  # fmt: skip


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_nothing_a_schema_mentions_is_missing(name: str) -> None:
    schema = schema_profile(name).schema
    missing = {
        attribute
        for known in schema.object_classes
        for attribute in (*known.must, *known.may)
        if schema.attribute(attribute) is None
    }
    missing |= {
        superior
        for known in schema.object_classes
        for superior in known.superiors
        if schema.object_class(superior) is None
    }
    assert missing == set()


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_every_attribute_has_a_syntax(name: str) -> None:
    for attribute in schema_profile(name).schema.attributes:
        assert attribute.type.syntax, attribute


@pytest.mark.fact("edgesync-facts 5.2")
def test_a_servers_edgesync_attributes_have_the_documented_number_of_values() -> None:
    schema = schema_profile("ad").schema
    _, may = schema.allowed(["msExchExchangeServer"])
    for name, single in EXCHANGE_ATTRIBUTES.items():
        attribute = schema.attribute(name)
        assert attribute is not None, name
        assert attribute.single_value is single, name
        assert attribute.name in may, name


@pytest.mark.fact("edgesync-facts 5.2")
def test_unpublished_object_identifiers_are_marked_as_placeholders() -> None:
    schema = schema_profile("ad").schema
    attribute = schema.attribute("msExchEdgeSyncLease")
    assert attribute is not None
    assert attribute.type.oid.startswith("1.3.6.1.4.1.32473.")
    assert attribute.type.extensions["X-PLACEHOLDER"] == ("TRUE",)


@pytest.mark.fact("edgesync-facts 5.3")
def test_a_user_may_have_what_is_replicated_of_recipients() -> None:
    _, may = schema_profile("ad").schema.allowed(["user"])
    wanted = {"proxyaddresses", "msexchsafesendershash", "msexchrequireauthtosendto"}
    assert wanted <= may


def test_an_attribute_inherits_syntax_and_rules_from_its_supertype() -> None:
    attribute = schema_profile("generic").schema.attribute("sn")
    assert attribute is not None
    assert attribute.equality is not None
    assert attribute.equality.name == "caseIgnoreMatch"


def test_names_aliases_and_identifiers_mean_the_same_attribute() -> None:
    schema = schema_profile("generic").schema
    names = ("cn", "CN", "commonName", "2.5.4.3", "oid.2.5.4.3", "cn;lang-de")
    assert len({schema.attribute(name) for name in names}) == 1
    assert schema.canonical("commonName;LANG-de") == "cn;lang-de"


def test_extra_definitions_join_a_profile_without_changing_it_for_others() -> None:
    text = "attributetype ( 1.2.3.4.5 NAME 'shoeSize' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )"
    assert schema_profile("generic", (text,)).schema.attribute("shoeSize") is not None
    assert schema_profile("generic").schema.attribute("shoeSize") is None


def test_a_supertype_that_is_nowhere_is_refused() -> None:
    with pytest.raises(InvalidSchema, match="'nowhere' is not defined"):
        schema_profile("generic", ("attributetype ( 1.2.3 NAME 'x' SUP nowhere )",))


def test_a_circle_of_superclasses_is_refused() -> None:
    texts = "objectclass ( 1.2.3 NAME 'a' SUP b )\nobjectclass ( 1.2.4 NAME 'b' SUP a )"
    schema = Schema(schema_profile_definitions(texts))
    with pytest.raises(InvalidSchema, match="circle"):
        schema.superclasses("a")


def schema_profile_definitions(text: str) -> list[Definition]:
    return parse_schema(text)


def test_a_profile_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="no profile 'openldap'"):
        schema_profile("openldap")
