"""One client on the event loop: asyncio outside, ``wire.ServerConnection`` inside.

Requests start in the order they came. One that ends at once (nearly all do) is answered in the
same turn, with everything else that arrived, in one write. One that does not (a dump) goes on
in slices, beside the others, as fast as the client reads.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Iterable
from typing import cast

from directory.dsa.session import Session
from directory.errors import ResultCode
from directory.model import messages as m
from directory.model import oids
from directory.model.messages import ExtendedRequest, LdapResult, Reply
from directory.net.limits import LARGE_REQUEST, QUICK_ANSWERS, SLICE_BYTES
from directory.net.listener import Listener
from directory.net.operations import Operations
from directory.net.output import Output
from directory.net.tls import note_tls, start_tls_refusal, upgraded
from directory.wire.connection import (
    NEED_DATA,
    AbandonReceived,
    ProtocolFailed,
    RequestReceived,
    RequestRefused,
    ServerConnection,
    UnbindReceived,
    notice_of_disconnection,
)
from directory.wire.frame import Frame
from directory.wire.messages import encode_message
from directory.wire.quick import next_search

_log = logging.getLogger(__name__)


class ClientSession(asyncio.Protocol):
    """The connection of one client."""

    def __init__(self, server: Listener, *, is_tls: bool) -> None:
        self._server = server
        self._agent = server.agent
        self._limits = server.limits
        self._commits = server.commits
        self._turns = server.turns
        self._outbox = server.outbox
        self._poll = server.busy_poll
        self._quick = server.quick_search
        self._is_tls = is_tls
        self._loop = asyncio.get_running_loop()
        self._own_thread = threading.get_ident()
        self._transport: asyncio.Transport | None = None
        self._wire = ServerConnection(message_size_max=self._limits.message_size_anonymous)
        self._frames = self._wire.frames
        self._output = Output()
        self.session = Session(takes_turns=True)
        self._operations = Operations(
            self._agent, self.session, self._output, self._loop.time, self, self._commits
        )
        self._waiting_bind: tuple[Frame, RequestReceived] | None = None
        self._is_reading = self._is_writable = True
        self._is_turn_due = self._is_behind = self._is_upgrading = self._is_hashing = False
        self._is_closing = self._is_lost = False
        self._is_calm = False
        """Whether ``_read`` found nothing but questions last, and nothing in the way of more."""
        self.active_at = self._loop.time()
        self.stalled_at: float | None = None

    # asyncio's side --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is none
        high = self._limits.output_buffer
        transport.set_write_buffer_limits(high=high, low=high // 4)
        if not self._server.admit(self):
            self._close(ResultCode.BUSY, "too many connections")
            return
        self.session.peer = "{}:{}".format(*transport.get_extra_info("peername")[:2])
        self.session.deliver = self._deliver
        self.session.group_commit = self._commits.is_offered
        if self._is_tls:
            note_tls(self.session, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; nothing more can be sent."""
        del exc  # why the socket ended changes nothing for us
        if self._is_lost:
            return
        self._is_lost, self._is_closing, self._is_calm = True, True, False
        self._operations.stop()
        self._output.clear()
        self._server.forget(self)
        self._agent.close(self.session)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        self.active_at = self._loop.time()
        if self._poll is not None and self._poll.is_waiting:
            self._poll.asked()
        if self._operations.gathered is not None:
            self._operations.settle()
        self._frames.receive_data(data)
        if self._is_calm and self._answer_quickly():
            self._outbox.send_found(self)
        else:
            self._read()

    def pause_writing(self) -> None:
        """The client reads more slowly than we answer: stop producing, stop reading."""
        self._is_writable = self._is_calm = False
        self.stalled_at = self._loop.time()
        self._set_reading()

    def resume_writing(self) -> None:
        """It caught up."""
        self._is_writable = True
        self.stalled_at = None
        self.active_at = self._loop.time()
        self._turn_later()

    # requests --------------------------------------------------------------------------------

    @property
    def held(self) -> tuple[int, int]:
        """Octets kept for the client: answers it has not read, a request it has not finished."""
        written = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return written + self._output.size, self._wire.waiting

    @property
    def is_idle(self) -> bool:
        """Whether the client waits for nothing: only then may its silence end the connection."""
        return self._operations.is_idle and not self._is_hashing

    @property
    def _may_start(self) -> bool:
        return (
            self._is_writable
            and not self._is_closing
            and not self._is_upgrading
            and self._waiting_bind is None
            and not self._is_hashing
            and len(self._operations.running) < self._limits.requests_in_flight
        )

    def _set_reading(self) -> None:
        """Take bytes only while requests may start: what a client sends must not pile up here."""
        if self._transport is None or self._is_closing or self._is_upgrading:
            return
        wanted = self._may_start and not self._is_behind
        if wanted != self._is_reading:
            self._is_reading = wanted
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    def _read(self) -> None:
        """Start what the client has asked, as far as it may have things going on at once."""
        is_more = False
        self._is_behind = self._frames.waiting > LARGE_REQUEST and self._turns.is_over
        while self._may_start and not self._is_behind:
            if self._answer_quickly() or self._is_behind:
                break
            frame = self._wire.next_frame()
            if frame is NEED_DATA:
                break
            is_more = True
            if isinstance(frame, Frame):
                self.interpret(self._operations.execute(frame, self._wire))
            elif isinstance(frame, ProtocolFailed):
                self._fail_protocol(frame)
            if not self._frames.waiting:
                break
            self._is_behind = self._may_start and (self._turns.is_over or self._output.is_full)
        if self._is_behind:
            self._turn_later()
        self._flush()
        self._set_reading()
        self._is_calm = not is_more and self._may_start and self._is_reading

    def _answer_quickly(self) -> bool:
        """Answer what the fast lane can (net/agent.py); whether that was all that arrived."""
        quick, session, output = self._quick, self.session, self._output
        if quick is None:
            return False
        frames, put_found = self._frames, output.put_found
        size = len(frames.data)
        while output.size < SLICE_BYTES:
            for _ in range(QUICK_ANSWERS):
                message = next_search(frames)
                if message is None:
                    return False
                end, id_element, question, value = message
                found = quick(session, question, value)
                if found is None:
                    return False
                frames.at = end
                put_found(id_element, found)
                if end == size:
                    return True
            if self._turns.is_over:
                break
        self._is_behind = True  # others first; the rest of what arrived can wait
        return False

    def interpret(self, frames: Iterable[Frame | ProtocolFailed]) -> None:
        """Carry out requests the plain way, one after the other."""
        for frame in frames:
            if self._is_closing:
                return
            event = self._wire.interpret(frame) if isinstance(frame, Frame) else frame
            if isinstance(event, ProtocolFailed):
                self._fail_protocol(event)
            elif isinstance(event, RequestReceived) and isinstance(frame, Frame):
                self._dispatch(frame, event)
            elif isinstance(event, RequestRefused):
                self._output.put(encode_message(event.answer))
            elif isinstance(event, AbandonReceived):
                self._operations.abandon(event.message_id)
            elif isinstance(event, UnbindReceived):
                self._close()

    def _fail_protocol(self, event: ProtocolFailed) -> None:
        _log.info("protocol error: %s", event.reason)
        self._output.put(event.farewell)
        self._close()

    def _dispatch(self, frame: Frame, event: RequestReceived) -> None:
        request = event.request
        if isinstance(request, ExtendedRequest):
            if request.oid == oids.START_TLS:
                self._start_tls(frame.id_element)
                return
            if request.oid == oids.CANCEL:
                self._operations.cancel(frame.id_element, request.value)
                return
        if len(self._operations.persistent) >= self._limits.requests_in_flight:
            result = LdapResult(ResultCode.BUSY, diagnostic="too many searches persist")
            self._output.put_result(frame.id_element, frame.operation[0], result)
            return
        if self._operations.must_wait(event):
            self._waiting_bind = (frame, event)
            return
        self._start(frame, event)

    def _start(self, frame: Frame, event: RequestReceived) -> None:
        work = self._operations.password_work(event)
        if work is None:
            self._execute(frame, event)
            return
        self._is_hashing = True
        hashing = self._loop.run_in_executor(self._server.hashing, work)
        hashing.add_done_callback(lambda _: self._hashed(frame, event))

    def _hashed(self, frame: Frame, event: RequestReceived) -> None:
        self._is_hashing = False
        if not self._is_closing:
            self._execute(frame, event)
            self._read()

    def _execute(self, frame: Frame, event: RequestReceived) -> None:
        self._operations.start(frame, event, self._turns.slice_replies)
        if isinstance(event.request, m.BindRequest) and not self.session.identity.is_anonymous:
            self._wire.allow_message_size(self._limits.message_size)
        if self._operations.has_work:
            self._turn_later()

    def _turn_later(self) -> None:
        if not self._is_turn_due and not self._is_closing:
            self._is_turn_due = True
            self._turns.later(self._turn)

    def _turn(self) -> None:
        """Go on with what is unfinished: one slice for each, then read on; first send the last."""
        self._is_turn_due = False
        running, output = self._operations.running, self._output
        for message_id in () if output.is_full else tuple(running):
            if not self._is_writable or self._is_closing:
                return
            self._operations.advance(message_id, self._turns.slice_replies)
            self._flush()
            if message_id in running:  # it comes again after all others
                running[message_id] = running.pop(message_id)
            if self._turns.is_over or output.is_full:
                break
        if running or output.is_full or self._operations.read_ahead():
            self._turn_later()
        elif self._waiting_bind is not None and not self._is_closing:
            frame, event = self._waiting_bind
            self._waiting_bind = None
            self._start(frame, event)
        if self._is_writable and not self._is_closing and not output.is_full:
            self._read()

    def _deliver(self, message_id: int, reply: Reply) -> None:
        """The directory pushes a reply of a search that persists, perhaps from another thread."""
        if threading.get_ident() != self._own_thread:
            self._loop.call_soon_threadsafe(self._deliver, message_id, reply)
            return
        if self._is_closing or not self._operations.deliver(message_id, reply):
            return
        if self._output.size > self._limits.output_buffer:
            _log.info("a client that follows changes does not read them and was cut off")
            self.abort()
            return
        self._turn_later()

    # StartTLS --------------------------------------------------------------------------------

    def _start_tls(self, id_element: bytes) -> None:
        """RFC 4511 section 4.14."""
        context, transport = self._server.tls_context(), self._transport
        assert transport is not None
        refusal = start_tls_refusal(self.session, context, is_idle=self._operations.is_idle)
        if refusal is not None:
            self._output.put_response(id_element, m.ExtendedResponse(refusal, oids.START_TLS))
        elif context is None or self._wire.waiting:
            # plaintext behind a StartTLS would later be read as if it had come protected
            self._close(ResultCode.PROTOCOL_ERROR, "data after the StartTLS request")
        else:
            self._output.put_response(id_element, m.ExtendedResponse(LdapResult(), oids.START_TLS))
            if self._is_reading:
                transport.pause_reading()
            self._is_upgrading = True
            self._server.spawn(self._upgrade(transport, context))

    async def _upgrade(self, plain: asyncio.Transport, context: ssl.SSLContext) -> None:
        self.release()
        if self._wire.waiting:
            # plaintext behind the request, which nothing may take for protected later
            self.abort()
            return
        secure = await upgraded(plain, self, context, self._server.handshake_timeout_s)
        if secure is None:
            self.connection_lost(None)
            return
        self._transport = secure
        self._is_upgrading = False
        # what waits now came through TLS: with 1.3 a client's first request is in its last flight
        self._is_reading = True
        note_tls(self.session, secure)
        self._read()

    # output ----------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send everything in one write, once the changes are durable."""
        if self._output.parts:
            self._outbox.send(self)

    def release(self) -> None:
        """Send what waits; what it promises is durable."""
        transport = self._transport
        if transport is None or self._is_lost:
            return
        if self._output.parts:
            transport.write(self._output.take())
            if self._poll is not None and not self._poll.is_waiting:  # one of several will do
                self._poll.answered()
        if self._is_closing:
            transport.close()

    def fail(self, reason: str) -> None:
        """What the answers promise could not be made durable: say so instead of sending them."""
        self._output.clear()
        self._output.put(notice_of_disconnection(ResultCode.UNAVAILABLE, reason))
        self._end()
        self.release()

    def _close(self, code: ResultCode | None = None, reason: str = "") -> None:
        """Finish: send what there is, then a notice if there is a reason, and close."""
        if code is not None:
            self._output.put(notice_of_disconnection(code, reason))
        self._end()
        if self._commits.is_needed:
            self._commits.hold(self)
        else:
            self.release()

    def _end(self) -> None:
        self._is_closing, self._is_calm = True, False
        self.stalled_at = self.stalled_at or self._loop.time()
        self._operations.stop()

    def disconnect(self, reason: str) -> None:
        """The server stops, or the client was silent too long."""
        if not self._is_closing:
            self._close(ResultCode.UNAVAILABLE, reason)

    def abort(self) -> None:
        """Drop a client that does not read."""
        self._is_closing, self._is_calm = True, False
        if self._transport is not None:
            self._transport.abort()
