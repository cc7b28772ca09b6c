"""The directory system agent: takes requests as values, gives replies as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from directory.clock import Clock
from directory.dsa import extended, removal, rename, update
from directory.dsa.access import AccessPolicy
from directory.dsa.bind import bind, password_work
from directory.dsa.bulk_add import BulkAdd
from directory.dsa.compare import compare
from directory.dsa.content_sync import ContentSync
from directory.dsa.context import Context, DsaObserver
from directory.dsa.dirsync import dir_sync
from directory.dsa.notification import notify
from directory.dsa.parted_search import parted_page
from directory.dsa.passwords import PasswordHasher
from directory.dsa.quick import QuickSearch
from directory.dsa.quick_add import QuickAdd
from directory.dsa.quick_compare import QuickCompare
from directory.dsa.quick_modify import QuickModify, Replacement
from directory.dsa.quick_names import QuickNames
from directory.dsa.refusals import UNWILLING, refusal
from directory.dsa.request_controls import (
    NO_CONTROLS,
    UpdateControls,
    search_controls,
    supported_controls,
    update_controls,
)
from directory.dsa.rootdse import root_dse, subschema_entry
from directory.dsa.sasl import mechanisms
from directory.dsa.search import search
from directory.dsa.session import ANONYMOUS, Session
from directory.dsa.throttle import BindThrottle
from directory.dsa.virtual import virtual_entry
from directory.entropy import Entropy
from directory.errors import JournalError, LdapError, ParseError, ResultCode
from directory.model import ber
from directory.model import messages as m
from directory.model.controls import Control, PagedResults, PostReadEntry, PreReadEntry
from directory.model.encoded import EncodedEntry, EntryTable
from directory.model.messages import LdapResult, Reply, Request
from directory.model.modification import ModifyOperation
from directory.store.entry import StoredEntry
from directory.store.store import Store

_RESPONSES: dict[type, type] = {
    m.BindRequest: m.BindResponse, m.SearchRequest: m.SearchResultDone,
    m.ModifyRequest: m.ModifyResponse, m.AddRequest: m.AddResponse,
    m.DeleteRequest: m.DeleteResponse, m.ModifyDnRequest: m.ModifyDnResponse,
    m.CompareRequest: m.CompareResponse, m.ExtendedRequest: m.ExtendedResponse,
}  # fmt: skip


class DirectoryServiceAgent:
    """One directory. Made by ``open_directory``; thread-safe per request."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.quick_search = QuickSearch(context)
        self.quick_add = QuickAdd(context)
        names = QuickNames(context)
        self.quick_modify = QuickModify(context, names)
        self.quick_compare = QuickCompare(context, names)
        self.bulk_add = BulkAdd(context, self.quick_add)

    @property
    def store(self) -> Store:
        """What it holds; ``history``, ``changes`` and ``as_of`` read the past."""
        return self.context.store

    @property
    def observer(self) -> DsaObserver:
        """Who is told about binds and refusals."""
        return self.context.observer

    @observer.setter
    def observer(self, observer: DsaObserver) -> None:
        self.context.observer = observer

    def execute(
        self,
        session: Session,
        request: Request,
        controls: Sequence[Control] = (),
        *,
        message_id: int = 0,
    ) -> Iterator[Reply]:
        """Entries lazily, then the final response. A search that persists ends without one.

        Every refusal is a final response; nothing that a client sends raises.
        """
        try:
            yield from self._execute(session, request, controls, message_id)
        except (LdapError, ParseError, JournalError) as error:
            yield _final(request, self._refused(session, request, error))

    def page(
        self, session: Session, request: m.SearchRequest, control: PagedResults
    ) -> tuple[list[EncodedEntry], Reply] | None:
        """One page of a search, for callers in this process that take entries apart.

        None where only ``execute`` can tell; what it answers is the same.

        Raises:
            LdapError: what the final response would say.
        """
        try:
            return parted_page(self.context, session, request, control)
        except (LdapError, ParseError) as error:
            self._refused(session, request, error).raise_for_code()
            raise

    def update(self, session: Session, request: Request) -> None:
        """Execute an add, modify, rename or delete without controls; nothing is made of success.

        The way for callers in this process that write thousands; ``execute`` does the same.

        Raises:
            LdapError: what the final response would say.
        """
        try:
            if not isinstance(request, m.ModifyRequest) or not self._replaced(session, request):
                self._update(session, request, NO_CONTROLS)
        except (LdapError, ParseError, JournalError) as error:
            self._refused(session, request, error).raise_for_code()

    def _replaced(self, session: Session, request: m.ModifyRequest) -> bool:
        """Carry out a modify that only replaces values; false when it needs a closer look."""
        changes: list[Replacement] = []
        for change in request.modifications:
            if change.operation is not ModifyOperation.REPLACE:
                return False
            kind = change.name.encode()
            changes.append((kind, ber.attribute(kind, change.values), change.values))
        return self.quick_modify(session, str(request.dn).encode(), changes)

    def add_table(self, session: Session, table: EntryTable) -> list[LdapError | None]:
        """``update_all`` for adds of entries that are alike."""
        if session.group_commit and not session.is_global_catalog:
            return self.bulk_add.update_table(session, table, self._outcome)
        return [self._outcome(session, m.AddRequest(entry)) for entry in table.entries()]

    def update_all(self, session: Session, requests: Sequence[Request]) -> list[LdapError | None]:
        """``update`` for many in their order: why each was refused, or None.

        With ``group_commit`` adds of entries that are alike are carried out together.
        """
        if session.group_commit and not session.is_global_catalog:
            return self.bulk_add.update_all(session, requests, self._outcome)
        return [self._outcome(session, request) for request in requests]

    def _outcome(self, session: Session, request: Request) -> LdapError | None:
        try:
            self.update(session, request)
        except LdapError as error:
            return error
        return None

    def _refused(
        self, session: Session, request: Request, error: LdapError | ParseError | JournalError
    ) -> LdapResult:
        if isinstance(error, ParseError):
            return LdapResult(ResultCode.INVALID_DN_SYNTAX, diagnostic=str(error))
        if isinstance(error, JournalError):
            return LdapResult(ResultCode.UNAVAILABLE, diagnostic=f"not changed: {error}")
        if error.code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS:
            self._report_refusal(session, request)
        return LdapResult.of(error)

    def _execute(
        self, session: Session, request: Request, controls: Sequence[Control], message_id: int
    ) -> Iterator[Reply]:
        generic = self.context.configuration.is_generic
        match request:
            case m.SearchRequest():
                yield from self._search(session, request, controls, message_id)
            case m.BindRequest():
                self.close(session)
                session.identity = ANONYMOUS
                yield Reply(bind(self.context, session, request))
            case m.ExtendedRequest():
                yield Reply(extended.execute(self.context, session, request))
            case m.CompareRequest():
                asked = search_controls(controls, generic=generic)
                code = compare(self.context, session, request, asked)
                yield Reply(m.CompareResponse(LdapResult(code)))
            case m.UnbindRequest():
                self.close(session)
            case m.AbandonRequest(target):
                self.abandon(session, target)
            case _:
                yield self._update(session, request, update_controls(controls, generic=generic))

    def _search(
        self,
        session: Session,
        request: m.SearchRequest,
        controls: Sequence[Control],
        message_id: int,
    ) -> Iterator[Reply]:
        context = self.context
        generic = context.configuration.is_generic
        asked = search_controls(controls, generic=generic)
        if request.scope is m.Scope.BASE:
            entry = None
            if request.base.is_root:
                offered = supported_controls(generic=generic)
                entry = root_dse(context, offered, mechanisms(context, session))
            elif request.base == context.configuration.subschema:
                entry = subschema_entry(context)
            if entry is not None:
                yield from virtual_entry(context, request, entry)
                return
        if asked.dir_sync is not None:
            yield from dir_sync(context, session, request, asked)
            return
        if asked.sync is not None:
            yield from ContentSync(context, session, request, asked).run(message_id)
            return
        if asked.notification:
            notify(context, session, request, asked, message_id)
            return
        yield from search(context, session, request, asked)

    def _update(self, session: Session, request: Request, controls: UpdateControls) -> Reply:
        context = self.context
        if session.is_global_catalog:
            raise refusal(context, UNWILLING, reason="a global catalog is read-only")
        before: StoredEntry | None = None
        after: StoredEntry | None = None
        operation: m.Response
        match request:
            case m.AddRequest():
                after = self.quick_add.add(session, request, controls)
                operation = m.AddResponse(LdapResult())
            case m.ModifyRequest():
                before, after = update.modify(context, session, request, controls)
                operation = m.ModifyResponse(LdapResult())
            case m.DeleteRequest():
                before = removal.delete(context, session, request, controls)
                operation = m.DeleteResponse(LdapResult())
            case m.ModifyDnRequest():
                before, after = rename.modify_dn(context, session, request, controls)
                operation = m.ModifyDnResponse(LdapResult())
            case _:
                raise LdapError(ResultCode.PROTOCOL_ERROR, "not a request")
        if controls.pre_read is None and controls.post_read is None:
            return Reply(operation)
        return Reply(operation, tuple(self._read_entries(controls, before, after)))

    def _read_entries(
        self, controls: UpdateControls, before: StoredEntry | None, after: StoredEntry | None
    ) -> Iterator[Control]:
        """The entries of the pre-read and post-read controls (RFC 4527)."""
        if controls.pre_read is not None and before is not None:
            selection = self.context.selections.of(controls.pre_read.attributes)
            yield PreReadEntry(entry=EncodedEntry(selection.operation(before)))
        if controls.post_read is not None and after is not None:
            selection = self.context.selections.of(controls.post_read.attributes)
            yield PostReadEntry(entry=EncodedEntry(selection.operation(after)))

    def _report_refusal(self, session: Session, request: Request) -> None:
        dn = getattr(request, "dn", None) or getattr(request, "base", "")
        if isinstance(request, m.AddRequest):
            dn = request.entry.dn
        now = self.context.clock.now()
        kind = type(request).__name__
        self.context.observer.access_refused(str(session.identity.dn), kind, str(dn), now)

    def abandon(self, session: Session, message_id: int) -> None:
        """Forget a search that persists; one that is not there is no error."""
        self.context.persistent.stop(session, message_id)

    def close(self, session: Session) -> None:
        """The connection of this session is gone: let go of everything kept for it."""
        session.pages.clear()
        self.context.persistent.stop_all(session)

    def password_work(self, session: Session, request: m.BindRequest) -> Callable[[], None] | None:
        """The hashing that a bind will take, for another thread; None if it takes nothing long."""
        return password_work(self.context, session, request)

    # durability, copies, housekeeping ----------------------------------------------------------

    @property
    def has_uncommitted(self) -> bool:
        """Whether changes wait for ``commit_group``."""
        return self.context.store.has_pending

    def commit_group(self) -> None:
        """Make all changes so far durable.

        Raises:
            JournalError: when that failed; the changes are undone.
        """
        self.context.store.flush()

    def fork(self, *, clock: Clock, entropy: Entropy) -> DirectoryServiceAgent:
        """A directory that goes its own way, in memory only: what would happen if."""
        old = self.context
        context = Context(
            configuration=old.configuration,
            store=old.store.fork(),
            clock=clock,
            entropy=entropy,
            access=AccessPolicy(old.configuration),
            hasher=PasswordHasher(entropy, old.configuration.password_cost_log2),
            throttle=BindThrottle(),
        )
        return DirectoryServiceAgent(context)

    def snapshot(self) -> Store:
        """The content at this moment, for ``restore``; costs a shallow copy."""
        return self.context.store.fork()

    def restore(self, snapshot: Store) -> None:
        """Go back to a snapshot; persisting searches are forgotten, unfinished pages go on.

        USNs go back too: whoever keeps a cookie of this directory must go back with it.
        """
        self.context.persistent.forget_all()
        self.context.store.restore(snapshot)

    def restore_backup(self, backup: Store) -> None:
        """Go back as a directory restored from a backup does: under another invocation.

        Cookies that were given out since then are of the invocation before, and refused.
        """
        again = backup.fork()
        again.meta["invocationId"] = str(self.context.entropy.uuid())
        self.restore(again)

    def collect_garbage(self) -> int:
        """Remove tombstones whose lifetime is over; how many there were."""
        return removal.collect_garbage(self.context)

    def shutdown(self) -> None:
        """Flush and let go of the journal."""
        self.context.store.close()


def _final(request: Request, result: LdapResult) -> Reply:
    return Reply(_RESPONSES.get(type(request), m.ExtendedResponse)(result))
