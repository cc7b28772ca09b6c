"""Messages in a stream: where one ends, and its three elements (RFC 4511 section 4.1.1)."""

from __future__ import annotations

from typing import NamedTuple

from directory.errors import DecodeError
from directory.limits import MESSAGE_SIZE_MAX
from directory.model import ber
from directory.model.ber import Reader, header
from directory.wire import tags

MESSAGE_ID_MAX = 2**31 - 1
"""Largest message id (RFC 4511 section 4.1.1)."""

SHORTEST_MESSAGE = 5
"""Octets inside the shortest LDAPMessage: an id of three and an operation of two."""


class Frame(NamedTuple):
    """A message taken apart no further than its three elements."""

    message_id: int
    id_element: bytes
    """The messageID with tag and length, to be sent back as it came."""
    operation: bytes
    """The protocolOp with tag and length."""
    controls: bytes
    """The inside of the controls; empty when there are none."""


def decode_frame(data: bytes, at: int, end: int) -> Frame:
    """Take the inside of an LDAPMessage apart.

    Raises:
        DecodeError: when the id or the lengths are wrong.
    """
    if end - at >= 5 and data[at] == ber.INTEGER and data[at + 1] <= 4:
        operation_at = at + 2 + data[at + 1]
        message_id = int.from_bytes(data[at + 2 : operation_at], "big", signed=True)
    else:
        reader = Reader(data, at, end)
        message_id = reader.integer("messageID")
        operation_at = reader.at
    if not 0 <= message_id <= MESSAGE_ID_MAX or operation_at == at + 2:
        raise DecodeError(at, "messageID", f"{message_id} is not between 0 and {MESSAGE_ID_MAX}")
    try:
        _, _, stop = header(data, operation_at, end)
    except DecodeError as error:
        raise DecodeError(error.offset, "protocolOp", error.reason) from None
    if stop == end:
        return Frame(message_id, data[at:operation_at], data[operation_at:end], b"")
    return Frame(
        message_id, data[at:operation_at], data[operation_at:stop], _controls_of(data, stop, end)
    )


def _number(id_element: bytes) -> int:
    return int.from_bytes(id_element[2:], "big")


def _controls_of(data: bytes, at: int, end: int) -> bytes:
    """The controls among trailing elements; others are ignored, as section 4 tells us to."""
    while at < end:
        try:
            tag, start, stop = header(data, at, end)
        except DecodeError as error:
            raise DecodeError(error.offset, "controls", error.reason) from None
        if tag == tags.CONTROLS:
            return data[start:stop]
        at = stop
    return b""


def envelope(id_element: bytes, operation: bytes, controls: bytes = b"") -> bytes:
    """Finished elements as an LDAPMessage: the id as it came, the protocolOp, the controls."""
    n = len(id_element) + len(operation) + len(controls)
    if n < 128:
        return bytes((0x30, n)) + id_element + operation + controls
    return b"\x30" + ber.length(n) + id_element + operation + controls


class FrameBuffer:
    """Cuts a stream into frames. A message's announced size is checked before it is collected."""

    __slots__ = ("_late", "_late_size", "_missing", "at", "data", "size_max", "value_offset")

    def __init__(self, size_max: int = MESSAGE_SIZE_MAX) -> None:
        self.size_max = size_max
        self.data = b""
        """What was received last, as one piece; up to ``at`` it has been read."""
        self.at = 0
        self.value_offset = 0
        """Where a search like the last one has its value (``wire.quick``); 0 where none is."""
        # chunks that came while a message was known to be incomplete; joined once, when it is
        # whole, so that collecting a large message costs what it weighs
        self._late: list[bytes] = []
        self._late_size = 0
        self._missing = 0

    def receive_data(self, data: bytes) -> None:
        """Take bytes of the stream, in any portions."""
        if self._missing:
            self._late.append(data)
            self._late_size += len(data)
            if self._late_size >= self._missing:
                self.data = b"".join((self.data[self.at :], *self._late))
                self.at = 0
                self._late.clear()
                self._late_size = self._missing = 0
        elif self.at == len(self.data):
            self.data = data
            self.at = 0
        else:
            self.data = self.data[self.at :] + data
            self.at = 0

    def next_frame(self) -> Frame | None:
        """The next whole message, or None until more data has come.

        Raises:
            DecodeError: when what follows is no message or announces more than ``size_max``.
        """
        data = self.data
        at = self.at
        left = len(data) - at
        if self._missing or left < 2:
            return None
        if data[at] != ber.SEQUENCE:
            raise DecodeError(at, "", f"expected tag 0x30, found 0x{data[at]:02x}")
        n = data[at + 1]
        start = at + 2
        if n >= 0x80:
            count = n & 0x7F
            if not 1 <= count <= ber.LENGTH_OCTETS_MAX:
                raise DecodeError(at + 1, "", f"length of {count} octets")
            start += count
            if left < 2 + count:
                return None
            n = int.from_bytes(data[at + 2 : start], "big")
            if n > self.size_max:
                raise DecodeError(at + 1, "", f"message of {n} octets exceeds {self.size_max}")
        end = start + n
        if end > len(data):
            self._missing = end - len(data)
            return None
        self.at = end
        # the usual message, a short id and no controls, taken apart here; all others elsewhere
        operation_at = start + 2 + data[start + 1] if n >= SHORTEST_MESSAGE else end
        if operation_at + 2 <= end and data[start] == ber.INTEGER and data[start + 1] <= 4:
            n = data[operation_at + 1]
            if n < 0x80:
                stop = operation_at + 2 + n
            elif n == 0x81 and operation_at + 3 <= end:
                stop = operation_at + 3 + data[operation_at + 2]
            elif n == 0x82 and operation_at + 4 <= end:
                stop = operation_at + 4 + (data[operation_at + 2] << 8 | data[operation_at + 3])
            else:
                stop = 0
            if stop == end and data[start + 2] < 0x80 and operation_at != start + 2:
                id_element = data[start:operation_at]
                return Frame(_number(id_element), id_element, data[operation_at:end], b"")
        return decode_frame(data, start, end)

    @property
    def waiting(self) -> int:
        """Octets received that are not yet part of a frame."""
        return len(self.data) - self.at + self._late_size
