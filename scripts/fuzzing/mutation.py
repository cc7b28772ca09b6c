"""Seeded mutation: changed inputs without any tool, the same ones on every machine.

What CI runs between campaigns: no coverage guides it, so it starts from the corpus that coverage
found.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from scripts.fuzzing.target import Target

CHANGES_MAX = 4
"""Most changes made to one input: more, and hardly any is taken by its parser."""

_TELLING = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\x84\xff\xff\xff\xff", b"\r\n", b'"', b"\\", b"<")
"""Bytes at which parsers decide something."""


def mutated(target: Target, inputs: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """So many inputs made from these, always the same for one seed."""
    choose = random.Random(seed)
    words = (*target.words, *_TELLING)
    for _ in range(count):
        data = bytearray(choose.choice(inputs))
        for _ in range(choose.randint(1, CHANGES_MAX)):
            _change(data, choose, words, inputs)
        yield bytes(data[: target.size_max])


def _change(
    data: bytearray, choose: random.Random, words: Sequence[bytes], inputs: Sequence[bytes]
) -> None:
    at = choose.randint(0, len(data))
    match choose.randrange(6):
        case 0 if at < len(data):
            data[at] ^= 1 << choose.randrange(8)
        case 1 if at < len(data):
            data[at] = choose.randrange(256)
        case 2:
            data[at:at] = choose.choice(words)
        case 3:
            del data[at : at + choose.randint(1, 8)]
        case 4:  # a piece of this input again
            data[at:at] = data[at : at + choose.randint(1, 32)]
        case _:  # the end of another
            other = choose.choice(inputs)
            data[at:] = other[choose.randint(0, len(other)) :]
