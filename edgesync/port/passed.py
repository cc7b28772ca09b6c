"""A port that passes everything on: the base of whatever lies between an engine and a directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from directory.model.controls import Control
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    SearchRequest,
)
from edgesync.errors import PortUnavailable
from edgesync.port.port import DirectoryIdentity, DirectoryPort, SearchOutcome, Write

T = TypeVar("T")


class PassedPort:
    """Hands each operation to the port below; ``passing`` is where a subclass interferes."""

    def __init__(self, inner: DirectoryPort) -> None:
        self.inner = inner
        self.is_lost = False
        """Whether the connection is gone: every further call says so."""

    @property
    def identity(self) -> DirectoryIdentity:
        """The directory's rootDSE."""
        self._alive()
        return self.inner.identity

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        """One page."""
        self._alive()
        return self.passing(request, lambda: self.inner.search(request, controls))

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        """Add one entry."""
        self._alive()
        self.passing(request, lambda: self.inner.add(request, controls))

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        """Change one entry."""
        self._alive()
        self.passing(request, lambda: self.inner.modify(request, controls))

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        """Rename or move."""
        self._alive()
        self.passing(request, lambda: self.inner.modify_dn(request, controls))

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        """Delete one entry."""
        self._alive()
        self.passing(request, lambda: self.inner.delete(request, controls))

    def close(self) -> None:
        """Let the session go."""
        self.inner.close()

    def passing(self, request: Write | SearchRequest, call: Callable[[], T]) -> T:  # noqa: ARG002 - for subclasses
        """Do one operation; ``call`` does it on the port below."""
        return call()

    def lose(self) -> PortUnavailable:
        """The connection is gone from here on; returns the error that says so, to be raised."""
        self.is_lost = True
        return PortUnavailable("the connection is lost", "connect again")

    def _alive(self) -> None:
        if self.is_lost:
            raise self.lose()
