"""Loading LDIF into a directory in this process: a file as a whole, or what is right of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.bulk_add import RUN_MAX
from directory.dsa.session import LOCAL, Session
from directory.errors import InvalidLdif, LdapError
from directory.model.dn import DN
from directory.model.ldif import ChangeRecord, ContentRecord, Record, read_ldif
from directory.model.messages import AddRequest, LdapResult
from directory.store.bulk import PROGRESS_ENTRIES, silent, without_collector
from directory.wire.controls import decode_control


@dataclass(slots=True)
class LoadReport:
    """What became of a file: how many records were carried out, and what was wrong with others."""

    loaded: int = 0
    errors: list[LdifRefusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LdifRefusal:
    """A record the directory refused."""

    line: int
    dn: str
    message: str


class LdifLoadFailed(LdapError):
    """A record was refused and nothing of its file was kept."""

    def __init__(self, path: Path, refusal: LdifRefusal, cause: LdapError) -> None:
        super().__init__(cause.code, f"{path}:{refusal.line}: {refusal.dn}: {refusal.message}")
        self.refusal = refusal


def load_ldif(
    agent: DirectoryServiceAgent,
    path: Path,
    *,
    go_on: bool = False,
    report: Callable[[str], None] = silent,
) -> LoadReport:
    """Carry out every record of a file with administrator's rights.

    With ``go_on`` refused records are reported and the others kept; without, the first one ends
    the load and the changes made so far are undone.

    Raises:
        InvalidLdif: when the file is not LDIF.
        LdifLoadFailed: when a record is refused and ``go_on`` is not set.
        OSError: when the file cannot be read.
    """
    session = Session(identity=LOCAL, is_secure=True, note=f"load {path.name}", group_commit=True)
    result = LoadReport()
    with (
        path.open("rb") as source,
        without_collector(lambda: result.loaded),
        all_or_nothing(agent, go_on=go_on),
    ):
        for batch in _batches(read_ldif(source)):
            for record, error in zip(batch, _carry_out(agent, session, batch), strict=True):
                if error is not None:
                    refusal = LdifRefusal(record.line, str(_dn(record)), str(error))
                    if not go_on:
                        raise LdifLoadFailed(path, refusal, error) from error
                    result.errors.append(refusal)
                    continue
                result.loaded += 1
                if result.loaded % PROGRESS_ENTRIES == 0:
                    report(f"{path.name}: {result.loaded} records")
    report(f"{path.name}: {result.loaded} records loaded, {len(result.errors)} refused")
    return result


@contextmanager
def all_or_nothing(agent: DirectoryServiceAgent, *, go_on: bool) -> Iterator[None]:
    """One commit at the end of the block; on an error nothing of it is kept, or all with go_on."""
    try:
        yield
    except BaseException:
        if go_on:
            agent.commit_group()
        else:
            agent.store.rollback()
        raise
    agent.commit_group()


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Records in portions; those before one that cannot be read come before its error."""
    batch: list[Record] = []
    try:
        for record in records:
            batch.append(record)
            if len(batch) == RUN_MAX:
                yield batch
                batch = []
    except (InvalidLdif, OSError):
        yield batch
        raise
    yield batch


def _carry_out(
    agent: DirectoryServiceAgent, session: Session, batch: Sequence[Record]
) -> Iterator[LdapError | None]:
    """Execute records in their order; why each was refused, or None."""
    for is_content, records in groupby(batch, lambda record: isinstance(record, ContentRecord)):
        if is_content:
            entries = [record.entry for record in records if isinstance(record, ContentRecord)]
            yield from agent.update_all(session, [AddRequest(entry) for entry in entries])
        else:
            for record in records:
                if isinstance(record, ChangeRecord):
                    yield _change(agent, session, record)


def _change(
    agent: DirectoryServiceAgent, session: Session, record: ChangeRecord
) -> LdapError | None:
    controls = [
        decode_control(control.type, control.critical, control.value) for control in record.controls
    ]
    for reply in agent.execute(session, record.request, controls):
        result: LdapResult | None = getattr(reply.operation, "result", None)
        if result is not None:
            try:
                result.raise_for_code()
            except LdapError as error:
                return error
    return None


def _dn(record: Record) -> DN:
    if isinstance(record, ContentRecord):
        return record.entry.dn
    request = record.request
    return request.entry.dn if isinstance(request, AddRequest) else request.dn
