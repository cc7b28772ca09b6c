"""The port onto a directory in this process: same words, same errors, no socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.session import Session
from directory.errors import JournalError
from directory.model.controls import Control, Notification, PagedResults, ShowDeleted
from directory.model.dn import DN
from directory.model.encoded import EntryTable
from directory.model.entry import Entry
from directory.model.messages import (
    AddRequest,
    BindRequest,
    DeleteRequest,
    LdapResult,
    ModifyDnRequest,
    ModifyRequest,
    Reply,
    Request,
    SearchRequest,
    SearchResultEntry,
    SearchResultReference,
    SimpleCredentials,
    SyncInfo,
)
from edgesync.errors import PortUnavailable
from edgesync.port.port import DirectoryIdentity, SearchOutcome, Write, WriteOutcomes, identify


@dataclass(slots=True)
class _Collected:
    """What a search brought before its end."""

    entries: list[Entry] = field(default_factory=list)
    controls: list[tuple[Control, ...]] = field(default_factory=list)
    infos: list[SyncInfo] = field(default_factory=list)


class EmbeddedPort:
    """A session on an embedded directory. Executes each request to its end."""

    def __init__(self, agent: DirectoryServiceAgent, session: Session) -> None:
        self.agent = agent
        self.session = session
        self._watches: dict[int, Callable[[], None]] = {}

    @property
    def identity(self) -> DirectoryIdentity:
        """The directory's rootDSE."""
        return identify(self)

    @property
    def version(self) -> object:
        """The change log and its end: every change lengthens it, every restore puts another."""
        store = self.agent.store
        return store.log, store.usn, store.log.cuts

    def bind(self, name: str, password: bytes) -> None:
        """Authenticate this session; raises LdapError(invalidCredentials) when refused."""
        self._run(BindRequest(3, name, SimpleCredentials(password)), ())

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        """One page."""
        if len(controls) == 1 and isinstance(controls[0], PagedResults):
            page = self.agent.page(self.session, request, controls[0])
            if page is not None:
                entries, final = page
                _check(final)
                return SearchOutcome(tuple(entries), final.controls)
        collected = _Collected()
        answered = self._run(request, controls, collected)
        return SearchOutcome(
            tuple(collected.entries),
            answered,
            tuple(collected.controls) if any(collected.controls) else (),
            tuple(collected.infos),
        )

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        """Add one entry."""
        self._write(request, controls)

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        """Change one entry."""
        self._write(request, controls)

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        """Rename or move."""
        self._write(request, controls)

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        """Delete one entry."""
        self._write(request, controls)

    def write_all(self, requests: Sequence[Write]) -> WriteOutcomes:
        """Writes in their order, made durable together.

        The bulk way into a directory in this process: no reply is made for each write, and no
        flush of the disk. What the directory does with each is the same as ever.

        Raises:
            PortUnavailable: they could not be made durable, and none of them was made.
        """
        with self.batch():
            return self.agent.update_all(self.session, requests)

    def start_adds(self, tables: Sequence[EntryTable]) -> Callable[[], WriteOutcomes]:
        """``write_all`` for adds of entries that are alike.

        Raises:
            PortUnavailable: they could not be made durable, and none of them was made.
        """
        outcomes: WriteOutcomes = []
        with self.batch():
            for table in tables:
                outcomes += self.agent.add_table(self.session, table)
        return lambda: outcomes

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Writes inside become durable together at the end: one disk flush for all of them.

        Raises:
            PortUnavailable: they could not be made durable, and none of them was made.
        """
        before, self.session.group_commit = self.session.group_commit, True
        try:
            yield
        finally:
            self.session.group_commit = before
            try:
                self.agent.commit_group()
            except JournalError as error:
                raise PortUnavailable(
                    f"the directory could not keep the changes: {error}",
                    "see whether its disk is full",
                ) from error

    def on_change(self, base: DN, changed: Callable[[], None]) -> None:
        """Call ``changed`` after every commit below a base, deletes too, until the port is closed.

        A persistent search (MS-ADTS 3.1.1.3.4.1.9); it runs in the writer's thread, so ``changed``
        must be quick and must not use the directory.
        """
        number = len(self._watches) + 1
        self._watches[number] = changed
        self.session.deliver = self._deliver
        request = SearchRequest(base, attributes=("1.1",))
        controls = (Notification(critical=True), ShowDeleted(critical=True))
        for reply in self.agent.execute(self.session, request, controls, message_id=number):
            _check(reply)

    def _deliver(self, message_id: int, _reply: Reply) -> None:
        self._watches[message_id]()

    def close(self) -> None:
        """Let the session go."""
        self.agent.close(self.session)

    def _write(self, request: Write, controls: Sequence[Control]) -> None:
        if controls:
            self._run(request, controls)
        else:  # nothing comes back but success
            self.agent.update(self.session, request)

    def _run(
        self,
        request: Request,
        controls: Sequence[Control],
        collected: _Collected | None = None,
    ) -> tuple[Control, ...]:
        for reply in self.agent.execute(self.session, request, controls):
            operation = reply.operation
            if isinstance(operation, SearchResultEntry):
                assert collected is not None
                collected.entries.append(operation.entry)
                collected.controls.append(reply.controls)
            elif isinstance(operation, SyncInfo):
                assert collected is not None
                collected.infos.append(operation)
            elif not isinstance(operation, SearchResultReference) and _check(reply):
                return reply.controls
        raise AssertionError(f"no final response to {type(request).__name__}")


def _check(reply: Reply) -> bool:
    """Whether this is a final response, and one of success.

    Raises:
        LdapError: what it says otherwise.
    """
    result = getattr(reply.operation, "result", None)
    if not isinstance(result, LdapResult):
        return False
    result.raise_for_code()
    return True
