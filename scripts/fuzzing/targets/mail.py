"""SMTP: commands, replies, headers, content, and a whole session."""

from __future__ import annotations

from edgesync.transport.command import (
    CommandRefused,
    is_address,
    is_domain,
    parse_chunk,
    parse_command,
    parse_mail_from,
    parse_rcpt_to,
)
from edgesync.transport.headers import (
    filtered,
    header_size,
    hops,
    message_id_of,
    name_of,
    outgoing,
    split,
)
from edgesync.transport.inbound_content import ChunkContent, DotContent
from edgesync.transport.permissions import NO_RIGHTS, SERVERS
from edgesync.transport.reply import Reply, ReplyMalformed, ReplyReader
from edgesync.trust.channel import Channel, LineTooLong
from scripts.fuzzing.target import Target, promise

_CONTENT_MAX = 64
"""Largest message of the content target, bytes: small, so that short inputs go past it."""


def run_command(data: bytes) -> None:
    """Read a command line and the arguments it may have."""
    command = parse_command(data)
    text = command.argument
    match command.verb:
        case "MAIL":
            mail = parse_mail_from(text, utf8_offered=True)
            promise(not mail.sender or _plain(mail.sender), "a sender that is no address")
            promise(mail.size >= 0, "a negative size")
        case "RCPT":
            recipient = parse_rcpt_to(text, utf8=True)
            promise(_plain(recipient.address), "a recipient that is no address")
        case "BDAT":
            promise(parse_chunk(text).size >= 0, "a negative chunk")
        case "EHLO" | "HELO":
            promise(not is_domain(text) or not set("\r\n\0 ") & set(text), "a line in a domain")


def _plain(address: str) -> bool:
    """Whether an address is one, and cannot end the line it is written into."""
    known = is_address(address) or address.upper() == "POSTMASTER"
    return known and not set("\r\n\0") & set(address)


def run_reply(data: bytes) -> None:
    """Read a peer's lines; a reply that was read goes on the wire as it came."""
    reader = ReplyReader()
    for line in data.split(b"\r\n"):
        answer = reader.line(line)
        if answer is not None:
            promise(isinstance(answer, Reply) and 0 <= answer.code <= 999, "a code that is none")
            answer.encode()


def run_headers(data: bytes) -> None:
    """Take a message apart: headers and body together are the message, the firewall only takes."""
    fields, body = split(data)
    joined = (b"".join(fields) + body).replace(b"\r\n", b"")
    promise(joined == data.replace(b"\r\n", b""), "bytes were lost or added")
    kept = filtered(fields, NO_RIGHTS)
    promise(filtered(fields, SERVERS) == fields, "a server's headers were taken away")
    forbidden = (b"x-ms-exchange-organization-", b"x-ms-exchange-forest-")
    promise(not any(name_of(f).startswith(forbidden) for f in kept), "the firewall let one pass")
    sent = outgoing(data, internal=False)
    promise(not any(name_of(f).startswith(forbidden) for f in split(sent)[0]), "one left us")
    promise(0 <= header_size(data) <= len(data) and hops(data) >= 0, "sizes")
    found = message_id_of(data)
    promise("\r" not in found and "\n" not in found, "a line end in a Message-ID")


def run_content(data: bytes) -> None:
    """Give content to DATA, or to BDAT, whole and cut: the same message, and the same rest."""
    if len(data) < 2:
        return
    size, cut, content = data[0] & 0x7F, data[1], data[2:]
    is_chunked = bool(data[0] & 0x80)
    whole = _collected((content,), size if is_chunked else -1)
    parts = (content[:cut], content[cut:])
    promise(_collected(parts, size if is_chunked else -1) == whole, "cutting changed it")
    if isinstance(whole[0], bytes):
        promise(len(whole[0]) <= _CONTENT_MAX, "more than the limit")
        left = whole[0].replace(b"\r\n", b"")
        promise(b"\r" not in left and b"\n" not in left, "a bare line end came through")


def _collected(parts: tuple[bytes, ...], size: int) -> tuple[bytes | Reply | None, bytes]:
    """What the parts come to, and what is left after it."""
    channel = Channel()
    into: DotContent | ChunkContent = DotContent(_CONTENT_MAX)
    if size >= 0:
        into = ChunkContent(_CONTENT_MAX, is_binary=False)
        into.expect(size, is_last=True)
    answer: bytes | Reply | None = None
    for part in parts:
        if part:
            channel.receive_data(part)
        if answer is None:
            answer = into.feed(channel)
    return answer, channel.take(1 << 20)


def run_lines(data: bytes) -> None:
    """Cut lines out of a stream: none is longer than the limit, and cutting changes nothing."""
    if not data:
        return
    cut = data[0]
    promise(_lines((data[1:],)) == _lines((data[1:cut], data[cut:])) if cut else True, "cut")


def _lines(parts: tuple[bytes, ...]) -> list[bytes]:
    channel, found = Channel(), list[bytes]()
    for part in parts:
        if part:
            channel.receive_data(part)
        while True:
            try:
                line = channel.take_line(16)
            except LineTooLong:
                found.append(b"too long")
                continue
            if line is None:
                break
            promise(len(line) <= 16, "a line past its limit")
            found.append(line)
    return found


_COMMANDS = (
    b"EHLO client.test", b"HELO [IPv6:::1]", b"MAIL FROM:<a@b.test> SIZE=10 BODY=8BITMIME SMTPUTF8",
    b'MAIL FROM:<"a b"@c.test> RET=HDRS ENVID=x+2B AUTH=<>', b"MAIL FROM:<>", b"BDAT 5 LAST",
    b"RCPT TO:<@x:amy@contoso.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;amy", b"RCPT TO:postmaster",
    b"X-ANONYMOUSTLS", b"AUTH LOGIN dGVzdA==", b"rset", b"EHLO [127.0.0.1]",
)  # fmt: skip
_REPLIES = (
    b"250-edge01 Hello\r\n250-SIZE\r\n250 XEXCH50", b"220 2.0.0 ready", b"354 go", b"550 5.1.1 no",
    b"250", b"421-4.3.2 a\r\n421 4.3.2 b",
)  # fmt: skip
_MESSAGES = (
    (b"Received: from a by b\r\n\tfolded\r\nX-MS-Exchange-Organization-AuthAs: Internal\r\n"
    b"X-MS-Exchange-Forest-X: y\r\nMessage-ID: <a@b>\r\nSubject: x\r\n\r\nbody\r\n"),
    b"no header\r\n", b"\r\nbody", b"A:b", b" folded first\r\n",
)  # fmt: skip

COMMAND = Target(
    "smtp-command",
    "an SMTP command line (RFC 5321 and extensions)",
    "addresses are addresses and hold no line end; sizes are not negative",
    run_command,
    (CommandRefused,),
    lambda: _COMMANDS,
    words=(
        b"MAIL FROM:<",
        b"RCPT TO:<",
        b"BDAT ",
        b" SIZE=",
        b" BODY=",
        b" NOTIFY=",
        b" ORCPT=",
        b" ENVID=",
        b'"\\"',
        b"@",
        b"[IPv6:",
        b"SMTPUTF8",
        b"\xd9\xa1",
        b"\xc2\xb2",
    ),
    size_max=512,
    growers={
        "labels": lambda n: b"EHLO " + b"a." * (n // 2),
        "atoms": lambda n: b"MAIL FROM:<" + b"a." * (n // 2) + b"@b>",
        "a quoted name": lambda n: b'MAIL FROM:<"' + b"\\a" * (n // 2) + b'"@b>',
        "parameters": lambda n: b"MAIL FROM:<> " + b"a=b " * (n // 4),
        "digits": lambda n: b"BDAT " + b"1" * n,
        "hyphens": lambda n: b"EHLO a" + b"-" * n,
    },
)
REPLY = Target(
    "smtp-reply",
    "the lines of an SMTP server's replies",
    "a code between 0 and 999",
    run_reply,
    (ReplyMalformed,),
    lambda: _REPLIES,
    size_max=512,
    growers={"lines without end": lambda n: b"250-a\r\n" * (n // 7)},
)
HEADERS = Target(
    "mail-headers",
    "a message's header section",
    "header and body together are the message; no organisation header passes the firewall",
    run_headers,
    (),
    lambda: _MESSAGES,
    words=(
        b"\r\n",
        b"X-MS-Exchange-Organization-",
        b"X-MS-Exchange-Forest-",
        b"Message-ID: <",
        b"Received:",
        b"\r\n\t",
    ),
    growers={
        "many fields": lambda n: b"a:b\r\n" * (n // 5),
        "one folded field": lambda n: b"a:b\r\n" + b" c\r\n" * (n // 4),
        "a long name": lambda n: b"a" * n + b":b\r\n",
    },
)
CONTENT = Target(
    "smtp-content",
    "what comes after DATA and BDAT",
    "how it is cut changes nothing; no bare line end and nothing past the limit comes through",
    run_content,
    (),
    lambda: (
        b"\x00\x03Subject: x\r\n\r\n..a\r\n.\r\nNOOP\r\n",
        b"\x00\x09a\n.\nb\r\n.\r\n",
        b"\x85\x02abcdeNOOP\r\n",
        b"\x00\x01.\r\n",
        b"\xff\x01" + b"a" * 200,
    ),
    words=(b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\r\n..", b"\r\n"),
    size_max=256,
)
LINES = Target(
    "lines",
    "the lines of SMTP, POP3, IMAP4 and SIP",
    "no line is longer than the limit; how it is cut changes nothing",
    run_lines,
    (),
    lambda: (b"\x05EHLO a\r\nNOOP\r\n", b"\x09" + b"a" * 40 + b"\r\nb\r\n"),
    words=(b"\r\n", b"\n", b"\r"),
    size_max=256,
)

TARGETS = (COMMAND, REPLY, HEADERS, CONTENT, LINES)
