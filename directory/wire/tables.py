"""Adds of entries that are alike, as a client that pipelines sends them, and their answers.

What is common to all of them is made once. ``tests/property/wire/test_tables.py`` compares each
message with what ``ClientConnection.send`` makes.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from directory.model import ber
from directory.model.encoded import ADD_REQUEST_TAG, EntryTable
from directory.wire import tags

_ADDED = bytes((tags.ADD_RESPONSE, 7, 0x0A, 1, 0, 4, 0, 4, 0))
"""An AddResponse that says success and nothing else (RFC 4511 sections 4.1.9 and 4.7)."""


def encode_adds(table: EntryTable, first_id: int) -> list[bytes]:
    """An AddRequest for each entry, numbered from ``first_id``."""
    length = ber.length
    form = table.form
    kind, above = form.kind + b"=", b"," + form.above
    around = len(kind) + len(above)
    sequence, string, add = [
        bytes((tag,)) for tag in (ber.SEQUENCE, ber.OCTET_STRING, ADD_REQUEST_TAG)
    ]
    messages: list[bytes] = []
    for number, value, *blobs in zip(
        range(first_id, first_id + len(table.values)), table.values, *table.columns, strict=True
    ):
        attributes = b"".join(blobs)
        name_length, list_length = length(around + len(value)), length(len(attributes))
        size = len(name_length) + around + len(value) + len(list_length) + len(attributes) + 2
        id_element, size_length = ber.integer(number), length(size)
        whole = length(len(id_element) + 1 + len(size_length) + size)
        message = (
            sequence, whole, id_element, add, size_length, string, name_length, kind, value, above,
            sequence, list_length, attributes,
        )  # fmt: skip
        messages.append(b"".join(message))
    return messages


class ExpectedAnswers:
    """The answers to adds that all succeed, in their order: what nearly always comes."""

    def __init__(self, first_id: int, count: int) -> None:
        answers = [_answer(number) for number in range(first_id, first_id + count)]
        self._answers = b"".join(answers)
        self._ends = list(accumulate(map(len, answers)))
        self.seen = 0
        """How many have come."""

    def take(self, data: bytes, at: int) -> int:
        """Note the whole answers that stand at ``at``; how many octets they are.

        None are noted where anything else is among what was received: that has to be read.
        """
        start = self._ends[self.seen - 1] if self.seen else 0
        size = min(len(data) - at, len(self._answers) - start)
        if size <= 0 or data[at : at + size] != self._answers[start : start + size]:
            return 0
        seen = bisect_right(self._ends, start + size)
        if seen == self.seen:
            return 0
        self.seen = seen
        return self._ends[seen - 1] - start


def _answer(number: int) -> bytes:
    inside = ber.integer(number) + _ADDED
    return bytes((ber.SEQUENCE, len(inside))) + inside
