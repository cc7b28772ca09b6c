"""What the listeners ask of the directory behind them.

``DirectoryServiceAgent`` (directory/dsa) is one; tests serve smaller ones. The seams that
make serving fast are here, in one place:

* **Encoded answers.** ``quick_search`` may answer the commonest searches with protocolOps the
  store already keeps, and its ``stream`` any search without controls but that of pages. None
  means: take the plain path, ``execute``. All must give the same bytes; a property test compares
  them. (``SearchResultEntry.encoded`` does the same for the entries of the plain path.)
* **Group commit.** A session with ``group_commit`` set lets the directory apply its changes in
  memory first. Their answers are held here until ``commit_group`` has made them durable: once
  for everything that arrived in one turn of the event loop. Callers without it (in-process ones)
  have their changes durable when ``execute`` ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from directory.dsa.session import Session
from directory.model.controls import Control
from directory.model.messages import BindRequest, Reply, Request, SearchRequest
from directory.model.question import Question
from directory.wire.quick_modify import Replacement


class Agent(Protocol):
    """Executes requests."""

    def execute(
        self,
        session: Session,
        request: Request,
        controls: Sequence[Control] = (),
        *,
        message_id: int = 0,
    ) -> Iterator[Reply]:
        """Entries lazily, then the final response. A search that persists ends without one."""
        ...

    def abandon(self, session: Session, message_id: int) -> None:
        """Forget a search that persists; one that is not there is no error."""
        ...

    def close(self, session: Session) -> None:
        """The connection of this session is gone."""
        ...


AddParts = tuple[bytes, list[bytes], list[bytes], list[bytes], Mapping[int, Sequence[bytes]]]
"""An entry to add, as ``wire.quick_add`` takes it apart."""


class BulkAdder(Protocol):
    """Adds many entries at once."""

    def add_read(self, session: Session, entries: Sequence[AddParts]) -> bool:
        """Add entries as ``wire.quick_add`` takes them apart; False when nothing was done.

        They are durable after the next ``commit_group``.
        """
        ...


class Stream(Protocol):
    """The answers to a search as they are found."""

    @property
    def operations(self) -> Iterator[bytes]:
        """SearchResultEntry protocolOps; no octets mean that others should have their turn.

        Raises:
            LdapError: from the iterator, for the result of a search that does not succeed.
        """
        ...

    @property
    def final(self) -> Callable[[], Reply] | None:
        """Afterwards, the final response, where it has controls."""
        ...

    @property
    def ahead(self) -> Sequence[Iterator[None]]:
        """Afterwards, what may be done before the next request comes, in steps; nobody waits."""
        ...


class QuickSearcher(Protocol):
    """Answers quick searches from entries kept encoded."""

    def __call__(
        self, session: Session, question: Question, value: bytes | None
    ) -> Sequence[bytes] | None:
        """The SearchResultEntry protocolOps of a search that succeeds, in order, or None.

        The question is ``wire.quick``'s: base and attribute name as the client spelled them, what
        makes the item of the filter; ``value`` is None for a presence filter. There never is a
        control. A tuple may be given again as an answer to the same question, and never changes.
        """
        ...

    def stream(
        self, session: Session, request: SearchRequest, controls: Sequence[Control]
    ) -> Stream | None:
        """The answers to a search, or None: the plain path answers it."""
        ...

    def prepare(self, session: Session, request: SearchRequest) -> Iterator[None]:
        """Steps to take before the plain path is asked, with turns of others in between."""
        ...


QuickStream = Callable[[Session, SearchRequest, Sequence[Control]], "Stream | None"]


class QuickAgent(Agent, Protocol):
    """An agent with a fast lane."""

    quick_search: QuickSearcher


class HashingAgent(Agent, Protocol):
    """An agent whose binds take long where passwords are well kept."""

    def password_work(self, session: Session, request: BindRequest) -> Callable[[], None] | None:
        """The hashing of a bind to come; None if it takes nothing long.

        Called in another thread, it leaves the bind little to do. The bind decides all the same.
        """
        ...


class UpdatingAgent(Agent, Protocol):
    """An agent that executes updates at once, where there is nothing to answer but how it went."""

    def update(self, session: Session, request: Request) -> None:
        """Execute an add, modify, rename or delete without controls.

        Raises:
            LdapError: what the final response would say.
        """
        ...


class QuickModifier(Protocol):
    """Carries out modifies that only replace values, where it is certain of everything."""

    def __call__(self, session: Session, name: bytes, changes: Sequence[Replacement]) -> bool:
        """Change an entry and answer True, or do nothing: the plain path has to look.

        ``name`` is as the client spelled it; there never is a control.
        """
        ...


class QuickComparer(Protocol):
    """Answers compares that name a plain entry and attribute."""

    def __call__(
        self, session: Session, name: bytes, attribute: bytes, value: bytes
    ) -> bool | None:
        """Whether an entry has a value; None: the plain path has to look.

        Names are as the client spelled them; there never is a control.
        """
        ...


class QuickAdder(Protocol):
    """Adds entries that are like one that was added before, where it is certain of everything."""

    def __call__(
        self,
        session: Session,
        name: bytes,
        spelled: list[bytes],
        blobs: list[bytes],
        values: list[bytes],
        several: Mapping[int, Sequence[bytes]],
    ) -> bool:
        """Add an entry and answer True, or do nothing: the plain path has to look.

        The arguments are what ``wire.quick_add`` reads; there never is a control.
        """
        ...


class AddsAtAGlance(Protocol):
    """Where an agent adds so."""

    add_at_a_glance: QuickAdder


class AddingAgent(Protocol):
    """An agent that adds entries at a glance."""

    quick_add: AddsAtAGlance


class GroupCommitAgent(Agent, Protocol):
    """An agent whose changes may be made durable together."""

    @property
    def has_uncommitted(self) -> bool:
        """Whether changes wait for ``commit_group``."""
        ...

    def commit_group(self) -> None:
        """Make all changes so far durable.

        Raises:
            JournalError: when that failed; the connections that wait are then cut off.
        """
        ...
