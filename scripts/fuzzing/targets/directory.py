"""A whole directory that is sent messages: by a stranger, and by its administrator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from directory.dsa.session import Session
from directory.errors import DecodeError, LdapError
from directory.model import filter as filters
from directory.model import messages
from directory.model.dn import DN
from directory.model.messages import LdapMessage
from directory.model.modification import Modification, ModifyOperation
from directory.wire.filters import encode_filter
from directory.wire.messages import decode_message, encode_message
from scripts.fuzzing.ldap_samples import CONTROLS, REQUESTS
from scripts.fuzzing.target import Target, promise
from tests.support.directories import DOMAIN, USERS, Bench, ad

FRESH_AFTER = 3000
"""Messages after which the directory is made anew, so that it stays small."""

_NO_FINAL = (
    messages.SearchResultEntry, messages.SearchResultReference, messages.SyncInfo,
    messages.IntermediateResponse,
)  # fmt: skip
_UNANSWERED = (messages.AbandonRequest, messages.UnbindRequest)


@dataclass
class _Directories:
    """The directory of the moment."""

    made: Bench | None = None
    messages: int = 0

    def take(self) -> Bench:
        if self.made is None or self.messages >= FRESH_AFTER:
            if self.made is not None:
                promise(self.made.agent.store.verify() == [], "the store disagrees with itself")
            self.made, self.messages = ad(), 0
        self.messages += 1
        return self.made


_directories = _Directories()


def run_directory(data: bytes) -> None:
    """Send a message: one final answer; a stranger changes nothing."""
    if not data:
        return
    message = decode_message(data[1:])
    request = message.operation
    if not isinstance(request, messages.Request) or isinstance(request, _UNANSWERED):
        return
    made = _directories.take()
    is_stranger = bool(data[0] & 1)
    # nobody but a session of its own may bind, or the administrator would be somebody else
    own = is_stranger or isinstance(request, messages.BindRequest)
    before = made.agent.store.committed_usn
    finals = 0
    session = Session(is_secure=True) if own else made.session
    for reply in made.agent.execute(session, request, message.controls, message_id=1):
        finals += not isinstance(reply.operation, _NO_FINAL)
        encode_message(LdapMessage(1, reply.operation, reply.controls))
    promise(finals == 1, f"{finals} final answers")
    promise(not own or made.agent.store.committed_usn == before, "a stranger wrote")


def _sent(request: messages.Request, flag: bytes = b"\0") -> bytes:
    return flag + encode_message(LdapMessage(1, request))


def _messages() -> Iterator[bytes]:
    for number, request in enumerate(REQUESTS):
        for flag in (b"\0", b"\1"):
            yield flag + encode_message(
                LdapMessage(1, request, (CONTROLS[number % len(CONTROLS)],))
            )
    for control in CONTROLS:
        search = messages.SearchRequest(DOMAIN, filter=filters.Present("cn"), attributes=("cn",))
        yield b"\0" + encode_message(LdapMessage(1, search, (control,)))


def _search(item: filters.Filter, flag: bytes = b"\0") -> bytes:
    return _sent(messages.SearchRequest(DOMAIN, filter=item, attributes=("cn",)), flag)


def _modify(operation: ModifyOperation, count: int) -> bytes:
    """Many changes of one attribute, each adding or removing a value of its own."""
    changes = tuple(Modification(operation, "url", (b"v%d" % i,)) for i in range(count))
    return _sent(messages.ModifyRequest(USERS, changes))


def _items(one: filters.Filter, size: int) -> tuple[filters.Filter, ...]:
    return (one,) * (size // len(encode_filter(one)))


_SUBSTRINGS = filters.Substrings("cn", b"a", (b"b",) * 3, b"c")

DIRECTORY = Target(
    "directory",
    "LDAP messages to a whole Active Directory",
    "one final answer; a stranger changes nothing; the store agrees with itself",
    run_directory,
    (DecodeError, LdapError),
    _messages,
    words=(
        str(DOMAIN).encode(),
        str(USERS).encode(),
        b"objectClass",
        b"memberOf",
        b"uSNChanged",
        b"<GUID=",
        b"\xa0",
        b"anr",
    ),
    growers={
        "a broad or": lambda n: _search(filters.Or(_items(filters.Equality("cn", b"a"), n))),
        "a broad and of substrings": lambda n: _search(filters.And(_items(_SUBSTRINGS, n))),
        "a substring of many pieces": lambda n: _search(
            filters.Substrings("cn", b"a", (b"b",) * (n // 3), b"c")
        ),
        "many attributes wanted": lambda n: _sent(
            messages.SearchRequest(USERS, messages.Scope.BASE, attributes=("cn",) * (n // 4))
        ),
        "many values of a long list": lambda n: _sent(
            messages.CompareRequest(USERS, "cn", b"a" * n)
        ),
        "a long name to bind": lambda n: _sent(
            messages.BindRequest(3, "a" * n, messages.SimpleCredentials(b"x")), b"\1"
        ),
        "a long token to bind": lambda n: _sent(
            messages.BindRequest(3, "", messages.SaslCredentials("GSS-SPNEGO", b"\x60" * n)), b"\1"
        ),
        "a stranger's changes": lambda n: b"\1" + _modify(ModifyOperation.ADD, n // 20)[1:],
        "changes one by one": lambda n: _modify(ModifyOperation.ADD, n // 20),
        "removals one by one": lambda n: _modify(ModifyOperation.DELETE, n // 20),
        "a nested entry's name": lambda n: _sent(
            messages.DeleteRequest(DN.of(*[("CN", "x")] * min(n // 5, 250), under=DOMAIN))
        ),
    },
)

TARGETS = (DIRECTORY,)
