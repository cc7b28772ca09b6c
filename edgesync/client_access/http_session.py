"""One HTTP connection without sockets: TLS, then h11, then the web server's answers.

h11 (MIT) reads and writes HTTP/1.1 on bytes, so the connection is a session like those of SMTP. A
server framework would bring its own TLS, and the ones for Python refuse an untrusted client
certificate in the handshake, where IIS completes it and answers 403 with a sub-status.
"""

from __future__ import annotations

import h11

from edgesync.client_access.http_values import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    HttpRequest,
    HttpResponse,
    Status,
    error_page,
)
from edgesync.client_access.integrated import ConnectionLogOn
from edgesync.client_access.web_server import WebServer
from edgesync.trust.channel import Channel
from edgesync.trust.tls import TlsIdentity, TlsSession

HEADER_MAX = 16384
"""Most bytes of a request's line and headers: IIS's default (MaxRequestBytes)."""

BODY_MAX = 262_144
"""Most bytes of a body: four times the largest Autodiscover request or log-on form seen."""

REQUESTS_MAX = 1000
"""Requests of one connection; then it is closed, and the client opens another."""

IDLE_S = 120.0
"""IIS's default ConnectionTimeout, seconds."""

TAKE = 4096
"""Bytes given to the parser at a time, so that its limit holds for what comes in one go, too."""


class HttpSession:
    """One connection of a client. ``identity`` None: plain HTTP."""

    idle_timeout_s = IDLE_S

    def __init__(self, server: WebServer, identity: TlsIdentity | None) -> None:
        self._server = server
        self._is_secure = identity is not None
        self._channel = Channel()
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_MAX)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._answered = 0
        self._log_on = ConnectionLogOn()
        self.is_over = False
        if identity is not None:
            asks = server.wants_client_certificates()
            session = TlsSession.server(identity, request_client_certificate=asks)
            self._channel.start_tls(session)

    def start(self) -> None:
        """Nothing: the client speaks first."""

    def receive_data(self, data: bytes) -> None:
        """Bytes from the wire; empty means the client hung up."""
        self._channel.receive_data(data)
        if self._is_secure and not self._channel.is_protected:
            self.is_over = self._channel.is_closed
            return
        while chunk := self._channel.take(TAKE):
            self._http.receive_data(chunk)
            self._work()
        if self._channel.is_closed:
            self.is_over = True

    def data_to_send(self) -> bytes:
        """Bytes for the wire, once."""
        return self._channel.data_to_send()

    def time_out(self) -> None:
        """The client has been silent too long."""
        self._close()

    def _work(self) -> None:
        while not self.is_over:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                self._refuse(BAD_REQUEST, str(error))
                return
            match event:
                case h11.NEED_DATA | h11.PAUSED:
                    return
                case h11.Request():
                    self._begin(event)
                case h11.Data(data=data):
                    self._body += data
                    if len(self._body) > BODY_MAX:
                        self._refuse(BODY_TOO_LARGE)
                        return
                case h11.EndOfMessage():
                    self._answer()
                case h11.ConnectionClosed():
                    self._close()

    def _begin(self, request: h11.Request) -> None:
        self._request = request
        self._body.clear()
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self._write(self._http.send(go_on))

    def _answer(self) -> None:
        assert self._request is not None
        request = self._request
        done = self._channel.handshake
        response = self._server.answer(
            HttpRequest(
                request.method.decode("ascii"),
                request.target.decode("ascii", "replace"),
                {k.decode("ascii"): v.decode("latin-1") for k, v in request.headers},
                bytes(self._body),
            ),
            is_secure=self._is_secure,
            client=done.peer_chain if done is not None and done.peer is not None else (),
            connection=self._log_on,
        )
        self._answered += 1
        self._send(response, is_last=self._answered >= REQUESTS_MAX)
        if self._http.our_state is h11.MUST_CLOSE:
            self._close()
        elif self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._request = None  # what is wrong from here on is not that request's

    def _refuse(self, status: Status, detail: str = "") -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(error_page(status, detail), is_last=True)
        self._close()

    def _send(self, response: HttpResponse, *, is_last: bool) -> None:
        headers = [
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            ("Server", "EdgeSync-Lab"),
            *response.headers,
        ]
        if is_last:
            headers.append(("Connection", "close"))
        status = response.status
        event = h11.Response(status_code=status.code, headers=headers, reason=status.phrase)
        self._write(self._http.send(event))
        is_head = self._request is not None and self._request.method == b"HEAD"
        self._write(self._http.send(h11.Data(data=b"" if is_head else response.body)))
        self._write(self._http.send(h11.EndOfMessage()))

    def _write(self, data: bytes | None) -> None:
        if data:
            self._channel.send(data)

    def _close(self) -> None:
        self._channel.close()
        self.is_over = True
