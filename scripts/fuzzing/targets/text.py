"""The directory's texts: names, filters, LDIF, schema."""

from __future__ import annotations

from collections.abc import Iterable

from directory.errors import InvalidDN, InvalidFilter, InvalidLdif, InvalidSchema
from directory.limits import DN_LENGTH_MAX
from directory.model.dn import DN
from directory.model.filter import format_filter, parse_filter
from directory.model.ldif import ContentRecord, Record, read_ldif
from directory.model.ldif_writer import format_change, format_entry
from directory.schema.parser import parse_schema
from scripts.fuzzing.target import Target, promise


def run_dn(data: bytes) -> None:
    """Read a name; written and read again it is equal, whatever its case."""
    dn = DN.parse(data.decode("utf-8", "replace"))
    promise(DN.parse(str(dn)) == dn, "written and read again it is another name")
    promise(dn.is_within(dn.parent), "a name outside its parent")
    # what the reader filled in at a glance is what the properties work out
    plain = DN(dn.rdns, dn.alternative)
    promise(plain.normal == dn.normal and str(plain) == str(dn), "another normal form")
    promise(not dn.rdns or dn.rdn_text == str(dn.rdn), "another text")


def _within(data: bytes, end: bytes = b"") -> bytes:
    """A hostile name no longer than names may be: longer ones are refused unread."""
    return data[: DN_LENGTH_MAX - len(end) & ~3] + end


def run_filter(data: bytes) -> None:
    """Read a filter; written and read again it is the same."""
    found = parse_filter(data.decode("utf-8", "replace"))
    promise(parse_filter(format_filter(found)) == found, "another filter")


def _written(record: Record) -> bytes:
    if isinstance(record, ContentRecord):
        return format_entry(record.entry).encode()
    return format_change(record.request, record.controls).encode()


def _said(record: Record) -> tuple[object, ...]:
    if isinstance(record, ContentRecord):
        return (record.entry,)
    return (record.request, record.controls)


def run_ldif(data: bytes) -> None:
    """Read a file, whole and in two pieces; what was read is written and read again."""
    cut = len(data) // 2
    records = list(read_ldif([data]))
    promise(list(read_ldif([data[:cut], data[cut:]])) == records, "cutting the file changed it")
    again = list(read_ldif([b"\n".join(map(_written, records))]))
    promise([_said(r) for r in again] == [_said(r) for r in records], "other records")


def run_schema(data: bytes) -> None:
    """Read definitions; each one's own text gives it again."""
    for definition in parse_schema(data.decode("utf-8", "replace")):
        promise(bool(definition.oid), "a definition without an object identifier")


_NAMES = (
    b"CN=Amy,CN=Users,DC=contoso,DC=test", b'CN="a, b"+OU=x;O=#04024869', b"<GUID=0102>",
    b"<WKGUID=a9d1,DC=x>", b"2.5.4.3=a\\,b\\2Cc,2.5.4.11= x \\ ,dc=\xc3\xa9", b"",
)  # fmt: skip
_FILTERS = (
    b"(&(objectClass=user)(!(mail=a*b*c))(|(uSNChanged>=7)(cn=*)))", b"cn=a", b"(cn:=a)",
    b"(memberOf:dn:1.2.840.113556.1.4.1941:=CN=x)", b"(:caseExactMatch:=a)", b"(sn~=Sm\\2ath)",
    b"(a<=b)(", b"(&)",
)  # fmt: skip
_LDIF = (
    b"version: 1\n\ndn: CN=Amy,DC=test\nobjectClass: user\ncn:: QW15\ndescription: a\n b\n",
    b"dn: CN=Amy\nchangetype: modify\nreplace: cn\ncn: Bo\n-\nadd: mail\nmail: a@b\nmail: c@d\n-\n",
    b"dn: CN=Amy\ncontrol: 1.2.840.113556.1.4.805 true\nchangetype: delete\n",
    b"dn: CN=Amy\nchangetype: modrdn\nnewrdn: CN=Bo\ndeleteoldrdn: 1\nnewsuperior: DC=x\n",
    b"# note\r\ndn:: Q049QQ==\r\nchangetype: add\r\nsn: x\r\n", b"dn: CN=A\nphoto:< file:///etc\n",
    b"\xff\xfe" + "dn: CN=A\ncn: é\n".encode("utf-16-le"), b"\xef\xbb\xbfdn: CN=A\ncn: b\n\n\n",
)  # fmt: skip
_SCHEMA = (
    (b"attributetype ( 1.2.3 NAME ( 'a' 'b' ) DESC 'x\\27y' SUP name EQUALITY caseIgnoreMatch"
    b" SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{256} SINGLE-VALUE USAGE dSAOperation X-A 'V' )\n"),
    (b"objectIdentifier root 1.3.6\nobjectclass ( root:1 NAME 'c' SUP top STRUCTURAL\n"
    b"  MUST ( cn $ sn ) MAY description )\n"),
    b"dn: cn=schema\nolcAttributeTypes: {3}( 1.2.4 NAME 'd'\n  COLLECTIVE )\n",
    b"attributeTypes:: KCAxLjIgTkFNRSAnYScgKQ==\n",
    b"( 1.2 NAME 'e' AUX ( f $ g ) NOT h )\nditcontentrule ( 1.3 NAME 'r' AUX a )\n# note\n",
)  # fmt: skip


def _seeds(values: tuple[bytes, ...]) -> Iterable[bytes]:
    return values


DN_TARGET = Target(
    "dn",
    "a distinguished name (RFC 4514, AD's forms)",
    "written and read again it is an equal name, within its parent",
    run_dn,
    (InvalidDN,),
    lambda: _NAMES,
    size_max=256,
    words=(b"CN=", b"\\2C", b"\\", b"#", b'"', b"+", b"2.5.4.3="),
    growers={
        "many RDNs": lambda n: _within(b"a=b," * (n // 4), b"a=b"),
        "many values in one RDN": lambda n: _within(b"a=b+" * (n // 4), b"a=b"),
        "escapes": lambda n: _within(b"a=" + b"\\41" * (n // 3)),
        "quotes": lambda n: _within(b'a="' + b"\\," * (n // 2), b'"'),
        "spaces": lambda n: _within(b"a=b" + b" " * n),
        "spaces first": lambda n: _within(b" " * n, b"1.1"),
        "numbers and dots": lambda n: _within(b"1" + b".1" * (n // 2)),
        "hex": lambda n: _within(b"a=#" + b"41" * (n // 2)),
        "letters beyond ASCII": lambda n: _within(b"a=" + b"\xc3\xa9" * (n // 2)),
    },
)
FILTER_TARGET = Target(
    "filter",
    "a search filter's text (RFC 4515)",
    "written and read again it is the same filter",
    run_filter,
    (InvalidFilter,),
    lambda: _FILTERS,
    size_max=256,
    words=(b"(&", b"(|", b"(!", b":=", b":dn:", b">=", b"<=", b"~=", b"\\2a", b"*", b"=*)"),
    growers={
        "nested not": lambda n: b"(!" * (n // 3) + b"(a=b)" + b")" * (n // 3),
        "opened, never closed": lambda n: b"(&" * (n // 2),
        "a broad and": lambda n: b"(&" + b"(a=b)" * (n // 5) + b")",
        "stars": lambda n: b"(a=" + b"*" * n + b")",
        "escapes": lambda n: b"(a=" + b"\\2a" * (n // 3) + b")",
        "options": lambda n: b"(a" + b";b" * (n // 2) + b"=c)",
        "open items": lambda n: b"(&" + b"(a=b" * (n // 4),
    },
)
LDIF_TARGET = Target(
    "ldif",
    "an LDIF file (RFC 2849, ldifde's)",
    "how it is cut changes nothing; what was read can be written and read again",
    run_ldif,
    (InvalidLdif,),
    lambda: _LDIF,
    size_max=256,
    words=(b"dn: ", b"\nchangetype: ", b"modify\n", b"\n-\n", b"\n\n", b":: ", b":< ", b"\n "),
    growers={
        "many records": lambda n: b"dn: a=b\nc: d\n\n" * (n // 14),
        "many empty lines": lambda n: b"\n" * n,
        "one folded value": lambda n: b"dn: a=b\nc: d" + b"\n d" * (n // 3),
        "many values": lambda n: b"dn: a=b\n" + b"c: d\n" * (n // 5),
        "many attributes": lambda n: (
            b"dn: a=b\n" + b"".join(b"c%d: d\n" % i for i in range(n // 9))
        ),
        "comments": lambda n: b"# a\n" * (n // 4),
        "many changes": lambda n: (
            b"dn: a=b\nchangetype: modify\n" + b"add: c\nc: d\n-\n" * (n // 14)
        ),
        "base64": lambda n: b"dn: a=b\nc:: " + b"QUFB" * (n // 4),
        "carriage returns": lambda n: b"\r" * n,
    },
)
SCHEMA_TARGET = Target(
    "schema",
    "schema text (RFC 4512, OpenLDAP's and LDIF forms)",
    "every definition has an object identifier",
    run_schema,
    (InvalidSchema,),
    lambda: _SCHEMA,
    size_max=256,
    words=(
        b"attributetype ( ",
        b"objectclass ( ",
        b" NAME '",
        b" SUP ",
        b" MUST ( ",
        b" $ ",
        b" )\n",
        b"attributeTypes:: ",
        b"objectIdentifier ",
        b" SYNTAX ",
        b" X-A '",
        b"{0}",
        b"\\27",
    ),
    growers={
        "many definitions": lambda n: b"( 1.2 NAME 'a' )\n" * (n // 17),
        "one definition of many words": lambda n: b"( 1.2 NAME (" + b" 'a'" * (n // 4) + b" ) )",
        "an open quote": lambda n: b"( 1.2 DESC '" + b"\\" * n,
        "many open quotes": lambda n: b"( 1.2 DESC " + b"'a" * (n // 2),
        "spaces": lambda n: b"( 1.2" + b" " * n + b"'",
        "continued lines": lambda n: b"attributetypes: ( 1.2" + b"\n  " * (n // 3) + b")",
        "chained macros": lambda n: b"".join(
            b"objectIdentifier m%d m%d:1\n" % (i + 1, i) for i in range(n // 30)
        ),
        "digits": lambda n: b"( " + b"1" * n + b" )",
    },
)

TARGETS = (DN_TARGET, FILTER_TARGET, LDIF_TARGET, SCHEMA_TARGET)
