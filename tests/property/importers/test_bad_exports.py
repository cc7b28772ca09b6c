"""Whatever bytes a file holds, reading it ends in values or in InputInvalid, and nothing else."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from edgesync.errors import InputInvalid
from edgesync.lab.importers.clixml import parse_clixml, unescape
from edgesync.lab.importers.nrbf import parse_nrbf
from edgesync.lab.importers.organization_export import read_exports
from edgesync.lab.importers.serialized_certificate import parse_serialized_certificate
from tests.support.peers import require_data

TAGS = (
    "Obj", "TN", "T", "TNRef", "ToString", "Props", "MS", "LST", "IE", "STK", "DCT", "En", "Ref",
    "S", "B", "I32", "Db", "D", "DT", "TS", "G", "BA", "C", "Nil", "SS", "Version", "Odd",
)  # fmt: skip
NAMES = (
    "Name",
    "Fqdn",
    "DistinguishedName",
    "Site",
    "RawData",
    "SerializationData",
    "Key",
    "Value",
)

leaf = st.text(alphabet="0123456789.-:TZPx_=/ADC,NaNe<&é\U0001f600", max_size=12)


def render(tag: str, name: str, identity: str, inner: str) -> str:
    return f'<{tag} N="{name}" RefId="{identity}">{inner}</{tag}>'


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


elements = st.recursive(
    leaf.map(escaped),
    lambda inner: st.lists(
        st.builds(
            render, st.sampled_from(TAGS), st.sampled_from(NAMES), st.sampled_from("0123"), inner
        ),
        max_size=4,
    ).map("".join),
    max_leaves=20,
)


@given(st.binary(max_size=400))
@example(b"\xff\xfe<\x00")
@example(b'<?xml version="1.0" encoding="ebcdic-cp-us"?><Objs/>')
@example(b'<?xml version="1.0" encoding="idna"?><Objs/>')
def test_any_bytes_as_clixml(data: bytes) -> None:
    with contextlib.suppress(InputInvalid):
        parse_clixml(data, "x.xml")


@given(elements)
def test_any_elements_as_clixml(body: str) -> None:
    with contextlib.suppress(InputInvalid):
        parse_clixml(f"<Objs>{body}</Objs>".encode(), "x.xml")


@given(st.sampled_from(["Get-ExchangeServer", "Get-ExchangeCertificate", "Get-ReceiveConnector",
                        "Get-SendConnector", "Get-AcceptedDomain", "Get-OwaVirtualDirectory",
                        "InternalTransportCertificate", "Get-TransportConfig"]),
       elements)  # fmt: skip
def test_any_objects_as_exports(cmdlet: str, body: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first = "<Obj><Props><S N='Name'>HUB01</S></Props></Obj>"
        (Path(folder) / "Get-ExchangeServer.xml").write_text(f"<Objs>{first}</Objs>")
        data = f"<Objs>{first}<Obj><Props>{body}</Props><MS>{body}</MS></Obj></Objs>"
        (Path(folder) / f"{cmdlet}.xml").write_text(data, encoding="utf-8")
        with contextlib.suppress(InputInvalid):
            read_exports(Path(folder))


@given(st.binary(max_size=300))
def test_any_bytes_as_a_serialized_object(data: bytes) -> None:
    with contextlib.suppress(InputInvalid):
        parse_nrbf(data, "x")


@given(st.binary(max_size=100))
def test_any_bytes_as_a_serialized_certificate(data: bytes) -> None:
    with contextlib.suppress(InputInvalid):
        parse_serialized_certificate(data, "x")


@given(st.data())
def test_a_real_serialized_object_with_changed_bytes(data: st.DataObject) -> None:
    path = require_data("exchange-2019-clixml/Get-ExchangeCertificate.xml")
    first = parse_clixml(path.read_bytes(), path.name)[1]
    original = getattr(first, "extras", {})["SerializationData"]
    changed = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputInvalid):
        parse_nrbf(bytes(changed), "x")


@given(st.text())
def test_unescaping_gives_text_that_can_be_written(text: str) -> None:
    escaped_text = "".join(
        f"_x{unit:04X}_"
        for pair in [text.encode("utf-16-le", "surrogatepass")]
        for unit in memoryview(pair).cast("H")
    )
    assert unescape(escaped_text) == text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )
