"""Randomness as an argument. The only module of the directory that asks the machine for it."""

from __future__ import annotations

import hashlib
import os
from typing import Protocol
from uuid import UUID


class Entropy(Protocol):
    """Where unpredictable (or, in a simulation, reproducible) bytes come from."""

    def token_bytes(self, n: int) -> bytes:
        """``n`` bytes."""
        ...

    def uuid(self) -> UUID:
        """A version 4 UUID."""
        ...


class SystemEntropy:
    """The operating system's random generator."""

    def token_bytes(self, n: int) -> bytes:
        """``n`` unpredictable bytes."""
        return os.urandom(n)

    def uuid(self) -> UUID:
        """A random version 4 UUID."""
        return UUID(bytes=os.urandom(16), version=4)


class SeededEntropy:
    """SHA-256 in counter mode: the same seed and label give the same bytes on any machine."""

    def __init__(self, seed: int, label: str = "") -> None:
        self._key = hashlib.sha256(f"{seed}/{label}".encode()).digest()
        self._counter = 0
        self._buffer = b""

    def token_bytes(self, n: int) -> bytes:
        """The next ``n`` bytes of the stream."""
        while len(self._buffer) < n:
            block = self._key + self._counter.to_bytes(8, "big")
            self._buffer += hashlib.sha256(block).digest()
            self._counter += 1
        taken, self._buffer = self._buffer[:n], self._buffer[n:]
        return taken

    def uuid(self) -> UUID:
        """The next version 4 UUID of the stream."""
        return UUID(bytes=self.token_bytes(16), version=4)
