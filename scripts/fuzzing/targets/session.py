"""A whole SMTP session with an Edge, from greeting to hang-up."""

from __future__ import annotations

from functools import cache

from edgesync.transport.connector_choice import open_receiver
from edgesync.transport.reply import ReplyReader
from scripts.fuzzing.target import Target, promise
from tests.support.mail_bench import Machine, subscribed


@cache
def _edge() -> Machine:
    return subscribed().machines["EDGE01"]


def run_session(data: bytes) -> None:
    """Talk to a receiver, whole and cut: replies are SMTP, and it is over when we hang up."""
    if not data:
        return
    cut = data[0]
    whole = _replies((data[1:],))
    promise(not cut or _replies((data[1:cut], data[cut:])) == whole, "cutting changed it")


def _replies(parts: tuple[bytes, ...]) -> list[int]:
    edge = _edge()
    receiver = open_receiver(edge.host, local="10.0.0.1:25", remote="10.9.9.9:4000", port=25)
    assert receiver is not None
    receiver.start()
    reader, codes = ReplyReader(), list[int]()
    for part in parts:
        if part and not receiver.is_over:
            receiver.receive_data(part)
    sent = receiver.data_to_send()
    # what follows 220 to STARTTLS is no text
    for line in sent.split(b"\r\n")[:-1]:
        if (answer := reader.line(line)) is not None:
            codes.append(answer.code)
    receiver.receive_data(b"")
    promise(receiver.is_over, "it goes on after the end")
    edge.received.clear()
    edge.events.clear()
    return codes


_SESSIONS = (
    (b"\x00EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<amy@contoso.test>\r\nDATA\r\n"
    b"Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n"),
    b"\x20HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@contoso.test>\r\nBDAT 3\r\nabcBDAT 2 LAST\r\nab",
    b"\x10EHLO a\r\nAUTH LOGIN\r\nRSET\r\nNOOP\r\nVRFY a\r\nHELP\r\n",
    b"\x00EHLO a\r\nSTARTTLS\r\n",
    b"\x00EHLO a\r\nX-ANONYMOUSTLS\r\n\x16\x03\x01\x00\x05abcde", b"\x05hello\r\n" * 4,
)  # fmt: skip

SESSION = Target(
    "smtp-session",
    "a whole SMTP session with an Edge",
    "replies are SMTP; how it is cut changes nothing; it is over when the client hangs up",
    run_session,
    (),
    lambda: _SESSIONS,
    words=(
        b"EHLO a\r\n",
        b"MAIL FROM:<a@b.test>\r\n",
        b"RCPT TO:<amy@contoso.test>\r\n",
        b"DATA\r\n",
        b"\r\n.\r\n",
        b"BDAT 5 LAST\r\n",
        b"STARTTLS\r\n",
        b"X-ANONYMOUSTLS\r\n",
        b"RSET\r\n",
    ),
    size_max=512,
    growers={
        "wrong commands": lambda n: b"\0" + b"a\r\n" * (n // 3),
        "commands": lambda n: b"\0EHLO a\r\n" + b"RSET\r\n" * (n // 6),
        "a line without end": lambda n: b"\0" + b"a" * n,
        "a body": lambda n: _SESSIONS[0].partition(b"body")[0] + b"a\r\n" * (n // 3) + b".\r\n",
        "a folded header": lambda n: (
            _SESSIONS[0].partition(b"body")[0][:-2] + b" a\r\n" * (n // 4) + b"\r\n.\r\n"
        ),
        "many chunks": lambda n: _SESSIONS[1].partition(b"BDAT")[0] + b"BDAT 1\r\na" * (n // 9),
    },
)

TARGETS = (SESSION,)
