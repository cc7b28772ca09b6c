"""The entries every server is measured with: mail recipients as Exchange writes them, numbered.

Twelve attributes, three proxy addresses, every fourth with a certificate of a kilobyte: about
890 octets in an answer. A recipient follows from its number alone, so all servers have the same.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from directory.model.dn import DN
from directory.model.entry import Entry

SUFFIX = "dc=example,dc=com"
RECIPIENTS = f"ou=Recipients,{SUFFIX}"
READER = f"cn=Reader,ou=Services,{SUFFIX}"
"""Who searches: an ordinary account, so that servers check what it may read."""
READER_PASSWORD = "reader"
ADMIN = f"cn=admin,{SUFFIX}"
ADMIN_PASSWORD = "secret"

USN_BASE = 1000
_GIVEN = "Anna Bram Cees Dirk Els Finn Guus Hans Ilse Joop Kees Lies Mies Niek Olga Piet"
_FAMILY = "Jansen Bakker Visser Smit Meijer Mulder Bos Vos Peters Dekker Dijkstra Kok"
GIVEN, FAMILY = _GIVEN.split(), _FAMILY.split()

_TEXT = "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX {}.15"
_NUMBER = "EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX {}.27"
_OCTETS = "EQUALITY octetStringMatch SYNTAX {}.40"
_ATTRIBUTES = {
    "proxyAddresses": _TEXT,
    "legacyExchangeDN": f"{_TEXT} SINGLE-VALUE",
    "mailNickname": f"{_TEXT} SINGLE-VALUE",
    "msExchRecipientTypeDetails": f"{_NUMBER} SINGLE-VALUE",
    "objectGUID": f"{_OCTETS} SINGLE-VALUE",
    "uSNChanged": f"{_NUMBER} SINGLE-VALUE",
    "userCertificateBlob": _OCTETS,
}
_CLASS = (
    "objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'exchRecipient' SUP top STRUCTURAL MUST cn MAY ( "
    f"displayName $ givenName $ sn $ mail $ {' $ '.join(_ATTRIBUTES)} ) )"
)

SCHEMA = "\n".join(
    [
        *(
            f"attributetype ( 1.3.6.1.4.1.99999.1.{number} NAME '{name}' "
            f"{rules.format('1.3.6.1.4.1.1466.115.121.1')} )"
            for number, (name, rules) in enumerate(_ATTRIBUTES.items(), 1)
        ),
        _CLASS,
    ]
)
"""The attributes slapd does not have, in the form both read."""


def alias(number: int) -> str:
    """The mail nickname."""
    given, family = _names(number)
    return f"{given}.{family}.{number:07d}".lower()


def mail(number: int) -> bytes:
    """The primary address."""
    return f"{alias(number)}@example.com".encode()


def name(number: int) -> DN:
    """The DN."""
    return DN.parse(f"cn={_common_name(number)},{RECIPIENTS}")


def recipient(number: int) -> Entry:
    """The entry."""
    given, family = _names(number)
    nick, address = alias(number), mail(number)
    guid = hashlib.md5(b"%d" % number, usedforsecurity=False).digest()
    attributes = {
        "objectClass": (b"top", b"exchRecipient"),
        "cn": (_common_name(number).encode(),),
        "displayName": (f"{given} {family}".encode(),),
        "givenName": (given.encode(),),
        "sn": (family.encode(),),
        "mail": (address,),
        "mailNickname": (nick.encode(),),
        "proxyAddresses": (
            b"SMTP:" + address,
            b"smtp:u%d@mail.example.com" % number,
            f"X500:/o=Example/ou=First/cn=Recipients/cn={nick}".encode(),
        ),
        "legacyExchangeDN": (
            f"/o=Example/ou=Exchange Administrative Group/cn=Recipients/cn={nick}".encode(),
        ),
        "msExchRecipientTypeDetails": (b"1",),
        "objectGUID": (guid,),
        "uSNChanged": (b"%d" % (USN_BASE + number),),
    }
    if number % 4 == 0:
        attributes["userCertificateBlob"] = ((guid * 64)[:1024],)
    return Entry(name(number), attributes)


def base_entries() -> Iterator[Entry]:
    """What the recipients hang below, and the account that searches."""
    yield Entry(DN.parse(SUFFIX), {"objectClass": (b"organization", b"dcObject"),
                                   "o": (b"Example",), "dc": (b"example",)})  # fmt: skip
    for unit in ("Recipients", "Services"):
        yield Entry(DN.parse(f"ou={unit},{SUFFIX}"),
                    {"objectClass": (b"organizationalUnit",), "ou": (unit.encode(),)})  # fmt: skip
    yield Entry(DN.parse(READER), {"objectClass": (b"person",), "cn": (b"Reader",),
                                   "sn": (b"Reader",),
                                   "userPassword": (salted_sha1(READER_PASSWORD),)})  # fmt: skip


def salted_sha1(password: str) -> bytes:
    """A hash all servers know, so that their binds do the same work."""
    salt = b"saltsalt"
    digest = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return b"{SSHA}" + base64.b64encode(digest + salt)


def entries(count: int, first: int = 0) -> Iterator[Entry]:
    """A whole directory: base and ``count`` recipients."""
    yield from base_entries()
    yield from map(recipient, range(first, first + count))


def _names(number: int) -> tuple[str, str]:
    return GIVEN[number % len(GIVEN)], FAMILY[number // len(GIVEN) % len(FAMILY)]


def _common_name(number: int) -> str:
    given, family = _names(number)
    return f"{given} {family} {number:07d}"
