"""One-way hashes of addresses: what an Edge knows instead of addresses (edgesync-facts 5.3).

SHA-256 is documented; its exact input and the text form are not. The forms here are choices of
``Policy.recipient_hash`` and listed in docs/fidelity.md.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

AddressHash = Callable[[str], bytes]
"""From a proxy address (``SMTP:a@b``) to the value an Edge keeps."""

HASH_PREFIX = b"sha256:"
"""Marks a hashed value, so that nobody takes it for an address."""

SAFELIST_ENTRIES_MAX = 1024
"""Most unique entries of one list (edgesync-facts 5.3)."""

SAFELIST_HASH_SIZE = 4
"""Bytes kept of each entry's SHA-256."""


def hash_with_type(proxy_address: str) -> bytes:
    """SHA-256 over the whole proxy address in lower case, its type included."""
    digest = sha256(proxy_address.lower().encode()).digest()
    return HASH_PREFIX + b2a_base64(digest, newline=False)


def hash_without_type(proxy_address: str) -> bytes:
    """SHA-256 over an SMTP address in lower case; other types keep theirs."""
    digest = sha256(proxy_address.lower().removeprefix("smtp:").encode()).digest()
    return HASH_PREFIX + b2a_base64(digest, newline=False)


def hash_all(hash_address: AddressHash, addresses: Sequence[bytes]) -> list[bytes]:
    """``hash_address`` of many, given in UTF-8; ASCII is folded as the lines of one text.

    Raises:
        UnicodeDecodeError: one is not UTF-8.
    """
    lines = b"\n".join(addresses)
    if (
        hash_address not in {hash_with_type, hash_without_type}
        or not lines.isascii()
        or lines.count(b"\n") >= len(addresses)
    ):
        return [hash_address(address.decode()) for address in addresses]
    folded = lines.lower().split(b"\n")
    if hash_address is hash_without_type:
        folded = [address.removeprefix(b"smtp:") for address in folded]
    return [HASH_PREFIX + b2a_base64(sha256(one).digest(), newline=False) for one in folded]


ADDRESS_HASHES: dict[str, AddressHash] = {
    "sha256-smtp-lower": hash_with_type,
    "sha256-address": hash_without_type,
}
"""By the words of ``Policy.recipient_hash``."""


def proxy_address(address: str) -> str:
    """An address as a proxy address: SMTP unless it names its type."""
    kind, colon, _ = address.partition(":")
    return address if colon and "@" not in kind else f"smtp:{address}"


def hash_safelist(entries: Iterable[str]) -> bytes:
    """A safe or blocked list as one value: each entry's SHA-256 cut to 4 bytes, sorted, joined.

    Raises:
        ValueError: more unique entries than a list may have.
    """
    unique = {entry.strip().lower() for entry in entries if entry.strip()}
    if len(unique) > SAFELIST_ENTRIES_MAX:
        raise ValueError(f"a list has at most {SAFELIST_ENTRIES_MAX} entries, not {len(unique)}")
    return b"".join(sorted({_short(entry) for entry in unique}))


def in_safelist(value: bytes, entry: str) -> bool:
    """Whether a list's value has an entry; with 4 bytes a stranger matches once in 4 million."""
    wanted = _short(entry.strip().lower())
    return any(
        value[i : i + SAFELIST_HASH_SIZE] == wanted
        for i in range(0, len(value), SAFELIST_HASH_SIZE)
    )


def _short(entry: str) -> bytes:
    return sha256(entry.encode()).digest()[:SAFELIST_HASH_SIZE]
