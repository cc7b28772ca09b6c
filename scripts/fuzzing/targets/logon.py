"""What is sent to prove who one is: NTLM and SCRAM messages, the tokens of Hubs."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime

from directory.dsa.ntlm import Names, NtlmExchange, NtlmRefused
from directory.dsa.scram import ScramExchange, ScramRefused, Verifier
from directory.entropy import SeededEntropy
from edgesync.transport.exchange_auth import Denied, accept, client_token, is_genuine
from scripts.fuzzing.target import Target, promise

_NAMES = Names("DC01", "dc01.contoso.test", "CONTOSO", "contoso.test")
_NOW = datetime(2026, 11, 23, tzinfo=UTC)
_HASH = bytes(range(16))
_VERIFIER = Verifier(1, b"salt", bytes(32), bytes(32))


def run_ntlm(data: bytes) -> None:
    """Take the bytes as the first and as the second message: nobody is proved by guessing."""
    exchange = NtlmExchange(_NAMES)
    try:
        exchange.challenge(data, SeededEntropy(1, "n"), _NOW)
    except NtlmRefused:
        exchange.challenge(_NEGOTIATE, SeededEntropy(1, "n"), _NOW)
    exchange.read(data)
    promise(bool(exchange.user), "an exchange without a name")
    promise(not exchange.is_proved(_HASH), "a stranger is proved")


def run_scram(data: bytes) -> None:
    """Take the first line as the first message, the rest as the second: nobody is proved."""
    first, _, second = data.partition(b"\n")
    exchange = ScramExchange(None)
    exchange.read_first(first)
    challenge = exchange.challenge(_VERIFIER, SeededEntropy(1, "s"))
    promise(challenge.startswith(b"r="), "no challenge")
    exchange.finish(second.replace(b"$", challenge[2:].partition(b",")[0]))
    raise AssertionError("a stranger is proved")


def run_exchange_auth(data: bytes) -> None:
    """Judge a token of a server that says who it is: nobody is accepted without the secret."""
    outcome = accept(b"secret", data.decode("latin-1"), target="SmtpSvc/hub01", binding=b"b",
                     now=_NOW)  # fmt: skip
    if not isinstance(outcome, Denied):  # bits of the last letter of Base64 say nothing
        promise(b64decode(data) == b64decode(_token()), "a stranger is accepted")
    promise(not is_genuine(b"secret", "AAAA", data.decode("latin-1"), target="x", binding=b""), "x")


def _token() -> bytes:
    return client_token(
        b"secret", client="HUB02", target="SmtpSvc/hub01", binding=b"b", now=_NOW, nonce=b"nonce"
    ).encode()


_NEGOTIATE = bytes.fromhex(
    "4e544c4d5353500001000000" + "978208e2" + "00" * 16 + "0a00634500 00000f"
)


def _authenticate() -> bytes:
    """An AUTHENTICATE_MESSAGE with each field, of nobody in particular."""
    fields = [b"\0" * 24, b"\x01" * 16 + bytes.fromhex("0101000000000000") + b"\0" * 24,
              "CONTOSO".encode("utf-16-le"), "amy".encode("utf-16-le"), b"H\0", b""]  # fmt: skip
    at, head, body = 88, b"", b""
    for field in fields:
        head += len(field).to_bytes(2, "little") * 2 + (at + len(body)).to_bytes(4, "little")
        body += field
    flags = bytes.fromhex("358288e2")
    return b"NTLMSSP\0\x03\0\0\0" + head + flags + b"\x0a\0\x63\x45\0\0\0\x0f" + b"\0" * 16 + body


NTLM = Target(
    "ntlm",
    "an NTLM message (MS-NLMP)",
    "nobody is proved by a message that was not made for us",
    run_ntlm,
    (NtlmRefused,),
    lambda: (_NEGOTIATE, _authenticate()),
    words=(b"NTLMSSP\0\x01\0\0\0", b"NTLMSSP\0\x03\0\0\0", b"\xff\xff\xff\x7f"),
    size_max=512,
)
SCRAM = Target(
    "scram",
    "SCRAM-SHA-256 messages (RFC 5802)",
    "nobody is proved",
    run_scram,
    (ScramRefused,),
    lambda: (
        b"n,,n=amy,r=nonce\nc=biws,r=$,p=AAAA",
        b"y,a=bo,n=a=2Cb=3D,r=x\nc=eSxhPWJvLA==,r=$,p=",
    ),
    words=(b"n,,", b"n=", b",r=", b",p=", b"c=biws", b"m=", b"=2C", b"$"),
    size_max=256,
)

EXCHANGE_AUTH = Target(
    "exchange-auth", "the token of X-EXPS and its answer", "nobody is accepted without the secret",
    run_exchange_auth, (), lambda: (_token(),), words=(b"AAAA", b"="), size_max=256,
)  # fmt: skip

TARGETS = (SCRAM, NTLM, EXCHANGE_AUTH)
