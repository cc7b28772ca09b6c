"""The fast lane: the searches that make up nearly all traffic, read with a few slices.

One item of a name and at most one value, or some of which all must match; no controls, short
names. Everything it cannot read at a glance it leaves to the plain path (``wire.frame`` and
``wire.requests``), by answering None: it never decides anything itself.

Most searches are one of a few questions about another value: the octets before and behind the value
have been there before. Those are compared with what was read, in one look, and only the value is
taken (``_KNOWN``). ``tests/property/wire/test_quick.py`` holds all of it together.
"""

from __future__ import annotations

from directory.errors import DecodeError, LdapError
from directory.limits import REMEMBERED_OCTETS_MAX
from directory.model import ber
from directory.model.ber import Reader
from directory.model.filter import (
    Equality,
    GreaterOrEqual,
    ItemMaker,
    LessOrEqual,
    containing,
    ending_with,
    starting_with,
)
from directory.model.question import Others, Question
from directory.wire import tags
from directory.wire.entries import KNOWN_SELECTIONS, decode_selection
from directory.wire.filters import (
    AND,
    EQUALITY,
    GREATER_OR_EQUAL,
    LESS_OR_EQUAL,
    PRESENT,
    SUBSTRINGS,
)
from directory.wire.frame import FrameBuffer

QUESTIONS_MAX = 4096
"""Questions remembered, one for each length of value; all are forgotten when there are more. Each
is below a kilobyte."""

_KNOWN: dict[bytes, tuple[int, Question]] = {}
"""Questions by what is around the value: from the base on up to the value, and what is behind.

Beside each stands where the value begins, counted from the base's element. All lengths are among
these octets, that of the value too, so whatever has the same is as well formed as what was read.
"""

_SAME: dict[Question, Question] = {}
"""One object for each question, whatever the length of its value."""

_SCOPES = 4
_SHORT = 128

_LIMITS = {
    bytes((10, 1, scope, 10, 1, deref, 2, 1, size, 2, 1, time, 1, 1, 0)): (scope, size)
    for scope in range(_SCOPES)
    for deref in range(4)
    for size in (0, 1, 2, 10, 100)
    for time in (0, 10, 30, 60)
}
"""Scope, derefAliases, sizeLimit, timeLimit, typesOnly false, as the usual fifteen octets."""

_LIMITS_OCTETS = 15

_ASSERTIONS: dict[int, ItemMaker] = {
    EQUALITY: Equality, GREATER_OR_EQUAL: GreaterOrEqual, LESS_OR_EQUAL: LessOrEqual,
}  # fmt: skip
_PIECES: dict[int, ItemMaker] = {0x80: starting_with, 0x81: containing, 0x82: ending_with}


def next_search(frames: FrameBuffer) -> tuple[int, bytes, Question, bytes | None] | None:
    """The next message if it is a quick search: where it ends, its id element, and the search.

    The buffer stays where it is. None says nothing but that ``next_frame`` has to look.
    """
    data, at = frames.data, frames.at
    try:
        n = data[at + 1]
        if n < _SHORT:
            start = at + 2
        elif n == 0x81:
            n = data[at + 2]
            start = at + 3
        else:
            return None
        end = start + n
        size = data[start + 1]
        operation = start + 2 + size
        first = data[start + 2]
        if (
            data[at] != ber.SEQUENCE or end > len(data) or data[start] != ber.INTEGER
            or not 1 <= size <= 4 or first >= _SHORT
            or data[operation] != tags.SEARCH_REQUEST
            # zero, which is the server's, and ids with octets more than they need
            or (not first and (size == 1 or data[start + 3] < _SHORT))
        ):  # fmt: skip
            return None
        offset = frames.value_offset
        if offset:
            n = data[operation + 1]
            base_at = operation + 2
            if n >= _SHORT:
                n = data[base_at] if n == 0x81 else -1
                base_at += 1
            value_at = base_at + offset
            if value_at < end and base_at + n == end:
                stop = value_at + data[value_at - 1]
                known = _KNOWN.get(data[base_at:value_at] + data[stop:end])
                if known is not None and known[0] == offset:
                    return end, data[start:operation], known[1], data[value_at:stop]
            frames.value_offset = 0
    except IndexError:
        return None
    search = quick_search(data, operation, end)
    if search is None:
        return None
    question, value, value_at = search
    if value is not None and value_at:
        base_at = operation + 2 + (data[operation + 1] >= _SHORT)
        frames.value_offset = value_at - base_at
        around = data[base_at:value_at] + data[value_at + len(value) : end]
        question = _remembered(around, value_at - base_at, question)
    return end, data[start:operation], question, value


def quick_search(data: bytes, at: int, end: int) -> tuple[Question, bytes | None, int] | None:
    """Read a SearchRequest that is the whole of ``data[at:end]``, or leave it to the plain path.

    A question, the value it is about (None: present), and where that is, if it is the only one.
    """
    try:
        n = data[at + 1]
        if n < _SHORT:
            base_at = at + 4
        elif n == 0x81:
            n = data[at + 2]
            base_at = at + 5
        else:
            return None
        base_end = base_at + data[base_at - 1]
        filter_at = base_end + _LIMITS_OCTETS
        limits = _LIMITS.get(data[base_end:filter_at])
        if (
            limits is None or base_at - 2 + n != end
            or data[base_at - 2] != ber.OCTET_STRING or data[base_at - 1] >= _SHORT
        ):  # fmt: skip
            return None
        n = data[filter_at + 1]
        stop = filter_at + 2 + n
        value: bytes | None
        make: ItemMaker
        if n >= _SHORT:
            return None
        tag = data[filter_at]
        others: Others = ()
        value_at = 0
        if tag == AND:
            items = _items(data, filter_at + 2, stop)
            if items is None:
                return None
            (name, value), others, make = items[0], tuple(items[1:]), Equality
        elif tag == PRESENT:
            make = Equality
            name = data[filter_at + 2 : stop]
            value = None
        else:
            name_end = filter_at + 4 + data[filter_at + 3]
            name = data[filter_at + 4 : name_end]
            if tag == SUBSTRINGS and data[name_end] == ber.SEQUENCE:
                value_at = name_end + 4  # of the only piece, if there is but one
                found = _PIECES.get(data[name_end + 2])
                if name_end + 2 + data[name_end + 1] != stop or value_at == stop:
                    return None
            else:
                value_at = name_end + 2
                found = _ASSERTIONS.get(tag) if data[name_end] == ber.OCTET_STRING else None
            value = data[value_at:stop]
            if (
                found is None or data[filter_at + 2] != ber.OCTET_STRING
                or value_at + data[value_at - 1] != stop
            ):  # fmt: skip
                return None
            make = found
        attributes = KNOWN_SELECTIONS.get(data[stop:end])
        if attributes is None:
            reader = Reader(data, stop, end)
            attributes = decode_selection(reader)
            if reader.more:
                return None
    except (IndexError, DecodeError, LdapError):
        return None
    base = data[base_at:base_end]
    question = Question(base, limits[0], make, name, attributes, limits[1], others)
    return question, value, value_at


def _remembered(around: bytes, offset: int, question: Question) -> Question:
    """The same question as one object, from here on known by the octets around its value."""
    if len(around) > REMEMBERED_OCTETS_MAX:
        return question
    known = _SAME.get(question)
    if known is None:
        if len(_SAME) >= QUESTIONS_MAX:
            _SAME.clear()
        known = _SAME[question] = question
    if len(_KNOWN) >= QUESTIONS_MAX:
        _KNOWN.clear()
    _KNOWN[around] = offset, known
    return known


def _items(data: bytes, at: int, stop: int) -> list[tuple[bytes, bytes | None]] | None:
    """The parts of an And, where they are presences and equalities of one octet's length each.

    Raises:
        IndexError: where ``data`` ends first.
    """
    items: list[tuple[bytes, bytes | None]] = []
    while at < stop:
        end = at + 2 + data[at + 1]
        if data[at + 1] >= _SHORT or end > stop:
            return None
        if data[at] == PRESENT:
            items.append((data[at + 2 : end], None))
        else:
            value_at = at + 6 + data[at + 3]
            if (
                data[at] != EQUALITY or data[at + 2] != ber.OCTET_STRING or value_at > end
                or data[value_at - 2] != ber.OCTET_STRING or value_at + data[value_at - 1] != end
            ):  # fmt: skip
                return None
            items.append((data[at + 4 : value_at - 2], data[value_at:end]))
        at = end
    return items or None


def quick_compare(operation: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Entry, attribute and value of a CompareRequest, as sent; None: the plain path reads it."""
    try:
        at = 2 if operation[1] < _SHORT else 3
        n = operation[at - 1]
        name_at = at + 2 + operation[at + 1]
        start = name_at + 4 + operation[name_at + 3]
        if (
            (at == 3 and operation[1] != 0x81) or at + n != len(operation)
            or operation[at] != ber.OCTET_STRING or operation[at + 1] >= _SHORT
            or operation[name_at] != ber.SEQUENCE or operation[name_at + 1] >= _SHORT
            or operation[name_at + 2] != ber.OCTET_STRING or operation[start] != ber.OCTET_STRING
            or name_at + 2 + operation[name_at + 1] != len(operation)
            or start + 2 + operation[start + 1] != len(operation)
        ):  # fmt: skip
            return None
    except IndexError:
        return None
    return operation[at + 2 : name_at], operation[name_at + 4 : start], operation[start + 2 :]
