"""The requests of one client that are not finished: running in slices, or persisting.

A request runs while it has replies to give. A search whose replies end without a final response
persists (notification, refreshAndPersist): from then on the directory delivers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from directory.dsa.bulk_add import RUN_MIN
from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.model import ber
from directory.model.messages import (
    TURN,
    AddRequest,
    BindRequest,
    DeleteRequest,
    IntermediateResponse,
    LdapResult,
    ModifyDnRequest,
    ModifyRequest,
    Reply,
    Request,
    SearchRequest,
    SearchResultEntry,
    SearchResultReference,
    SyncInfo,
)
from directory.net.adding import Adding, Adds, adds_behind, adds_in, internal_error
from directory.net.agent import (
    AddingAgent,
    Agent,
    QuickAdder,
    QuickAgent,
    QuickComparer,
    QuickModifier,
    QuickStream,
    Stream,
)
from directory.net.durability import GatheredClient, GroupCommit
from directory.net.limits import LARGE_REQUEST, SLICE_BYTES, SLICE_REPLIES, SLICE_S, TOGETHER
from directory.net.output import COMPARED, SUCCESSES, Output
from directory.wire import tags
from directory.wire.connection import ProtocolFailed, RequestReceived, ServerConnection
from directory.wire.frame import Frame
from directory.wire.quick import quick_compare
from directory.wire.quick_add import read_add
from directory.wire.quick_modify import read_replacements

_log = logging.getLogger(__name__)

_UNFINISHED = (SearchResultEntry, SearchResultReference, IntermediateResponse, SyncInfo)
"""Responses that are not the last of their request."""

_FINISHED = object()

_QUICK = frozenset((tags.ADD_REQUEST, tags.COMPARE_REQUEST, tags.MODIFY_REQUEST))
"""Requests that ``execute_quickly`` may know how to execute."""

_IN_RUNS = _QUICK - {tags.ADD_REQUEST}
"""Those that cost so little that the way from one to the next is worth saving."""

UPDATES = (AddRequest, ModifyRequest, DeleteRequest, ModifyDnRequest)
"""Requests with exactly one answer, which a directory may be able to execute at once."""


class Running:
    """A request whose answer is not finished; ``entries`` is a search's that is streamed."""

    __slots__ = ("entries", "final", "id_element", "replies", "steps", "stream", "tag")

    def __init__(
        self, frame: Frame, replies: Iterator[Reply], stream: Stream | None = None
    ) -> None:
        self.id_element = frame.id_element
        self.tag = frame.operation[0]
        self.replies = replies
        self.entries = None if stream is None else stream.operations
        self.final = None if stream is None else stream.final
        self.stream = stream
        self.steps: Iterator[None] | None = None


class Operations:
    """Starts, advances, abandons and cancels the requests of one client."""

    def __init__(
        self,
        agent: Agent,
        session: Session,
        output: Output,
        clock: Callable[[], float],
        client: GatheredClient | None = None,
        commits: GroupCommit | None = None,
    ) -> None:
        """With ``client`` and ``commits``, adds may wait for those of other clients."""
        self._agent = agent
        self._session = session
        self._output = output
        self._clock = clock
        self._stream: QuickStream | None = None
        self._prepare: Callable[[Session, SearchRequest], Iterator[None]] | None = None
        if hasattr(agent, "quick_search"):
            quick = cast("QuickAgent", agent).quick_search
            self._stream, self._prepare = quick.stream, quick.prepare
        self._update: Callable[[Session, Request], None] | None
        self._update = getattr(agent, "update", None)
        self._quick_modify: QuickModifier | None = getattr(agent, "quick_modify", None)
        self._quick_add: QuickAdder | None = None
        if hasattr(agent, "quick_add"):
            self._quick_add = cast("AddingAgent", agent).quick_add.add_at_a_glance
        self._adding = Adding(agent)
        self._client, self._commits = client, commits
        self.gathered: Adds | None = None
        """Adds that may still be waiting for those of others: nothing may overtake them."""
        self._quick_compare: QuickComparer | None = getattr(agent, "quick_compare", None)
        self._password_work: Callable[[Session, BindRequest], Callable[[], None] | None] | None
        self._password_work = getattr(agent, "password_work", None)
        self.ahead: Iterator[None] | None = None
        """What may be done before the client asks on; given up when it asks anything."""
        self.running: dict[int, Running] = {}
        self.persistent: dict[int, Running] = {}

    @property
    def is_idle(self) -> bool:
        """Whether the client waits for nothing."""
        return not self.running and not self.persistent

    def execute_quickly(self, frame: Frame) -> bool:
        """Execute what can be read at a glance; false when nothing was done."""
        tag = frame.operation[0]
        if tag not in _QUICK or frame.controls or not frame.message_id:
            return False
        try:
            if tag == tags.COMPARE_REQUEST:
                answer = self._compared(frame.operation)
            else:
                answer = SUCCESSES[tag] if self._is_updated(tag, frame.operation) else None
        except Exception:  # noqa: BLE001 - a bug of ours must not take the other clients with it
            self._output.put_result(frame.id_element, tag, internal_error(tag))
            return True
        if answer is not None:
            self._output.put_operation(frame.id_element, answer)
        return answer is not None

    def execute(self, frame: Frame, wire: ServerConnection) -> Iterator[Frame | ProtocolFailed]:
        """Execute a request and those of its kind that came behind it, as far as glances do.

        What it gives takes the plain path, and is to be done before it goes on.
        """
        tag = frame.operation[0]
        if tag == tags.ADD_REQUEST and self._adding.is_offered and self._may_be_grouped:
            for one in self._add(frame, wire):
                if isinstance(one, ProtocolFailed) or not self.execute_quickly(one):
                    yield one
            return
        following: Frame | ProtocolFailed | None = frame
        left = TOGETHER if tag in _IN_RUNS else 1
        while following is not None:
            if isinstance(following, ProtocolFailed) or not self.execute_quickly(following):
                yield following
                return
            left -= 1
            following = wire.next_of(tag) if left else None

    def _add(self, frame: Frame, wire: ServerConnection) -> Sequence[Frame | ProtocolFailed]:
        """Execute an add with those that came behind it; what is left to be executed alone."""
        run, rest = adds_behind(frame, wire)
        client, commits = self._client, self._commits
        is_last = not wire.frames.waiting and not rest
        is_worth_it = is_last or len(run) >= RUN_MIN
        adds = adds_in(self._session, self._output, run) if is_worth_it else None
        if adds is None:
            return [*run, *rest]
        if is_last and client is not None and commits is not None:
            self.gathered = adds
            commits.gather(client, adds)
            return ()
        return rest if self._adding.together([adds]) else [*run, *rest]

    def settle(self) -> None:
        """Carry out what waits for others, for the client goes on."""
        adds, commits = self.gathered, self._commits
        if adds is not None and commits is not None and not adds.is_done:
            commits.carry_out()
        self.gathered = None

    @property
    def _may_be_grouped(self) -> bool:
        return self._session.group_commit and not self.persistent

    def _compared(self, operation: bytes) -> bytes | None:
        compare = self._quick_compare
        read = quick_compare(operation) if compare is not None else None
        found = compare(self._session, *read) if compare is not None and read is not None else None
        return None if found is None else COMPARED[found]

    def _is_updated(self, tag: int, operation: bytes) -> bool:
        if not self._may_be_grouped:
            return False
        session = self._session
        if tag == tags.MODIFY_REQUEST:
            modify, changes = self._quick_modify, read_replacements(operation)
            return modify is not None and changes is not None and modify(session, *changes)
        add, entry = self._quick_add, read_add(operation)
        return add is not None and entry is not None and add(session, *entry)

    def start(self, frame: Frame, event: RequestReceived, most: int = SLICE_REPLIES) -> None:
        """Execute a request, up to the end of its first slice of so many replies."""
        self.ahead = None
        request, running = event.request, None
        if self._update is not None and isinstance(request, UPDATES) and not event.controls:
            self._apply(self._update, frame, request)
            return
        # reading a large search was a slice; what follows anything else depends on it
        is_large = isinstance(request, SearchRequest) and len(frame.operation) > LARGE_REQUEST
        if self._stream is not None and isinstance(request, SearchRequest) and not is_large:
            stream = self._stream(self._session, request, event.controls)
            if stream is not None:
                running = Running(frame, iter(()), stream)
        if running is None:
            replies = self._agent.execute(
                self._session, request, event.controls, message_id=event.message_id
            )
            running = Running(frame, iter(replies))
            if self._prepare is not None and isinstance(request, SearchRequest):
                running.steps = self._prepare(self._session, request)
        self.running[event.message_id] = running
        if not is_large:
            self.advance(event.message_id, most)

    def _apply(
        self, update: Callable[[Session, Request], None], frame: Frame, request: Request
    ) -> None:
        """Execute an update at once: it has one answer, nearly always the same octets."""
        output, id_element, tag = self._output, frame.id_element, frame.operation[0]
        try:
            update(self._session, request)
        except LdapError as error:
            output.put_result(id_element, tag, LdapResult.of(error))
        except Exception:  # noqa: BLE001 - a bug of ours must not take the other clients with it
            output.put_result(id_element, tag, internal_error(tag))
        else:
            output.put_operation(id_element, SUCCESSES[tag])

    def password_work(self, event: RequestReceived) -> Callable[[], None] | None:
        """What of a request is better done in another thread before it is started."""
        if self._password_work is None or not isinstance(event.request, BindRequest):
            return None
        return self._password_work(self._session, event.request)

    def must_wait(self, event: RequestReceived) -> bool:
        """Whether a bind has to wait for what runs (RFC 4511 4.2.1); what persists is abandoned."""
        if not isinstance(event.request, BindRequest):
            return False
        self.ahead = None
        for message_id in list(self.persistent):
            self.abandon(message_id)
        return bool(self.running)

    @property
    def has_work(self) -> bool:
        """Whether there is something to go on with."""
        return bool(self.running) or self.ahead is not None

    def read_ahead(self) -> bool:
        """Do a step of what the client may ask next; whether there are more."""
        try:
            if self.ahead is not None and next(self.ahead, _FINISHED) is not _FINISHED:
                return True
        except Exception:  # noqa: BLE001 - as above
            _log.exception("reading ahead failed")
        self.ahead = None
        return False

    def advance(self, message_id: int, most: int = SLICE_REPLIES) -> None:
        """Run one request for a slice: so many replies, bytes or milliseconds."""
        running = self.running.get(message_id)
        if running is None:
            return
        if running.entries is not None:
            self._advance_stream(message_id, running, running.entries, most)
            return
        output = self._output
        full = output.size + SLICE_BYTES
        until = 0.0
        count = 0
        try:
            if running.steps is not None:
                if next(running.steps, _FINISHED) is not _FINISHED:
                    return  # the others' turn before the next step
                running.steps = None
            for reply in running.replies:
                if reply is TURN:
                    return
                output.put_reply(running.id_element, reply)
                count += 1
                if not isinstance(reply.operation, _UNFINISHED):
                    self.running.pop(message_id, None)
                    return
                if output.size >= full or count >= most:
                    return
                if not count & 15:
                    now = self._clock()
                    until = until or now + SLICE_S
                    if now > until:
                        return
        except Exception:  # noqa: BLE001 - a bug of ours must not take the other clients with it
            self._fail(message_id, running)
            return
        if self.running.pop(message_id, None) is not None:
            self.persistent[message_id] = running

    def _advance_stream(
        self, message_id: int, running: Running, entries: Iterator[bytes], most: int
    ) -> None:
        """The same for a search that is streamed: nothing between the store and the output."""
        id_element, put = running.id_element, self._output.put_operation
        full = self._output.size + SLICE_BYTES
        until = 0.0
        result = LdapResult()
        try:
            for count, operation in enumerate(entries, 1):
                if not operation:
                    return  # nothing found for a while: the others' turn
                if put(id_element, operation) >= full or count >= most:
                    return
                if not count & 15:
                    now = self._clock()
                    until = until or now + SLICE_S
                    if now > until:
                        return
        except LdapError as error:
            result = LdapResult.of(error)
        except Exception:  # noqa: BLE001 - as above
            self._fail(message_id, running)
            return
        self.running.pop(message_id, None)
        if running.final is not None and result.code is ResultCode.SUCCESS:
            self._output.put_reply(id_element, running.final())
            self.ahead = next(iter(running.stream.ahead), None) if running.stream else None
        else:
            self._output.put_result(id_element, running.tag, result)

    def _fail(self, message_id: int, running: Running) -> None:
        self.running.pop(message_id, None)
        self._output.put_result(running.id_element, running.tag, internal_error(running.tag))

    def deliver(self, message_id: int, reply: Reply) -> bool:
        """A reply of a search that persists; false when nobody waits for it."""
        running = self.persistent.get(message_id) or self.running.get(message_id)
        if running is None:
            return False
        self._output.put_reply(running.id_element, reply)
        if not isinstance(reply.operation, _UNFINISHED):
            self.persistent.pop(message_id, None)
        return True

    def abandon(self, message_id: int) -> Running | None:
        """Stop a request without an answer."""
        running = self.running.pop(message_id, None) or self.persistent.pop(message_id, None)
        if running is not None:
            for iterator in (running.replies, running.entries):
                close: Callable[[], None] | None = getattr(iterator, "close", None)
                if close is not None:
                    close()
            self._agent.abandon(self._session, message_id)
        return running

    def stop(self) -> None:
        """Abandon everything."""
        self.ahead = None
        for message_id in [*self.running, *self.persistent]:
            self.abandon(message_id)

    def cancel(self, id_element: bytes, value: bytes | None) -> None:
        """The Cancel operation (RFC 3909): abandon with an answer."""
        try:
            reader = ber.Reader(value or b"").enter("cancelRequestValue")
            target = reader.integer("cancelID")
        except ValueError as error:
            result = LdapResult(ResultCode.PROTOCOL_ERROR, diagnostic=str(error))
        else:
            running = self.abandon(target)
            if running is None:
                result = LdapResult(ResultCode.NO_SUCH_OPERATION)
            else:
                canceled = LdapResult(ResultCode.CANCELED)
                self._output.put_result(running.id_element, running.tag, canceled)
                result = LdapResult()
        self._output.put_result(id_element, tags.EXTENDED_REQUEST, result)
