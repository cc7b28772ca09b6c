"""What waits to be written to one client: finished messages, joined once."""

from __future__ import annotations

from collections.abc import Sequence

from directory.errors import ResultCode
from directory.model import ber
from directory.model.messages import CompareResponse, LdapResult, Reply, Response
from directory.net.limits import SLICE_BYTES
from directory.wire import tags
from directory.wire.controls import encode_controls
from directory.wire.encode import encode_operation
from directory.wire.frame import envelope
from directory.wire.requests import answer

SEARCH_DONE = bytes((tags.SEARCH_RESULT_DONE, 7, 10, 1, 0, 4, 0, 4, 0))
"""SearchResultDone with success and nothing to say: the end of every quick search."""

SUCCESSES = {
    tag: encode_operation(response)
    for tag in (tags.ADD_REQUEST, tags.MODIFY_REQUEST, tags.DELETE_REQUEST, tags.MODIFY_DN_REQUEST)
    if (response := answer(tag, LdapResult())) is not None
}
"""The protocolOps that say of an update, by its tag, that it was carried out."""

COMPARED = {
    is_there: encode_operation(CompareResponse(LdapResult(code)))
    for is_there, code in ((True, ResultCode.COMPARE_TRUE), (False, ResultCode.COMPARE_FALSE))
}
"""The protocolOps that say whether an entry has a value."""

_HEADS_MAX = 4096
"""Messages below this size find their first octets ready; nearly all entries are."""

_HEADS = tuple(b"\x30" + ber.length(n) for n in range(_HEADS_MAX))

_DONE_HEADS = tuple(b"\x30" + ber.length(n + len(SEARCH_DONE)) for n in range(16))

_DONE_OCTETS = len(SEARCH_DONE) + 2
"""What the end of a search takes beside its id."""


class Output:
    """Messages in the order they will be sent."""

    __slots__ = ("_again", "_between", "_octets", "parts", "size")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self._again: Sequence[bytes] = ()
        """What was found last, if that may be found again and is then the same tuple."""
        self._between: list[bytes] = []
        """Its messages without their ids: what is before, between and behind those."""
        self._octets = 0
        """How long the ids are that fit between."""

    @property
    def is_full(self) -> bool:
        """Whether what waits is to be sent before more is made: it may be that nobody reads it."""
        return self.size >= SLICE_BYTES

    def put(self, data: bytes) -> None:
        """A finished message."""
        self.parts.append(data)
        self.size += len(data)

    def put_reply(self, id_element: bytes, reply: Reply) -> None:
        """A reply to the request with this id."""
        controls = encode_controls(reply.controls) if reply.controls else b""
        self.put(envelope(id_element, encode_operation(reply.operation), controls))

    def put_response(self, id_element: bytes, response: Response) -> None:
        """A response without controls."""
        self.put(envelope(id_element, encode_operation(response)))

    def put_result(self, id_element: bytes, tag: int, result: LdapResult) -> None:
        """The final response that fits a request with this tag."""
        response = answer(tag, result)
        if response is not None:
            self.put_response(id_element, response)

    def put_operation(self, id_element: bytes, operation: bytes) -> int:
        """A finished protocolOp; what waits afterwards, octets. Joined once, with all others."""
        n = len(id_element) + len(operation)
        head = _HEADS[n] if n < _HEADS_MAX else b"\x30" + ber.length(n)
        self.parts += (head, id_element, operation)
        self.size += n + len(head)
        return self.size

    def put_found(self, id_element: bytes, operations: Sequence[bytes]) -> None:
        """Entries the store keeps encoded, and the end of their search."""
        octets = len(id_element)
        if type(operations) is tuple and operations:  # what never changes may come again
            if operations is not self._again or octets != self._octets:
                self._keep(operations, octets)
            self.put(id_element.join(self._between))
            return
        parts, size = self.parts, self.size + octets + _DONE_OCTETS
        for operation in operations:
            n = octets + len(operation)
            head = _HEADS[n] if n < _HEADS_MAX else b"\x30" + ber.length(n)
            parts += (head, id_element, operation)
            size += n + len(head)
        parts += (_DONE_HEADS[octets], id_element, SEARCH_DONE)
        self.size = size

    def _keep(self, operations: Sequence[bytes], octets: int) -> None:
        """Prepare for the same answer to other ids of this length."""
        heads = [b"\x30" + ber.length(octets + len(operation)) for operation in operations]
        heads.append(_DONE_HEADS[octets])
        pieces = zip((b"", *operations), heads, strict=True)
        self._between = [operation + head for operation, head in pieces]
        self._between.append(SEARCH_DONE)
        self._again, self._octets = operations, octets

    def take(self) -> bytes:
        """Everything, as one piece; nothing is left."""
        parts = self.parts
        self.parts = []
        self.size = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def clear(self) -> None:
        """Forget what waits."""
        self.parts = []
        self.size = 0
