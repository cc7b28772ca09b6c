"""What a client sends to prove who it is: NTLM and SCRAM messages, stored verifiers."""

from __future__ import annotations

from datetime import UTC, datetime

from directory.dsa.ntlm import Names, NtlmExchange, NtlmRefused
from directory.dsa.scram import ScramExchange, ScramRefused, Verifier
from directory.entropy import SeededEntropy
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

TARGETS = (SCRAM, NTLM)
