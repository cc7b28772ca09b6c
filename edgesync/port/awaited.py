"""Answers on their way to us: collected frame by frame for who waits for them.

Nearly every answer is an entry in the usual encoding or a bare success. Those are recognised by
their bytes, and an entry's values are not taken apart here; everything else is read the plain way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from directory.errors import LdapError, ResultCode
from directory.model.ber import OCTET_STRING, SEQUENCE
from directory.model.controls import Control
from directory.model.encoded import SEARCH_RESULT_ENTRY_TAG, PartedAnswer
from directory.model.entry import Entry
from directory.model.messages import LdapMessage, LdapResult, SearchResultEntry, SyncInfo
from directory.wire.connection import ClientConnection
from directory.wire.entries import shortest, take_apart
from directory.wire.frame import Frame
from directory.wire.tables import ExpectedAnswers
from edgesync.port.port import SearchOutcome

ANSWER_SIZE_MAX = 1024**3
"""Octets of one search's answers: half a million entries. A server that never ends is broken."""

Interpret = Callable[[Frame], LdapMessage]

_SUCCESS = b"\x07\x0a\x01\x00\x04\x00\x04\x00"
"""LDAPResult { success, "", "" } without its tag (RFC 4511 section 4.1.9)."""

_PLAIN_NAME = re.compile(
    rb"[A-Za-z][A-Za-z0-9-]{0,63}=[A-Za-z0-9](?:[A-Za-z0-9 ._@-]{0,200}[A-Za-z0-9])?"
    rb"(?:,[A-Za-z][A-Za-z0-9-]{0,63}=[A-Za-z0-9](?:[A-Za-z0-9 ._@-]{0,200}[A-Za-z0-9])?){0,31}"
)
"""Names that are certainly right: those are read when somebody asks. Others are read at once."""


class AwaitedSearch:
    """A search whose answers come in; ``result`` is its end."""

    def __init__(self, interpret: Interpret) -> None:
        self._interpret = interpret
        self._entries: list[Entry] = []
        self._beside: list[tuple[Control, ...]] = []
        self._infos: list[SyncInfo] = []
        self._controls: tuple[Control, ...] = ()
        self._size = 0
        self.result: LdapResult | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return self.result is not None

    def take(self, frame: Frame) -> bool:
        """One more answer; true for the last.

        Raises:
            LdapError: the answers have no end.
        """
        operation = frame.operation
        self._size += len(operation)
        if self._size > ANSWER_SIZE_MAX:
            raise LdapError(
                ResultCode.SIZE_LIMIT_EXCEEDED, f"one search brought over {ANSWER_SIZE_MAX} octets"
            )
        if operation[0] == SEARCH_RESULT_ENTRY_TAG and not frame.controls:
            entry = _taken_apart(operation)
            if entry is not None:
                self._entries.append(entry)
                self._beside.append(())
                return False
        message = self._interpret(frame)
        answer = message.operation
        if isinstance(answer, SearchResultEntry):
            self._entries.append(answer.entry)
            self._beside.append(message.controls)
        elif isinstance(answer, SyncInfo):
            self._infos.append(answer)
        elif isinstance(result := getattr(answer, "result", None), LdapResult):
            self.result, self._controls = result, message.controls
            return True
        return False

    def outcome(self) -> SearchOutcome:
        """What was found."""
        kept = tuple(self._beside) if any(self._beside) else ()
        return SearchOutcome(tuple(self._entries), self._controls, kept, tuple(self._infos))


class AwaitedWrites:
    """Writes sent together; ``results`` stand in their order, None for a bare success."""

    def __init__(self, interpret: Interpret, numbers: Sequence[int]) -> None:
        self._interpret = interpret
        self.places = {number: place for place, number in enumerate(numbers)}
        self.results: list[LdapResult | None] = [None] * len(numbers)
        self._left = len(numbers)

    @property
    def is_done(self) -> bool:
        """Whether all are answered."""
        return not self._left

    def take(self, frame: Frame) -> bool:
        """One more answer; true when it ends its request."""
        if frame.operation[1:] != _SUCCESS:
            result = getattr(self._interpret(frame).operation, "result", None)
            if not isinstance(result, LdapResult):
                return False
            self.results[self.places[frame.message_id]] = result
        self.count_answered(1)
        return True

    def count_answered(self, count: int) -> None:
        """Note that so many more requests are answered."""
        self._left -= count


class AwaitedAdds:
    """Adds sent together whose numbers follow one another; nearly always all succeed in order."""

    def __init__(self, interpret: Interpret, first: int, count: int) -> None:
        self._first = first
        self._inner = AwaitedWrites(interpret, range(first, first + count))
        self._expected: ExpectedAnswers | None = ExpectedAnswers(first, count)

    @property
    def numbers(self) -> range:
        """The adds that are not answered, as long as answers keep their order."""
        seen = 0 if self._expected is None else self._expected.seen
        return range(self._first + seen, self._first + len(self.results))

    @property
    def results(self) -> list[LdapResult | None]:
        """In the order of the adds; None for a bare success."""
        return self._inner.results

    @property
    def is_done(self) -> bool:
        """Whether all are answered."""
        return self._inner.is_done

    def take_expected(self, connection: ClientConnection) -> range:
        """The adds that have their answers by what was received, if that is as expected."""
        expected = self._expected
        if expected is None:
            return range(0)
        before = expected.seen
        if not connection.take(expected):
            return range(0)
        self._inner.count_answered(expected.seen - before)
        return range(self._first + before, self._first + expected.seen)

    def take(self, frame: Frame) -> bool:
        """One more answer; true when it ends its request."""
        is_end = self._inner.take(frame)
        expected = self._expected
        if expected is not None and is_end:
            if frame.message_id == self._first + expected.seen:
                expected.seen += 1
            else:
                self._expected = None
        return is_end


def _taken_apart(operation: bytes) -> PartedAnswer | None:
    """An entry in the shortest encoding, with a name that is nothing to stumble over; else None."""
    end = len(operation)
    try:
        at, stop = shortest(operation, 0)
        start, name_end = shortest(operation, at)
        first, last = shortest(operation, name_end)
    except (IndexError, ValueError):
        return None
    if (
        operation[at] != OCTET_STRING or operation[name_end] != SEQUENCE
        or not stop == last == end or not name_end < end
        or _PLAIN_NAME.fullmatch(operation, start, name_end) is None
    ):  # fmt: skip
        return None
    parts = take_apart(operation, first, end)
    return None if parts is None else PartedAnswer(operation[start:name_end], *parts)
