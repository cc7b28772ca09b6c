"""A mail server of the world: no directory, no trust, opportunistic TLS at most."""

from __future__ import annotations

from collections.abc import Generator

from edgesync.transport.client import DialogueFailed, SmtpClient
from edgesync.transport.command import RcptTo
from edgesync.transport.link import Link, drive
from edgesync.transport.message import Submission
from edgesync.transport.outbound_message import Answers, Carrier
from edgesync.trust.tls import TlsIdentity


def send_as_outsider(
    link: Link,
    submission: Submission,
    *,
    helo: str,
    use_tls: bool = True,
    identity: TlsIdentity | None = None,
) -> tuple[Answers, SmtpClient]:
    """Hand a message to a server as a stranger does; each recipient's reply, and the dialogue.

    Raises:
        DialogueFailed: the server let no transaction begin.
        LinkFailed: the connection broke.
    """
    client = SmtpClient()
    answers = drive(_converse(client, submission, helo, use_tls, identity), link)
    return answers, client


def _converse(
    client: SmtpClient,
    submission: Submission,
    helo: str,
    use_tls: bool,
    identity: TlsIdentity | None,
) -> Generator[bytes, bytes, Answers]:
    for answer in ((yield from client.greet()), (yield from client.ehlo(helo))):
        if not answer.is_positive:
            raise DialogueFailed(answer)
    if use_tls and "STARTTLS" in client.keywords:
        answer = yield from client.start_tls("STARTTLS", identity)
        if answer.code == 220:
            yield from client.ehlo(helo)
    recipients: tuple[RcptTo, ...] = submission.envelope.recipients
    answers = yield from Carrier(client, internal=False).carry(submission, recipients)
    yield from client.quit()
    return answers
