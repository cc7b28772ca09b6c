"""Find keys that contain a piece, by the groups of three octets in it.

Costs memory (some 110 octets for a mail address), so that an index has it only where such searches
come again. Its time is the searches': a key that comes is put aside, looked at as it is while few
are, and taken in by the next search when they are many. Whoever writes does not pay for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence

LENGTH = 3
"""Octets of a group; a shorter piece is in too many keys for any index to help."""

SLICE_KEYS = 256
"""Keys taken in at a time while it is built: some 3 ms."""

ENOUGH = 64
"""So few keys are looked at one by one rather than narrowed down further."""

ASIDE_MAX = 256
"""Keys put aside that a search looks at one by one: some 10 µs."""


class Trigrams:
    """Numbers of keys by groups of octets. Keys that are gone stay until it is built anew."""

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._numbers: dict[bytes, array[int]] = {}
        self._aside: list[bytes] = []

    def __len__(self) -> int:
        """How many keys it has, those that are gone included."""
        return len(self._keys) + len(self._aside)

    @property
    def is_ready(self) -> bool:
        """Whether so few keys are put aside that a search need not take them in."""
        return len(self._aside) <= ASIDE_MAX

    def build(self, keys: Collection[bytes]) -> Iterator[None]:
        """Take keys in, any number of them; whoever iterates decides when others have a turn."""
        for count, key in enumerate(keys, 1):
            self._take(key)
            if not count % SLICE_KEYS:
                yield

    def add(self, key: bytes) -> None:
        """Put a key aside."""
        self._aside.append(key)

    def take_some_in(self) -> None:
        """One step towards being ready; others may put more aside before the next."""
        some = self._aside[-SLICE_KEYS:]
        del self._aside[-SLICE_KEYS:]
        for key in some:
            self._take(key)

    def _take(self, key: bytes) -> None:
        number = len(self._keys)
        self._keys.append(key)
        numbers = self._numbers
        for group in {key[at : at + LENGTH] for at in range(len(key) - LENGTH + 1)}:
            found = numbers.get(group)
            if found is None:
                numbers[group] = array("I", (number,))
            else:
                found.append(number)

    def containing(self, piece: bytes) -> Iterator[bytes]:
        """Keys that contain a piece of at least LENGTH octets; some may be gone, or come twice."""
        groups = {piece[at : at + LENGTH] for at in range(len(piece) - LENGTH + 1)}
        postings = sorted((self._numbers.get(group, ()) for group in groups), key=len)
        numbers: Sequence[int] = postings[0]
        for others in postings[1:]:
            if len(numbers) <= ENOUGH or len(others) > 16 * len(numbers):
                break  # reading these would cost more than looking at the keys
            numbers = [*set(numbers).intersection(others)]
        keys = self._keys
        for number in numbers:
            if piece in (key := keys[number]):
                yield key
        for key in self._aside:
            if piece in key:
                yield key
