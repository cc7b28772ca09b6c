"""Send a message, look at queues and at protocol logs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.errors import ExitCode, NoSuchThing, Unreachable, UsageError
from edgesync.operations import mail_connectivity, mail_inbox  # noqa: F401 - more verbs
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing

if TYPE_CHECKING:
    from edgesync.events import Event
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context
    from edgesync.transport.message import Submission
    from edgesync.transport.protocol_log import LogRow

MESSAGE_SIZE_MAX = 64 * 1024 * 1024
"""Largest message file taken."""

ROWS_MAX = 100_000
"""Most log rows of one answer."""


def _render_send(document: Document) -> Iterable[str]:
    yield from listing([("Message", document["message_id"]), ("Taken by", document["server"])])
    yield ""
    rows = [(r["address"], r["state"], r["detail"]) for r in document["recipients"]]
    yield from columns(("Recipient", "State", "Detail"), rows)


@operation(
    "mail", "send", render=_render_send, writes=True, rows="recipients",
    example="edgesync mail send --from alan.abbott@contoso.test --to amy.berg@contoso.test",
)  # fmt: skip
def send(
    context: Context,
    *,
    from_: Annotated[str, Help("sender; a foreign domain makes it mail from outside")],
    to: Annotated[tuple[str, ...], Help("recipient; may be given several times")],
    subject: Annotated[str, Help("subject")] = "Test message",
    body: Annotated[str, Help("text")] = "A test message of the lab.",
    file: Annotated[str | None, Help("whole message (RFC 5322) instead", metavar="FILE")] = None,
    server: Annotated[str | None, Help("server that takes it first", completes="server")] = None,
) -> Outcome:
    """Send a message through the lab's servers and say where it ended up.

    Mail from a domain of the organisation starts at the Hub of the sender's mailbox, other mail
    comes to an Edge by SMTP as from any host of the Internet. Exit code 3 when a recipient was
    not reached.
    """
    from edgesync.lab.network import Network
    from edgesync.organization.domains import find_accepted_domain, list_accepted_domains
    from edgesync.transport.command import domain_of, is_address

    lab = context.lab
    for address in (from_, *to):
        if address and not is_address(address):
            raise UsageError(f"{address!r} is not an address", "write it local@domain")
    network = lab.service(Network)
    mail = network.mail()
    content = _content(lab, from_, to, subject, body, file)
    domains = list_accepted_domains(lab.ad_port(), lab.ad.names)
    is_inside = bool(from_) and find_accepted_domain(domains, domain_of(from_)) is not None
    if server is not None:
        server = lab.server(server).name
        if server not in mail.services:
            raise UsageError(f"{server} takes no mail", "name a Hub or an Edge")
        is_inside = is_inside and server not in lab.edges
    seen: list[Event] = []
    lab.listeners.append(seen.append)
    try:
        if is_inside:
            chosen = server or _home(lab, from_)
            message_id = mail.services[chosen].send(from_, to, content).message_id
            refused: dict[str, str] = {}
        else:
            chosen = server or _edge(lab)
            message_id, refused = _from_outside(network, chosen, from_, to, content)
        mail.run()
    finally:
        lab.listeners.remove(seen.append)
    rows = [_fate(lab, address, message_id, seen, refused) for address in to]
    document = {
        "schema": "edgesync.mail-send/1",
        "message_id": message_id,
        "server": chosen,
        "recipients": rows,
    }
    reached = all(row["state"] in {"delivered", "relayed"} for row in rows)
    return Outcome(document, ExitCode.OK if reached else ExitCode.NO)


def _content(
    lab: Lab, sender: str, to: tuple[str, ...], subject: str, body: str, file: str | None
) -> bytes:
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime

    from edgesync.errors import InputInvalid

    if file is not None:
        try:
            content = Path(file).read_bytes()
        except OSError as error:
            raise InputInvalid(f"{file} cannot be read: {error.strerror}", "name a file") from error
        if len(content) > MESSAGE_SIZE_MAX:
            raise InputInvalid(f"{file} is larger than {MESSAGE_SIZE_MAX} bytes", "make it smaller")
        return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    message = EmailMessage(policy=SMTP)
    message["From"] = sender or "postmaster@invalid"
    message["To"] = ", ".join(to)
    message["Subject"] = subject
    message["Date"] = format_datetime(lab.clock.now())
    message.set_content(body)
    return message.as_bytes()


def _home(lab: Lab, sender: str) -> str:
    """The Hub that a mailbox's mail starts at: one of its site, else the first."""
    from edgesync.transport.recipient_lookup import ad_lookup

    hubs = lab.servers("hub", "mailbox")
    if not hubs:
        raise NoSuchThing("the lab has no Hub", "edgesync lab new")
    found = ad_lookup(lab.ad_port(), lab.ad.names)(sender)
    site = found.site.rdn.value if found and found.site else ""
    return next((hub.name for hub in hubs if hub.site == site), hubs[0].name)


def _edge(lab: Lab) -> str:
    """Where mail from outside comes to: a subscribed Edge, else the first server there is."""
    from edgesync.organization.servers import read_server

    for name in lab.edges:
        if read_server(lab.ad_port(), lab.ad.names, name) is not None:
            return name
    return next(iter(lab.edges), lab.servers("hub", "mailbox")[0].name)


def _from_outside(
    network: Any, server: str, sender: str, to: tuple[str, ...], content: bytes
) -> tuple[str, dict[str, str]]:
    """Message id, and the refusals by address."""
    from edgesync.transport.client import DialogueFailed
    from edgesync.transport.command import RcptTo, domain_of
    from edgesync.transport.headers import message_id_of
    from edgesync.transport.link import LinkFailed
    from edgesync.transport.message import Envelope, Submission
    from edgesync.transport.outsider import send_as_outsider

    lab: Lab = network.lab
    message_id = message_id_of(content)
    if not message_id:
        message_id = f"<{lab.entropy('outside').uuid().hex}@{domain_of(sender) or 'outside.test'}>"
        content = f"Message-ID: {message_id}\r\n".encode() + content
    submission: Submission = Submission(
        Envelope(sender, tuple(RcptTo(a) for a in to)), content, message_id, lab.clock.now()
    )
    helo = f"mail.{domain_of(sender) or 'outside.test'}"
    try:
        link = network.dial_from_outside(server)
        answers, _ = send_as_outsider(link, submission, helo=helo)
    except (LinkFailed, DialogueFailed) as error:
        raise Unreachable(
            f"{server} took no mail: {error}", "edgesync mail log --kind receive shows why"
        ) from error
    return message_id, {r.address: str(said) for r, said in answers if not said.is_positive}


def _fate(
    lab: Lab, address: str, message_id: str, seen: list[Event], refused: dict[str, str]
) -> Document:
    """What became of one recipient, from what the servers logged."""
    from edgesync import events
    from edgesync.lab.network import Network

    if address in refused:
        return {"address": address, "state": "refused", "detail": refused[address]}
    last: Document = {"address": address, "state": "queued", "detail": ""}
    for event in seen:
        if event.data.get("message") != message_id or event.data.get("recipient") != address:
            continue
        how = str(event.data.get("how", event.data.get("error", "")))
        if event.kind is events.MESSAGE_RETURNED:
            last = {"address": address, "state": "returned", "detail": how}
        elif how == "to the mailbox":
            last = {"address": address, "state": "delivered", "detail": f"on {event.server}"}
        else:
            last = {"address": address, "state": "relayed", "detail": how}
    for service in lab.service(Network).mail().services.values():
        waiting = [m for m in service.queue.messages if m.submission.message_id == message_id]
        if any(r.address == address for m in waiting for r in m.pending):
            errors = [q.last_error for q in service.queues() if q.last_error]
            text = f"on {service.host.name}: {errors[0] if errors else 'ready'}"
            return {"address": address, "state": "queued", "detail": text}
    return last


def _render_queue(document: Document) -> Iterable[str]:
    rows = [
        (q["identity"], q["delivery_type"], q["status"], q["message_count"], q["next_hop_domain"])
        for q in document["queues"]
    ]
    yield from columns(
        ("Identity", "DeliveryType", "Status", "MessageCount", "NextHopDomain"), rows
    )
    for queue in document["queues"]:
        if queue["last_error"]:
            yield ""
            yield from listing(
                [
                    ("Identity", queue["identity"]),
                    ("LastError", queue["last_error"]),
                    ("NextRetryTime", queue["next_retry_at"]),
                ]
            )


@operation(
    "mail", "queue", render=_render_queue, rows="queues", example="edgesync mail queue",
    writes=True, writes_with=("retry",),
    cmdlets=(Cmdlet("Get-Queue", {"Server": "server", "Identity": "server"}),),
)  # fmt: skip
def queue(
    context: Context,
    server: Annotated[str | None, Help("only of this server", completes="server")] = None,
    *,
    retry: Annotated[bool, Help("try waiting queues now (Retry-Queue)")] = False,
) -> Outcome:
    """Show queues with their last error; ``--retry`` tries the waiting ones at once."""
    from edgesync.lab.network import Network

    lab = context.lab
    mail = lab.service(Network).mail()
    if retry:
        mail.run(force=True)
    wanted = lab.server(server.partition("\\")[0]).name if server else None
    rows = [
        {
            "identity": view.identity,
            "server": name,
            "delivery_type": view.delivery_type,
            "status": view.status,
            "message_count": view.message_count,
            "next_hop_domain": view.next_hop_domain,
            "connector": view.connector,
            "last_error": view.last_error,
            "next_retry_at": _instant(view.next_retry_at) if view.next_retry_at else None,
        }
        for name, service in sorted(mail.services.items())
        if wanted in (None, name)
        for view in service.queues()
    ]
    return Outcome({"schema": "edgesync.mail-queue/1", "queues": rows})


def _render_log(document: Document) -> Iterable[str]:
    for row in document["rows"]:
        data = f"{row['data']} ({row['context']})" if row["context"] else row["data"]
        text = data if row["data"] else row["context"]
        yield f"{row['at']}  {row['connector']}  {row['event']} {text}".rstrip()


@operation(
    "mail", "log", render=_render_log, rows="rows", lab_unless=("file",),
    example="edgesync mail log HUB01 --kind send",
)  # fmt: skip
def log(
    context: Context,
    server: Annotated[str | None, Help("only this server's", completes="server")] = None,
    *,
    kind: Annotated[Literal["all", "send", "receive"], Help("SmtpSend or SmtpReceive")] = "all",
    session: Annotated[str | None, Help("only this session id")] = None,
    tail: Annotated[int, Help("only the last rows")] = 200,
    file: Annotated[str | None, Help("a log file, real or ours", metavar="FILE")] = None,
) -> Outcome:
    """Show SMTP protocol log rows of the lab, or of any log file that Exchange wrote.

    Sessions are logged where ProtocolLoggingLevel is Verbose (connector set), between Hubs where
    IntraOrgConnectorProtocolLoggingLevel is (Set-TransportServer).
    """
    from edgesync.operations.mail_rows import lab_rows
    from edgesync.transport.log_reader import read_log

    rows: Iterable[LogRow]
    rows = read_log(Path(file)) if file is not None else lab_rows(context.lab, server, kind)
    found = [row for row in rows if session in (None, row.session)]
    limit = max(1, min(tail, ROWS_MAX))
    return Outcome(
        {
            "schema": "edgesync.mail-log/1",
            "total": len(found),
            "rows": [_row_document(row) for row in found[-limit:]],
        }
    )


def _row_document(row: LogRow) -> Document:
    return {
        "at": _instant(row.at), "connector": row.connector, "session": row.session,
        "sequence": row.sequence, "local": row.local, "remote": row.remote, "event": row.event,
        "data": row.data, "context": row.context,
    }  # fmt: skip


def _instant(at: Any) -> str:
    text: str = at.isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
