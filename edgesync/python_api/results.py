"""What operations answer, as Python values: false where the answer is no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from edgesync.errors import ExitCode
from edgesync.lab.lab import Lab as OpenLab


class Runner(Protocol):
    """A lab that runs operations and knows where its servers listen."""

    lab: OpenLab

    def run(self, operation: str, *, answer: bool | None = None, **parameters: Any) -> Result:
        """Any operation by its name."""
        ...

    def address(self, server: str, service: str) -> str:
        """Where a server listens."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """What an operation answered. True when the command would end with exit code 0."""

    document: Mapping[str, Any]
    exit_code: ExitCode
    notes: tuple[str, ...]
    text: str
    """What the command would print."""

    def __bool__(self) -> bool:
        return self.exit_code is ExitCode.OK

    def __getitem__(self, key: str) -> Any:
        return self.document[key]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class TrustResult(Result):
    """Whether one server accepts another's certificate. True when trusted."""

    lab: Runner
    verifier: str
    peer: str
    path: str

    @property
    def verdict(self) -> str:
        """``trusted``, ``untrusted``, ``anonymous``, ``unreachable`` or ``not_applicable``."""
        return str(self.document["verdict"])

    @property
    def reason(self) -> str:
        """The reason word: ``mismatch``, ``stale_replica``, ..."""
        return str(self.document["reason"])

    @property
    def presented(self) -> str | None:
        """Thumbprint of what the peer showed."""
        found: str | None = self.document["cell"]["presented"]
        return found

    @property
    def published(self) -> str | None:
        """Thumbprint of what the directory says the peer has."""
        found: str | None = self.document["cell"]["published"]
        return found

    def explain(self) -> Result:
        """The chain of steps, the cause and the commands that mend it."""
        return self.lab.run("trust.explain", verifier=self.verifier, peer=self.peer, path=self.path)
