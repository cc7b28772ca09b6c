"""Open a directory: new, from its journal, or in memory only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from directory.clock import Clock
from directory.dsa.access import AccessPolicy
from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.computed import back_links, computed_attributes
from directory.dsa.configuration import DirectoryConfiguration
from directory.dsa.context import Context
from directory.dsa.passwords import PasswordHasher
from directory.dsa.seed import seed, set_administrator_password
from directory.dsa.session import LOCAL, Session
from directory.dsa.throttle import BindThrottle
from directory.entropy import Entropy
from directory.schema.profiles import schema_profile
from directory.store.bulk import silent
from directory.store.store import Store

if TYPE_CHECKING:
    from directory.store.journal import Durability

__all__ = ["DirectoryConfiguration", "local_session", "open_directory"]


def open_directory(
    configuration: DirectoryConfiguration,
    *,
    clock: Clock,
    entropy: Entropy,
    path: Path | None = None,
    durability: Durability = "full",
    report: Callable[[str], None] = silent,
) -> DirectoryServiceAgent:
    """A directory ready for requests; with ``path`` every acknowledged change is kept there.

    ``report`` is told how far the journal has been read.

    A journal that is already there is opened again with everything it holds; the configuration
    then says how the directory behaves, and its administrator's password is not changed.

    Raises:
        JournalLocked: another process has it open.
        JournalCorrupt: it does not agree with itself; JournalTooNew: a later version wrote it.
        InvalidSchema: one of the schema texts is wrong.
    """
    profile = schema_profile(configuration.profile, configuration.schema_texts)
    computed = dict(computed_attributes(configuration))
    if not configuration.is_generic:
        computed.update(back_links(dict(profile.links)))
    store = Store(profile, computed)
    if path is not None:
        # sqlite-utils takes a tenth of a second to import; directories in memory do without
        from directory.store.journal import SqliteJournal  # noqa: PLC0415

        journal = SqliteJournal(path, durability)
        try:
            journal.load(store, report)
        except BaseException:
            journal.close()
            raise
        store.journal = journal
    context = Context(
        configuration=configuration,
        store=store,
        clock=clock,
        entropy=entropy,
        access=AccessPolicy(configuration),
        hasher=PasswordHasher(entropy, configuration.password_cost_log2),
        throttle=BindThrottle(),
    )
    if "invocationId" not in store.meta:
        seed(context)
    elif configuration.is_generic and configuration.admin_password:
        with store.write(LOCAL_AUTHOR, context.now()) as writer:
            set_administrator_password(context, writer)
    return DirectoryServiceAgent(context)


LOCAL_AUTHOR = Session(identity=LOCAL).author


def local_session(agent: DirectoryServiceAgent, *, note: str = "") -> Session:
    """A session of the administrator for callers in this process; ``note`` goes into the log."""
    del agent
    return Session(identity=LOCAL, is_secure=True, note=note)
