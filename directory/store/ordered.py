"""The keys of an index in order, in blocks: an insertion moves one block, not all of them."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from itertools import islice

from directory.schema.matching import Key

BLOCK_KEYS = 512
"""Keys of a block when it is made; at twice as many it is cut in two."""

RUN_KEYS = 4096
"""Keys sorted or merged at a time while the order is built: some 3 ms."""


FEW = 8
"""Keys of an answer that are counted one by one, which is quicker than to look for their end."""


class OrderedKeys:
    """Distinct keys of one type, in order."""

    def __init__(self) -> None:
        self._blocks: list[list[Key]] = []
        self._lasts: list[Key] = []
        """The last key of each block."""

    def build(self, keys: Collection[Key]) -> Iterator[None]:
        """Take keys in, any number of them; whoever iterates decides when others have a turn."""
        runs: list[list[Key]] = []
        waiting = iter(keys)
        while run := list(islice(waiting, RUN_KEYS)):
            run.sort()
            runs.append(run)
            yield
        merged = heapq.merge(*runs) if len(runs) > 1 else iter(runs[0] if runs else ())
        while some := list(islice(merged, RUN_KEYS)):
            for at in range(0, len(some), BLOCK_KEYS):
                block = some[at : at + BLOCK_KEYS]
                self._blocks.append(block)
                self._lasts.append(block[-1])
            yield

    def __iter__(self) -> Iterator[Key]:
        for block in self._blocks:
            yield from block

    def add(self, key: Key) -> None:
        """Put in a key; one that is there stays once."""
        if not self._blocks:
            self._blocks.append([key])
            self._lasts.append(key)
            return
        number = min(bisect_left(self._lasts, key), len(self._blocks) - 1)
        block = self._blocks[number]
        at = bisect_left(block, key)
        if at < len(block) and block[at] == key:
            return
        block.insert(at, key)
        if len(block) >= 2 * BLOCK_KEYS:
            self._blocks.insert(number + 1, block[BLOCK_KEYS:])
            self._lasts.insert(number, block[BLOCK_KEYS - 1])
            del block[BLOCK_KEYS:]
            number += 1
        self._lasts[number] = self._blocks[number][-1]

    def remove(self, key: Key) -> None:
        """Take a key out; one that is not there is no error."""
        number = bisect_left(self._lasts, key)
        if number == len(self._blocks):
            return
        block = self._blocks[number]
        at = bisect_left(block, key)
        if block[at] != key:
            return
        del block[at]
        if block:
            self._lasts[number] = block[-1]
        else:
            del self._blocks[number], self._lasts[number]

    def between(
        self, low: Key | None, high: Key | None, at_most: int, *, below: bool = False
    ) -> list[Key] | None:
        """Keys from ``low`` to ``high``, both included, or ``below`` high; None if too many."""
        found: list[Key] = []
        number = 0 if low is None else bisect_left(self._lasts, low)
        for block in islice(self._blocks, number, None):
            first = 0 if low is None or block[0] >= low else bisect_left(block, low)  # type: ignore[operator]  # keys of one type
            last = len(block)
            if high is not None:
                last = bisect_left(block, high) if below else bisect_right(block, high)
            if last - first + len(found) > at_most:
                return None
            found += block[first:last]
            if last < len(block):
                break
        return found

    def starting_with(self, prefix: bytes, at_most: int) -> list[Key] | None:
        """Keys that start so; None if too many."""
        number = bisect_left(self._lasts, prefix)
        if number < len(self._lasts):
            block = self._blocks[number]
            first = last = bisect_left(block, prefix)
            end = len(block)
            while last < end and block[last].startswith(prefix):  # type: ignore[union-attr]  # keys of one type
                last += 1
                if last - first == FEW:
                    break
            else:
                if last < end:
                    return None if last - first > at_most else block[first:last]
        above = _successor(prefix)
        if above is None or number == len(self._lasts) or self._lasts[number] < above:  # type: ignore[operator]  # keys of one type
            return self.between(prefix, above, at_most, below=True)
        block = self._blocks[number]  # nearly always the only one
        first = bisect_left(block, prefix)
        last = bisect_left(block, above, first)
        return None if last - first > at_most else block[first:last]


def _successor(prefix: bytes) -> bytes | None:
    """The smallest string above everything that starts with the prefix."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,)) if stripped else None
