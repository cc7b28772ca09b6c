"""Files that people bring from servers: subscriptions, exports, configurations."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from edgesync.errors import InputInvalid, SubscriptionFileInvalid
from edgesync.lab.importers.clixml import parse_clixml
from edgesync.lab.importers.iis import parse_iis
from edgesync.lab.importers.nrbf import parse_nrbf
from edgesync.lab.importers.serialized_certificate import parse_serialized_certificate
from edgesync.subscription.file import format_subscription, parse_subscription
from scripts.fuzzing.target import Target, promise

_CERTIFICATE = (
    Path(__file__).resolve().parents[3] / "fixtures" / "certificates" / "sha256.pem"
).read_text().partition("-----\n")[2].partition("-----END")[0]  # fmt: skip


def run_subscription(data: bytes) -> None:
    """Read a file; written (in whole seconds) and read again it is the same."""
    found = parse_subscription(data)
    whole = replace(found, duration=timedelta(found.duration.days, found.duration.seconds))
    promise(parse_subscription(format_subscription(found)) == whole, "another subscription")
    promise(found.password not in repr(found) or len(found.password) < 8, "its password is shown")
    promise(found.expires_at >= found.effective_at, "it ends before it begins")


def run_clixml(data: bytes) -> None:
    """Read an export."""
    parse_clixml(data, "x.xml")


def run_iis(data: bytes) -> None:
    """Read a configuration and ask it what a path needs."""
    found = parse_iis(data, "applicationHost.config")
    found.ssl_flags("Default Web Site/owa/auth")
    promise(all(0 < b.port < 65536 for s in found.sites for b in s.bindings), "a wrong port")


def run_nrbf(data: bytes) -> None:
    """Read a serialised object."""
    parse_nrbf(data, "x")


def run_serialized_certificate(data: bytes) -> None:
    """Read a serialised certificate: what is found is inside the bytes."""
    promise(parse_serialized_certificate(data, "x").der in data, "bytes that were not there")


def _subscription(duration: str, effective: str) -> bytes:
    values = {
        "EdgeServerName": "EDGE01", "EdgeServerFQDN": "edge01.contoso.test",
        "EdgeCertificateBlob": _CERTIFICATE, "ESRAUsername": "cn=ESRA.EDGE01", "ESRAPassword": "pw",
        "EffectiveDate": effective, "Duration": duration, "AdamSslPort": "50636",
        "ProductID": "", "VersionNumber": "1", "SerialNumber": "Version 8.3",
    }  # fmt: skip
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return f"<edge-subscription>{inner}</edge-subscription>".encode()


_CLIXML = (
    (b'<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
    b'<Obj RefId="0"><TN RefId="0"><T>A</T></TN><ToString>x_x000D_</ToString><Props>'
    b'<S N="Name">HUB01</S><I32 N="a">7</I32><DT N="d">2026-11-02T08:00:00.1234567Z</DT>'
    b'<TS N="t">P1DT2H</TS><G N="g">11111111-2222-4333-8444-555555555555</G><BA N="b">QUI=</BA>'
    b'<B N="c">true</B><Db N="e">NaN</Db><D N="f">1.5</D><C N="h">65</C><Nil N="n"/>'
    b'</Props><MS><S N="m">x</S></MS><LST><S>a</S><Ref RefId="0"/></LST></Obj></Objs>'),
    (b'<Objs><Obj RefId="1"><TNRef RefId="0"/><DCT><En><S N="Key">a</S><I32 N="Value">1</I32></En>'
    b"</DCT></Obj></Objs>"),
    (b'<Objs><Obj RefId="2"><IE><SB>1</SB></IE><U64>18446744073709551615</U64><SS>x</SS></Obj>'
    b"<Version>1.2.3</Version><URI>http://a</URI></Objs>"),
)  # fmt: skip
_IIS = (
    (b'<configuration><system.applicationHost><sites><site name="Default Web Site" id="1">'
    b'<application path="/owa"/><bindings><binding protocol="https" bindingInformation="*:443:"/>'
    b'<binding protocol="net.tcp" bindingInformation="808:*"/></bindings></site></sites>'
    b'</system.applicationHost><location path="Default Web Site/owa"><system.webServer><security>'
    b'<access sslFlags="Ssl, SslNegotiateCert"/><authentication><basicAuthentication '
    b'enabled="true"/></authentication></security></system.webServer></location></configuration>'),
)  # fmt: skip


def _text7(text: str) -> bytes:
    return bytes((len(text),)) + text.encode()


_NRBF_HEAD = b"\x00" + struct.pack("<iiii", 1, -1, 1, 0)
_NRBF = (
    _NRBF_HEAD + b"\x0c" + struct.pack("<i", 2) + _text7("lib")
    + b"\x05" + struct.pack("<i", 1) + _text7("T") + struct.pack("<i", 3)
    + _text7("a") + _text7("b") + _text7("c") + b"\x00\x01\x02\x08" + struct.pack("<i", 2)
    + struct.pack("<i", 7) + b"\x06" + struct.pack("<i", 3) + _text7("x") + b"\x0a\x0b",
    _NRBF_HEAD + b"\x10" + struct.pack("<ii", 1, 3) + b"\x0d\x02\x09" + struct.pack("<i", 1)
    + b"\x0f" + struct.pack("<iib", 2, 3, 2) + b"abc\x0b",
    _NRBF_HEAD + b"\x04" + struct.pack("<i", 1) + _text7("E") + struct.pack("<i", 1)
    + _text7("value__") + b"\x00\x08" + struct.pack("<i", 9) + b"\x01" + struct.pack("<ii", 2, 1)
    + struct.pack("<i", 9) + b"\x0b",
    _NRBF_HEAD + b"\x07" + struct.pack("<ibii", 1, 0, 1, 2) + b"\x00\x08" + struct.pack("<ii", 1, 2)
    + b"\x08\x03a\x0b",
)  # fmt: skip
_DER = b"\x30\x03\x02\x01\x05"
_SERIALIZED = (
    struct.pack("<III", 11, 1, 6) + "ab\0".encode("utf-16-le")
    + struct.pack("<III", 2, 1, 36) + struct.pack("<7I", 0, 28, 12, 0, 0, 0, 0) + b"p\0r\0\0\0\0\0"
    + struct.pack("<III", 32, 1, len(_DER)) + _DER,
    _DER,
)  # fmt: skip
SUBSCRIPTION = Target(
    "subscription",
    "an Edge Subscription file (XML)",
    "written and read again it is the same; its password is not in its repr",
    run_subscription,
    (SubscriptionFileInvalid,),
    lambda: (
        _subscription("1.00:00:00", "2026-11-02T08:00:00Z"),
        _subscription("P1D", "638976960000000000"),
        _subscription("864000000000", "2026-11-02"),
    ),
    words=(
        b"<EdgeServerName>",
        b"<Duration>",
        b"</Duration>",
        b"<EffectiveDate>",
        b"<!DOCTYPE a [",
        b"<!ENTITY a 'b'>",
        b"&#x41;",
        b"<![CDATA[",
        b"<?xml version='1.0' encoding='utf-16'?>",
    ),
    size_max=4096,
    growers={
        "nested elements": lambda n: b"<a>" * (n // 3),
        "many elements": lambda n: b"<a>" + b"<b/>" * (n // 4) + b"</a>",
        "one long text": lambda n: b"<a>" + b"x" * n + b"</a>",
        "references": lambda n: b"<a>" + b"&lt;" * (n // 4) + b"</a>",
        "attributes": lambda n: b"<a" + b"".join(b' a%d=""' % i for i in range(n // 10)) + b"/>",
        "a long number": lambda n: _subscription("1" * n, "1"),
        "entities": lambda n: b"<!DOCTYPE a [" + b"<!ENTITY b 'c'>" * (n // 15) + b"]><a/>",
    },
)
CLIXML = Target(
    "clixml",
    "an export of Export-Clixml (MS-PSRP 2.2.5)",
    "",
    run_clixml,
    (InputInvalid,),
    lambda: _CLIXML,
    words=(
        b"<Obj RefId='0'>",
        b"<Props>",
        b"<S N='a'>",
        b"</S>",
        b"<Ref RefId='0'/>",
        b"_xD83D_",
        b"<TS N='t'>P",
        b"<DT>",
        b"<!DOCTYPE",
        b"<LST>",
        b"<DCT>",
        b"<En>",
        b"<G>",
        b"<BA>",
        b"<C>",
    ),
    size_max=2048,
    growers={
        "nested objects": lambda n: b"<Objs>" + b"<Obj>" * (n // 5),
        "many objects": lambda n: b"<Objs>" + b"<Nil/>" * (n // 6) + b"</Objs>",
        "escapes": lambda n: b"<Objs><S>" + b"_x0041_" * (n // 7) + b"</S></Objs>",
        "a long integer": lambda n: b"<Objs><I32>" + b"1" * n + b"</I32></Objs>",
        "a long decimal": lambda n: b"<Objs><D>1e" + b"9" * n + b"</D></Objs>",
        "a long date": lambda n: b"<Objs><DT>2026." + b"9" * n + b"</DT></Objs>",
    },
)
IIS = Target(
    "iis",
    "IIS's applicationHost.config",
    "every binding has a port",
    run_iis,
    (InputInvalid,),
    lambda: _IIS,
    words=(
        b"<site name='a' id='1'>",
        b"<binding protocol='http' bindingInformation='*:80:'/>",
        b"<location path=''>",
        b"<access sslFlags='Ssl'/>",
        b"<authentication>",
        b"[::1]:443:",
    ),
    growers={
        "nested sites": lambda n: b"<configuration>" + b"<sites>" * (n // 7),
        "nested sites, closed": lambda n: (
            b"<configuration>"
            + b"<sites>" * min(n // 15, 150)
            + b"<site id='1'/>"
            + b"</sites>" * min(n // 15, 150)
            + b"</configuration>"
        ),
        "many sites": lambda n: (
            b"<configuration><sites>" + b"<site id='1'/>" * (n // 14) + b"</sites></configuration>"
        ),
    },
)
NRBF = Target(
    "nrbf",
    "a .NET object serialised by BinaryFormatter (MS-NRBF)",
    "",
    run_nrbf,
    (InputInvalid,),
    lambda: _NRBF,
    size_max=512,
    growers={
        "nested arrays": lambda n: _NRBF_HEAD + b"\x10\x01\0\0\0\x01\0\0\0" * (n // 9),
        "many nulls claimed": lambda n: (
            _NRBF_HEAD + b"\x10\x01\0\0\0\x3f\x42\x0f\0\x0e\x3f\x42\x0f\0\x0b" + b"\0" * n
        ),
        "one layout, many objects": lambda n: (
            _NRBF[2][:-1] + (b"\x01\x02\0\0\0\x01\0\0\0\x09\0\0\0") * (n // 13) + b"\x0b"
        ),
        "empty classes": lambda n: _NRBF_HEAD + b"\x04\x01\0\0\0\0\0\0\0\0" * (n // 10) + b"\x0b",
    },
)
SERIALIZED_CERTIFICATE = Target(
    "serialized-certificate",
    "a certificate with its store's properties (wincrypt.h)",
    "the certificate is among the bytes",
    run_serialized_certificate,
    (InputInvalid,),
    lambda: _SERIALIZED,
    size_max=512,
    growers={"many properties": lambda n: struct.pack("<III", 7, 1, 0) * (n // 12)},
)
TARGETS = (SERIALIZED_CERTIFICATE, NRBF, SUBSCRIPTION, IIS, CLIXML)
