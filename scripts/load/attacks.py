"""What strangers do to an LDAP server, to a lab's SMTP server and to its console."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from directory.model import ber, oids
from directory.model.dn import DN
from directory.model.filter import Filter, Not, Or, parse_filter
from directory.model.messages import (
    ExtendedRequest,
    LdapMessage,
    Scope,
    SearchRequest,
)
from directory.wire.messages import encode_message
from scripts.load.strangers import Manner

BASE = DN.parse("dc=example,dc=com")
CLIENT_HELLO = bytes.fromhex("16030100f8010000f40303") + bytes(32)
"""The beginning of a ClientHello whose rest never comes."""

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attack:
    """So many strangers of one manner, and what the server may grow by meanwhile."""

    name: str
    what: str
    connections: int
    manner: Callable[[int], Manner]
    growth_max: int
    """Bound on the server's additional memory, bytes."""
    at: str = "ldap"
    """Which address: ``ldap``, ``ldaps``, ``smtp``, ``http``."""


def _search(
    filter_: Filter, *, scope: Scope = Scope.SUBTREE, size: int = 0, number: int = 1
) -> bytes:
    request = SearchRequest(BASE, scope, filter_, size_limit=size)
    return encode_message(LdapMessage(number, request))


DUMP = _search(parse_filter("(objectClass=*)"))
EQUAL = _search(parse_filter("(uid=user00099)"))


def _deep(levels: int) -> bytes:
    """``(!(!(!...(uid=x))))``, written by hand: our own encoder would refuse the deepest."""
    inner = ber.tlv(0xA3, ber.octet_string(b"uid") + ber.octet_string(b"x"))
    for _ in range(levels):
        inner = ber.tlv(0xA2, inner)
    body = (
        ber.octet_string(b"dc=example,dc=com") + ber.tlv(10, b"\x02") + ber.tlv(10, b"\x00")
        + ber.tlv(2, b"\x00") + ber.tlv(2, b"\x00") + ber.tlv(1, b"\x00") + inner
        + ber.tlv(0x30, b"")
    )  # fmt: skip
    return ber.tlv(0x30, ber.tlv(2, b"\x01") + ber.tlv(0x63, body))


def _wide(elements: int) -> bytes:
    items = tuple(parse_filter(f"(description=*no{number}such*)") for number in range(elements))
    return _search(Not(Or(items)), size=1)


def _slow_writer(index: int) -> Manner:
    """Half of a request as large as a stranger may send, then an octet a second."""
    size = 200_000
    opening = b"\x30\x84" + size.to_bytes(4, "big") + bytes(size // 2 if index % 2 else 20)
    return Manner(opening, drip=b"\0", reads="all")


def _half_tls(index: int) -> Manner:
    return Manner(CLIENT_HELLO[: 5 + index % 30] if index % 2 else b"")


START_TLS = encode_message(LdapMessage(1, ExtendedRequest(oids.START_TLS)))

LDAP_ATTACKS = (
    Attack("connections", "connect, ask once a second, stay", 2000,
           lambda _: Manner(EQUAL, drip=EQUAL), 128 * MIB),
    Attack("slow readers", "ask for everything, read 4 KiB a second or nothing", 2000,
           lambda i: Manner(DUMP, reads="slowly" if i % 2 else "nothing"), 512 * MIB),
    Attack("slow writers", "half of a large request, then an octet a second", 2000, _slow_writer,
           512 * MIB),
    Attack("half-open TLS", "begin a handshake on LDAPS and stop", 2000, _half_tls, 256 * MIB,
           at="ldaps"),
    Attack("half-open StartTLS", "StartTLS, then silence", 500, lambda _: Manner(START_TLS),
           128 * MIB),
    Attack("request flood", "1,000 searches at a time, never waiting", 64,
           lambda _: Manner(EQUAL * 1000, again=EQUAL * 1000), 128 * MIB),
    Attack("flood unread", "5,000 searches at a time, answers unread", 500,
           lambda _: Manner(EQUAL * 5000, reads="nothing"), 512 * MIB),
    Attack("giant results", "everything, again and again", 16,
           lambda _: Manner(DUMP, drip=DUMP), 128 * MIB),
    Attack("deep filters", "100 and 10,000 levels, 4,000 substrings", 32,
           lambda i: (Manner(_deep(100), drip=_deep(100)), Manner(_deep(10_000)),
                      Manner(_wide(4000), drip=_wide(4000)), Manner(_wide(5000)))[i % 4],
           128 * MIB),
)  # fmt: skip

_MAIL = b"EHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<user0@contoso.test>\r\nDATA\r\n"

SMTP_ATTACKS = (
    Attack("SMTP connections", "connect, say NOOP once a second", 400,
           lambda _: Manner(drip=b"NOOP\r\n"), 64 * MIB, at="smtp"),
    Attack("SMTP slow writers", "a message of one line a second", 200,
           lambda _: Manner(drip=_MAIL), 64 * MIB, at="smtp"),
    Attack("SMTP endless line", "a command without an end", 200,
           lambda _: Manner(drip=b"A" * 65536), 64 * MIB, at="smtp"),
    Attack("SMTP unread", "NOOPs by the thousand, answers unread", 200,
           lambda _: Manner(drip=b"NOOP\r\n" * 5000, reads="nothing"), 128 * MIB, at="smtp"),
)  # fmt: skip

_REQUESTS = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 500
_SLOW_HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"

HTTP_ATTACKS = (
    Attack("HTTP silent", "connect and say nothing", 1000, lambda _: Manner(), 64 * MIB, at="http"),
    Attack("HTTP slow heads", "a header line a second, for ever", 500,
           lambda _: Manner(_SLOW_HEAD, drip=b"X-A: b\r\n"), 64 * MIB, at="http"),
    Attack("HTTP endless head", "one header line without an end", 200,
           lambda _: Manner(_SLOW_HEAD + b"X-A: ", drip=b"a" * 65536), 64 * MIB, at="http"),
    Attack("HTTP slow bodies", "8 MiB announced, a byte a second", 500,
           lambda _: Manner(b"POST /api/v1/operations/lab.status HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                            b"Content-Length: 8000000\r\n\r\n", drip=b"{"), 64 * MIB, at="http"),
    Attack("HTTP flood", "500 requests at a time, never waiting", 32,
           lambda _: Manner(_REQUESTS, again=_REQUESTS), 128 * MIB, at="http"),
)  # fmt: skip
