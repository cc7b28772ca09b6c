"""CLIXML as Export-Clixml writes it becomes plain values; anything else is refused by line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from edgesync.errors import InputInvalid
from edgesync.lab.importers.clixml import PSObject, Value, parse_clixml, read_clixml
from edgesync.lab.importers.markup import DEPTH_MAX
from tests.support.peers import require_data

HEAD = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'


def document(body: str) -> bytes:
    return f"{HEAD}{body}</Objs>".encode()


def values(body: str) -> list[Value]:
    return parse_clixml(document(body), "x.xml")


def only_object(body: str) -> PSObject:
    (value,) = values(body)
    assert isinstance(value, PSObject)
    return value


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("<S>plain</S>", "plain"),
        ("<S>two_x000D__x000A_lines _x0041_</S>", "two\r\nlines A"),
        ("<S>_xD83D__xDE00_</S>", "😀"),
        ("<S>_xD83D_</S>", "\ufffd"),
        ("<B>true</B>", True),
        ("<I32>-5</I32>", -5),
        ("<U64>18446744073709551615</U64>", 2**64 - 1),
        ("<Db>0.25</Db>", 0.25),
        ("<D>1.10</D>", Decimal("1.10")),
        ("<C>65</C>", "A"),
        ("<DT>2021-10-06T19:24:05Z</DT>", datetime(2021, 10, 6, 19, 24, 5, tzinfo=UTC)),
        (
            "<DT>2021-10-06T15:24:05.1234567-04:00</DT>",
            datetime(2021, 10, 6, 19, 24, 5, 123456, tzinfo=UTC),
        ),
        ("<DT>2021-10-06T19:24:05</DT>", datetime(2021, 10, 6, 19, 24, 5, tzinfo=UTC)),
        ("<TS>PT9.0269026S</TS>", timedelta(seconds=9.0269026)),
        ("<TS>-P1DT2H3M</TS>", -timedelta(days=1, hours=2, minutes=3)),
        (
            "<G>49ef970b-7f97-475c-a415-91e2b7744875</G>",
            UUID("49ef970b-7f97-475c-a415-91e2b7744875"),
        ),
        ("<BA>AAEC\n /w==</BA>", b"\x00\x01\x02\xff"),
        ("<Version>15.2.986.5</Version>", "15.2.986.5"),
        ("<Nil />", None),
    ],
)
def test_a_primitive_has_the_python_value_of_its_dotnet_type(element: str, value: object) -> None:
    assert values(element) == [value]


def test_a_secure_string_is_not_kept() -> None:
    assert values("<SS>01000000d08c9ddf0115d1118c7a00c04fc297eb</SS>") == [None]


def test_an_enum_has_its_word_and_its_number() -> None:
    found = only_object(
        '<Obj RefId="0"><TN RefId="0"><T>Ns.AcceptedDomainType</T><T>System.Enum</T></TN>'
        "<ToString>InternalRelay</ToString><I32>2</I32></Obj>"
    )
    assert str(found) == "InternalRelay"
    assert found.value == 2
    assert found.is_a("AcceptedDomainType")


def test_properties_are_found_in_any_case_and_before_notes() -> None:
    found = only_object(
        '<Obj RefId="0"><Props><S N="Name">own</S></Props>'
        '<MS><S N="name">note</S><S N="PSComputerName">srv</S></MS></Obj>'
    )
    assert found.get("NAME") == "own"
    assert found.get("pscomputername") == "srv"
    assert found.get("absent") is None


def test_lists_and_dictionaries_keep_their_order() -> None:
    found = only_object('<Obj RefId="0"><LST><S>b</S><S>a</S></LST></Obj>')
    assert found.items == ["b", "a"]
    found = only_object(
        '<Obj RefId="0"><DCT><En><S N="Key">k</S><I32 N="Value">1</I32></En></DCT></Obj>'
    )
    assert found.pairs == [("k", 1)]


def test_type_names_and_objects_are_shared_by_reference_across_the_file() -> None:
    first, second = values(
        '<Obj RefId="0"><TN RefId="0"><T>Ns.Thing</T></TN><ToString>one</ToString></Obj>'
        '<Obj RefId="1"><TNRef RefId="0" /><Props><Ref N="Other" RefId="0" /></Props></Obj>'
    )
    assert isinstance(first, PSObject)
    assert isinstance(second, PSObject)
    assert second.types == ("Ns.Thing",)
    assert second.get("Other") is first


def test_an_object_may_refer_to_itself() -> None:
    found = only_object('<Obj RefId="0"><Props><Ref N="Self" RefId="0" /></Props></Obj>')
    assert found.get("Self") is found
    assert "PSObject" in repr(found)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_every_encoding_export_clixml_writes_is_read(encoding: str) -> None:
    text = document("<S>Zürich</S>").decode()
    assert parse_clixml(text.encode(encoding), "x.xml") == ["Zürich"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.xml, line 1: not XML: no element found"),
        (b"<Objs>\n<S>open</Objs>", "x.xml, line 2: not XML: mismatched tag"),
        (b"<html/>", "x.xml, line 1: <html> is not the root element Objs of CLIXML"),
        (document("\n<Odd/>"), "x.xml, line 2: <Odd> is no element of CLIXML"),
        (document("<I32>many</I32>"), "x.xml, line 1: <I32> cannot be 'many'"),
        (document("<BA>a</BA>"), "x.xml, line 1: <BA> cannot be 'a'"),
        (document("<B>perhaps</B>"), "x.xml, line 1: <B> cannot be 'perhaps'"),
        (document("<C>99999999</C>"), "x.xml, line 1: <C> cannot be '99999999'"),
        (document("<TS>10 minutes</TS>"), "x.xml, line 1: <TS> cannot be '10 minutes'"),
        (
            document('<Ref RefId="7" />'),
            "x.xml, line 1: <Ref> refers to '7', which was not seen",
        ),
        (
            document('<Obj><TNRef RefId="3" /></Obj>'),
            "x.xml, line 1: <TNRef> refers to '3', which was not seen",
        ),
        (document("<Obj><Props><S>x</S></Props></Obj>"), "x.xml, line 1: <S> has no name (N)"),
        (
            document("<Obj><DCT><En><S N='Key'>k</S></En></DCT></Obj>"),
            "x.xml, line 1: <En> is no dictionary entry with Key and Value",
        ),
        (
            b'<!DOCTYPE Objs [<!ENTITY a "aaaa">]><Objs><S>&a;</S></Objs>',
            "x.xml, line 1: a document type (DTD) is not allowed",
        ),
        (
            b"<Objs>" + b"<Obj>" * (DEPTH_MAX + 1),
            f"x.xml, line 1: nested deeper than {DEPTH_MAX} elements",
        ),
    ],
)
def test_a_malformed_file_is_refused_by_line_and_element(data: bytes, message: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        parse_clixml(data, "x.xml")
    assert caught.value.message == message
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"absent\.xml: No such file"):
        read_clixml(tmp_path / "absent.xml")


def test_every_real_export_is_read_whole() -> None:
    folder = require_data("exchange-2019-clixml")
    counts = {path.name: len(read_clixml(path)) for path in folder.glob("*.xml")}
    assert counts["Get-AcceptedDomain.bad.xml"] == 4
    assert counts["Get-ReceiveConnector.xml"] == 5
    assert counts["Get-ExchangeCertificate.xml"] == 3
    assert len(counts) == 13
