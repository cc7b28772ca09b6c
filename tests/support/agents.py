"""A small directory for tests of the wire and the listeners: a dict and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from directory.dsa.session import Session
from directory.errors import ResultCode
from directory.model import messages, oids
from directory.model.controls import Control
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality, Present
from directory.model.messages import LdapResult, Reply, Request


class DictAgent:
    """Knows equality and presence, refuses nothing, remembers what it was asked."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = {entry.dn: entry for entry in entries}
        self.seen: list[tuple[Request, tuple[Control, ...]]] = []
        self.abandoned: list[int] = []
        self.closed = 0
        self.sessions: list[Session] = []

    def execute(
        self,
        session: Session,
        request: Request,
        controls: Sequence[Control] = (),
        *,
        message_id: int = 0,
    ) -> Iterator[Reply]:
        self.seen.append((request, tuple(controls)))
        self.sessions.append(session)
        match request:
            case messages.BindRequest():
                yield Reply(messages.BindResponse(LdapResult()))
            case messages.SearchRequest():
                if request.filter == Equality("cn", b"explode"):
                    raise RuntimeError("a bug")
                if request.filter == Equality("cn", b"persist"):
                    return
                yield from self._search(request)
            case messages.AddRequest(entry):
                known = entry.dn in self.entries
                self.entries.setdefault(entry.dn, entry)
                code = ResultCode.ENTRY_ALREADY_EXISTS if known else ResultCode.SUCCESS
                yield Reply(messages.AddResponse(LdapResult(code)))
            case messages.DeleteRequest(dn):
                known = self.entries.pop(dn, None) is not None
                code = ResultCode.SUCCESS if known else ResultCode.NO_SUCH_OBJECT
                yield Reply(messages.DeleteResponse(LdapResult(code)))
            case messages.CompareRequest(dn, name, value):
                found = self.entries.get(dn)
                same = found is not None and value in found.values(name)
                code = ResultCode.COMPARE_TRUE if same else ResultCode.COMPARE_FALSE
                yield Reply(messages.CompareResponse(LdapResult(code)))
            case messages.ExtendedRequest(oids.WHO_AM_I):
                yield Reply(messages.ExtendedResponse(LdapResult(), value=b"u:somebody"))
            case messages.ExtendedRequest():
                result = LdapResult(ResultCode.PROTOCOL_ERROR)
                yield Reply(messages.ExtendedResponse(result))
            case messages.ModifyRequest():
                yield Reply(messages.ModifyResponse(LdapResult()))
            case messages.ModifyDnRequest():
                yield Reply(messages.ModifyDnResponse(LdapResult()))

    def _search(self, request: messages.SearchRequest) -> Iterator[Reply]:
        for entry in list(self.entries.values()):
            if not entry.dn.is_within(request.base):
                continue
            match request.filter:
                case Present(name) if entry.has(name):
                    yield Reply(messages.SearchResultEntry(entry))
                case Equality(name, value) if value in entry.values(name):
                    yield Reply(messages.SearchResultEntry(entry))
        yield Reply(messages.SearchResultDone(LdapResult()))

    def abandon(self, session: Session, message_id: int) -> None:
        self.abandoned.append(message_id)

    def close(self, session: Session) -> None:
        self.closed += 1


def person(number: int, size: int = 0) -> Entry:
    """One entry of a test directory; ``size`` adds a value of so many octets."""
    dn = DN.of(("cn", f"Person {number:05d}"), ("ou", "people"), ("dc", "test"))
    attributes: dict[str, tuple[bytes, ...]] = {
        "objectClass": (b"top", b"person"),
        "cn": (b"Person %05d" % number,),
        "mail": (b"p%d@example.test" % number, b"q%d@example.test" % number),
    }
    if size:
        attributes["jpegPhoto"] = (bytes(size),)
    return Entry(dn, attributes)
