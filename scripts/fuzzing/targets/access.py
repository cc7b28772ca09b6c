"""What clients say: HTTP, forms and JSON of the console, POP3, IMAP4, SIP, SDP."""

from __future__ import annotations

from dataclasses import dataclass, field

from directory.entropy import SeededEntropy
from directory.model.dn import DN
from edgesync.client_access.accounts import Account
from edgesync.client_access.http_session import HttpSession
from edgesync.client_access.http_values import OK, HttpRequest, HttpResponse
from edgesync.client_access.imap import ImapDialogue
from edgesync.client_access.mail_dialogue import After, Dialogue, Surroundings
from edgesync.client_access.pop import PopDialogue
from edgesync.organization.voice import VoipSecurity
from edgesync.trust.channel import Channel, LineTooLong
from edgesync.unified_messaging.sdp import MediaAgreed, agree, parse_offer
from edgesync.unified_messaging.sip import BODY_MAX, SipMalformed, SipReader, answer_to
from scripts.fuzzing.target import Target, promise

_ACCOUNT = Account(DN(), "a", "a@contoso.test", "a", "A", True)
_LINE_MAX = 256


@dataclass
class _Web:
    """A web site that takes every request and repeats what it understood."""

    asked: list[HttpRequest] = field(default_factory=list)

    def wants_client_certificates(self) -> bool:
        return False

    def answer(self, request: HttpRequest, **_: object) -> HttpResponse:
        self.asked.append(request)
        return HttpResponse(OK, request.body)


def run_http(data: bytes) -> None:
    """Serve a connection, whole and cut: the same answers; nothing after a broken request."""
    if not data:
        return
    cut = data[0]
    whole = _answers((data[1:],))
    promise(_answers((data[1:cut], data[cut:])) == whole if cut else True, "cutting changed it")


def _answers(parts: tuple[bytes, ...]) -> tuple[bytes, bool]:
    web = _Web()
    session = HttpSession(web, None)  # type: ignore[arg-type]  # as much of a WebServer as it asks
    for part in parts:
        if part and not session.is_over:
            session.receive_data(part)
    sent = session.data_to_send()
    promise(not sent or sent.startswith(b"HTTP/1.1 "), "an answer that is no HTTP")
    for request in web.asked:
        promise("\r" not in request.target + "".join(request.headers.values()), "a line end")
    # whether a client still waits for a 100, and h11's words for what is wrong, depend on the cut
    taken = sent.replace(b"HTTP/1.1 100 \r\n\r\n", b"").partition(b"HTTP/1.1 400")
    return b"".join(taken[:2]), session.is_over


def _surroundings() -> Surroundings:
    mail = (b"Subject: x\r\n\r\n.a\r\nb\r\n", b"", b".\r\n")
    return Surroundings("cas01.test", "", _log_on, lambda _: mail, needs_tls=False, offers_tls=True)


def _log_on(user: str, password: str) -> Account | None:
    return _ACCOUNT if (user, password) == ("a", "b") else None


def _talk(dialogue: Dialogue, data: bytes) -> bytes:
    """Say every line; all that comes back. Lines end with CRLF, and hold no bare ones."""
    channel = Channel()
    channel.receive_data(data or b"\r\n")
    sent = dialogue.greeting()
    while True:
        try:
            line = channel.take_line(_LINE_MAX)
        except LineTooLong:
            return sent
        if line is None:
            return sent
        reaction = dialogue.line(line)
        promise(reaction.data.endswith(b"\r\n"), "an answer without its line end")
        sent += reaction.data
        if reaction.after is not After.GO_ON:
            return sent


def run_pop(data: bytes) -> None:
    """Talk POP3."""
    sent = _talk(PopDialogue(_surroundings()), data)
    promise(sent.startswith(b"+OK"), "no greeting")


def run_imap(data: bytes) -> None:
    """Talk IMAP4."""
    sent = _talk(ImapDialogue(_surroundings()), data)
    promise(sent.startswith(b"* OK"), "no greeting")


def run_sip(data: bytes) -> None:
    """Read SIP messages, whole and cut; answer the requests; a message written reads the same."""
    if not data:
        return
    cut = data[0]
    whole = _sip_messages((data[1:],))
    promise(
        _sip_messages((data[1:cut], data[cut:])) == whole if cut else True, "cutting changed it"
    )


def _sip_messages(parts: tuple[bytes, ...]) -> list[object]:
    channel, reader, found = Channel(), SipReader(), list[object]()
    for part in parts:
        if part:
            channel.receive_data(part)
        try:
            while (message := reader.next_message(channel)) is not None:
                promise(len(message.body) <= BODY_MAX, "a body past its limit")
                found.append(message)
                if message.method:
                    written = answer_to(message, 200, "OK", tag="t").encode()
                    promise(_no_more_lines(written), "a header ended early")
        except SipMalformed:
            return [*found, "malformed"]
    return found


def _no_more_lines(written: bytes) -> bool:
    """Whether nothing of a request became a line of its own in the answer."""
    head = written.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"")
    return b"\r" not in head and b"\n" not in head


def run_sdp(data: bytes) -> None:
    """Read an offer and agree on media, protected and not: the answer is lines, and offers less."""
    offer = parse_offer(data)
    for security in (VoipSecurity.UNSECURED, VoipSecurity.SECURED):
        agreed = agree(offer, security, host="um01", entropy=SeededEntropy(1, "x"))
        if isinstance(agreed, MediaAgreed):
            lines = agreed.text.split(b"\r\n")
            promise(all(line[1:2] == b"=" for line in lines[:-1]), "a line that is none of SDP")
            answered = parse_offer(agreed.text)
            promise(answered is not None and answered.profile == agreed.profile, "another profile")


_HTTP = (
    b"\x00GET /owa HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x09POST /owa/auth/owaauth.dll HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET / H",
    b"\x40POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"\x05HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"\x00POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
    b"\x00OPTIONS * HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
)  # fmt: skip
_POP = (b"USER a\r\nPASS b\r\nSTAT\r\nLIST\r\nUIDL 1\r\nRETR 1\r\nTOP 1 1\r\nNOOP\r\nQUIT\r\n",
        b"CAPA\r\nSTLS\r\n", b"USER a\r\nPASS c\r\nLIST 9\r\n")  # fmt: skip
_IMAP = (
    b'a LOGIN "a" b\r\na SELECT INBOX\r\na FETCH 1:* (RFC822)\r\na FETCH 3 RFC822.SIZE\r\n',
    b'a AUTHENTICATE PLAIN AGEAYg==\r\na STATUS INBOX (MESSAGES)\r\na LIST "" *\r\na LOGOUT\r\n',
    b"a CAPABILITY\r\na STARTTLS\r\n",
)  # fmt: skip
_SDP = (
    b"v=0\r\no=a 0 0 IN IP4 127.0.0.1\r\nm=audio 9 RTP/SAVP 0 8 101\r\na=crypto:1"
    b" AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"|2^20\r\n",
    b"m=audio 9 RTP/AVP 0 101\r\nm=video 9 RTP/AVP 31\r\n",
)  # fmt: skip
_SIP = (
    (b"\x00OPTIONS sip:um01 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1\r\nf: a\r\nTo: b\r\ni: c\r\n"
    b"CSeq: 1 OPTIONS\r\nl: 0\r\n\r\n"),
    b"\x30INVITE sip:um01 SIP/2.0\r\nTo: b\r\n folded\r\nContent-Length: 5\r\n\r\nm=aud",
    b"\x08SIP/2.0 200 OK\r\nVia: x\r\n\r\n\r\n\r\nBYE sip:a SIP/2.0\r\n\r\n",
)  # fmt: skip

HTTP = Target(
    "http",
    "a client's HTTP/1.1 connection",
    "how it is cut changes nothing; what is answered is HTTP; no line end in a header",
    run_http,
    (),
    lambda: _HTTP,
    size_max=256,
    words=(
        b"\r\n\r\n",
        b"HTTP/1.1\r\n",
        b"Host: x\r\n",
        b"Content-Length: ",
        b"chunked",
        b"Transfer-Encoding: ",
        b"Expect: 100-continue\r\n",
        b"0\r\n\r\n",
        b"Connection: close\r\n",
    ),
    growers={
        "one long line": lambda n: b"\0GET /" + b"a" * n,
        "many headers": lambda n: b"\0GET / HTTP/1.1\r\n" + b"a: b\r\n" * (n // 6),
        "many requests": lambda n: b"\0" + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * (n // 27),
        "small chunks": lambda n: b"\0" + _HTTP[2][1:-16] + b"1\r\na\r\n" * (n // 6),
        "a broken chunk": lambda n: b"\0" + _HTTP[2][1:-16] + b"0" * n,
    },
)
POP = Target(
    "pop",
    "a client's POP3 commands",
    "every answer ends its line",
    run_pop,
    (),
    lambda: _POP,
    words=(b"USER a\r\nPASS b\r\n", b"RETR ", b"TOP 1 ", b"LIST ", b"UIDL ", b"\r\n", b"STAT\r\n"),
    size_max=512,
)
IMAP = Target(
    "imap",
    "a client's IMAP4 commands",
    "every answer ends its line",
    run_imap,
    (),
    lambda: _IMAP,
    words=(
        b"a LOGIN a b\r\n",
        b"a SELECT INBOX\r\n",
        b"a FETCH ",
        b"1:* ",
        b"(RFC822)",
        b'"',
        b"\\",
        b"a AUTHENTICATE PLAIN ",
    ),
    size_max=512,
    growers={
        "quotes": lambda n: (b'a LOGIN "' + b"\\a" * 100 + b"\r\n") * (n // 210),
        "fetches": lambda n: _IMAP[0] + b"a FETCH 1:* RFC822\r\n" * (n // 20),
    },
)
SIP = Target(
    "sip",
    "a gateway's SIP messages on a stream",
    "how they are cut changes nothing; no header of a request makes a line in its answer",
    run_sip,
    (),
    lambda: _SIP,
    words=(b"\r\n\r\n", b"SIP/2.0\r\n", b"Content-Length: ", b"Via: ", b"To: ", b"\r\n ", b"i: "),
    growers={
        "one folded header": lambda n: (
            b"\0OPTIONS sip:a SIP/2.0\r\nTo: b\r\n" + b" c\r\n" * (n // 4)
        ),
        "many messages": lambda n: b"\0" + b"BYE sip:a SIP/2.0\r\n\r\n" * (n // 21),
        "keep-alives": lambda n: b"\0" + b"\r\n" * (n // 2),
        "a length that lies": lambda n: (
            b"\0OPTIONS sip:a SIP/2.0\r\nl: 0000000009999999999\r\n\r\n" + b"a" * n
        ),
    },
)
SDP = Target(
    "sdp",
    "a session description's offer (RFC 4566, 4568)",
    "the answer is lines of SDP, of the agreed profile",
    run_sdp,
    (),
    lambda: _SDP,
    words=(b"m=audio 9 ", b"RTP/SAVP", b"RTP/AVP", b" 0 8 101", b"a=crypto:"),
    size_max=512,
    growers={
        "many lines": lambda n: b"m=audio 9 RTP/AVP 0\r\n" + b"a=b\r\n" * (n // 5),
        "many formats": lambda n: b"m=audio 9 RTP/AVP" + b" 0" * (n // 2),
        "many keys": lambda n: (
            _SDP[0] + (b"a=crypto:1 A inline:" + b"A" * 40 + b"\r\n") * (n // 62)
        ),
    },
)

TARGETS = (SDP, POP, IMAP, SIP, HTTP)
