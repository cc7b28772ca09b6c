"""What strangers asked of a running lab's directories: requests by operation and result.

Names of operations and of result codes only: nothing a client wrote is kept.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from directory.dsa.session import Session
from directory.dsa.streams import Stream
from directory.errors import LdapError, ResultCode
from directory.model.controls import Control
from directory.model.messages import (
    AddRequest,
    BindRequest,
    CompareRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    Reply,
    Request,
    SearchRequest,
)
from directory.net.agent import Agent, QuickComparer, QuickModifier
from edgesync.lab.lab import Lab

_NAMES: dict[type, str] = {
    BindRequest: "bind",
    SearchRequest: "search",
    AddRequest: "add",
    ModifyRequest: "modify",
    ModifyDnRequest: "modify_dn",
    DeleteRequest: "delete",
    CompareRequest: "compare",
}

OTHER = "extended"


class WireCounts:
    """Requests that came over sockets since the lab was opened. Safe to use from any thread."""

    def __init__(self, _lab: Lab) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def count(self, directory: str, operation: str, code: int) -> None:
        """One request was answered."""
        try:
            result = ResultCode(code).name.lower()
        except ValueError:
            result = "other"
        with self._lock:
            self._counts[directory, operation, result] += 1

    def counted(self) -> dict[tuple[str, str, str], int]:
        """How many of each: directory, operation, result."""
        with self._lock:
            return dict(self._counts)


Update = Callable[[Session, Request], None]


class CountedAgent:
    """Passes requests to a directory and counts how they ended."""

    def __init__(self, inner: Agent, name: str, counts: WireCounts) -> None:
        self._inner = inner
        self._name, self._counts = name, counts
        quick = getattr(inner, "quick_search", None)
        if quick is not None:
            self.quick_search = _CountedSearcher(quick, name, counts)
        update: Update | None = getattr(inner, "update", None)
        self.update = None if update is None else partial(self._updated, update)
        modify: QuickModifier | None = getattr(inner, "quick_modify", None)
        self.quick_modify = None if modify is None else partial(self._modified, modify)
        compare: QuickComparer | None = getattr(inner, "quick_compare", None)
        self.quick_compare = None if compare is None else partial(self._compared, compare)

    def execute(
        self,
        session: Session,
        request: Request,
        controls: Sequence[Control] = (),
        *,
        message_id: int = 0,
    ) -> Iterator[Reply]:
        """The directory's replies; the last one is counted."""
        operation = _NAMES.get(type(request), OTHER)
        for reply in self._inner.execute(session, request, controls, message_id=message_id):
            result = getattr(reply.operation, "result", None)
            if result is not None:
                self._counts.count(self._name, operation, result.code)
            yield reply

    def _updated(self, update: Update, session: Session, request: Request) -> None:
        """Execute an update that nobody asks anything more of."""
        code = ResultCode.SUCCESS
        try:
            update(session, request)
        except LdapError as error:
            code = error.code
            raise
        finally:
            self._counts.count(self._name, _NAMES.get(type(request), OTHER), code)

    def _modified(self, modify: QuickModifier, *arguments: Any) -> bool:
        """Carry out a modify that was read at a glance."""
        is_done = modify(*arguments)
        if is_done:
            self._counts.count(self._name, "modify", ResultCode.SUCCESS)
        return is_done

    def _compared(self, compare: QuickComparer, *arguments: Any) -> bool | None:
        """Answer a compare that was read at a glance."""
        found = compare(*arguments)
        if found is not None:
            code = ResultCode.COMPARE_TRUE if found else ResultCode.COMPARE_FALSE
            self._counts.count(self._name, "compare", code)
        return found

    def __getattr__(self, name: str) -> Any:
        """All else is the directory's own: abandon, close, group commit where it has one."""
        return getattr(self._inner, name)


class _CountedSearcher:
    """The fast lane, counted."""

    def __init__(self, inner: Any, name: str, counts: WireCounts) -> None:
        self._inner = inner
        self._name, self._counts = name, counts

    def __call__(self, *arguments: Any) -> Any:
        """Answers of a search that succeeded, or None for the plain path."""
        found = self._inner(*arguments)
        if found is not None:
            self._counts.count(self._name, "search", ResultCode.SUCCESS)
        return found

    def stream(
        self, session: Session, request: SearchRequest, controls: Sequence[Control] = ()
    ) -> Stream | None:
        """The answers to a search, or None for the plain path."""
        stream: Stream | None = self._inner.stream(session, request, controls)
        if stream is None:
            return None
        return stream._replace(operations=self._counted(stream.operations))

    def prepare(self, session: Session, request: SearchRequest) -> Iterator[None]:
        """Steps to take before the plain path is asked."""
        steps: Iterator[None] = self._inner.prepare(session, request)
        return steps

    def _counted(self, entries: Iterator[bytes]) -> Iterator[bytes]:
        code = int(ResultCode.SUCCESS)
        try:
            yield from entries
        except LdapError as error:
            code = int(error.code)
            raise
        finally:
            self._counts.count(self._name, "search", code)
