"""Schema text is read in every form people have it in, and refused with a reason."""

from __future__ import annotations

import pytest

from directory.errors import InvalidSchema
from directory.schema.definitions import AttributeType, ObjectClass, ObjectClassKind, Usage
from directory.schema.parser import parse_schema

BARE = """\
( 1.2.3.4 NAME ( 'colour' 'color' ) DESC 'what it\\27s like' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{64} SINGLE-VALUE USAGE directoryOperation X-ORIGIN 'us' )
"""
OPENLDAP = """\
# a comment
objectIdentifier Ours 1.2.3
objectIdentifier OursClass Ours:2

attributetype ( Ours:1
    NAME 'colour'
    EQUALITY caseIgnoreMatch
    SYNTAX 1.3.6.1.4.1.1466.115.121.1.15
    )

objectclass ( OursClass:7 NAME 'paint' SUP top AUXILIARY MUST cn MAY ( colour $ description ) )
"""
CN_CONFIG = """\
dn: cn=ours,cn=schema,cn=config
objectClass: olcSchemaConfig
cn: ours
olcAttributeTypes: {0}( 1.2.3.1 NAME 'colour' EQUALITY caseIgnoreMa
 tch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
olcObjectClasses: {0}( 1.2.3.2.7 NAME 'paint' SUP top AUXILIARY MUST cn MAY
  ( colour $ description ) )
"""


def test_a_bare_description_is_read_with_all_its_parts() -> None:
    (found,) = parse_schema(BARE)
    assert isinstance(found, AttributeType)
    assert found.names == ("colour", "color")
    assert found.description == "what it's like"
    assert found.syntax == "1.3.6.1.4.1.1466.115.121.1.15"
    assert found.single_value
    assert found.usage is Usage.DIRECTORY
    assert found.extensions == {"X-ORIGIN": ("us",)}


@pytest.mark.parametrize("text", [OPENLDAP, CN_CONFIG], ids=["schema file", "cn=config LDIF"])
def test_openldaps_two_forms_say_the_same(text: str) -> None:
    attribute, paint = parse_schema(text)
    assert (attribute.oid, attribute.name) == ("1.2.3.1", "colour")
    assert isinstance(attribute, AttributeType)
    assert attribute.equality == "caseIgnoreMatch"
    assert isinstance(paint, ObjectClass)
    assert paint.oid == "1.2.3.2.7"
    assert paint.kind is ObjectClassKind.AUXILIARY
    assert paint.may == ("colour", "description")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("( 1.2.3 NAME 'x' SYNTAX 1.2 ", "not closed"),
        ("( 1.2.3 NAME 'x' WHATEVER )", "unknown word 'WHATEVER'"),
        ("attributetype ( 1.2.3 NAME 'x' USAGE sometimes )", "unknown usage"),
        ("attributetype ( ?? NAME 'x' )", "not an object identifier"),
        ("attributetype ( 1.2.3 MAY cn )", "does not know"),
    ],
)
def test_what_is_wrong_is_named(text: str, reason: str) -> None:
    with pytest.raises(InvalidSchema, match=reason.replace("?", r"\?")):
        parse_schema(text)


def test_the_offset_of_the_bad_definition_is_given() -> None:
    text = OPENLDAP + "attributetype ( 1.2.3.9 NAME 'x' WHAT )\n"
    with pytest.raises(InvalidSchema) as caught:
        parse_schema(text)
    assert caught.value.offset == text.index("attributetype ( 1.2.3.9")


@pytest.mark.parametrize("text", ["attributeTypes:: QQ=", "attributeTypes:: /w=="])
def test_base64_that_is_no_text_is_refused_as_bad_schema(text: str) -> None:
    with pytest.raises(InvalidSchema, match="base64"):
        parse_schema(text)


@pytest.mark.parametrize("superiors", ["( )", "( name $ cn )"])
def test_an_attribute_type_has_one_superior(superiors: str) -> None:
    with pytest.raises(InvalidSchema, match="one superior"):
        parse_schema(f"attributetype ( 1.2.3 NAME 'a' SUP {superiors} )")
