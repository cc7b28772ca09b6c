"""What an operation may use besides its parameters: the lab, a voice, and answers to questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgesync.errors import EdgeSyncError, ExitCode, NoSuchThing
from edgesync.lab.lab import Lab

Progress = Callable[[Mapping[str, Any]], None]
"""Receives steps of long work: phase, done and total, rate, remaining_s."""


def silent(_step: Mapping[str, Any]) -> None:
    """Progress nobody asked for."""


class ConfirmationNeeded(EdgeSyncError):
    """A question has to be answered first. Carries Exchange's wording and its default answer."""

    exit_code = ExitCode.REFUSED

    def __init__(self, question: str, *, default: bool) -> None:
        super().__init__(question, "answer with --yes or --no")
        self.question = question
        self.default = default


@dataclass
class Context:
    """One call of one operation."""

    current: Lab | None = None
    """The lab, where the operation needs one."""
    lab_path: Path = Path(".edgesync")
    """Where the lab is or shall be."""
    progress: Progress = silent
    answer: bool | None = None
    """What the person said to the operation's question; None: not asked yet."""
    note: str = ""
    """The command line in words, for the change log."""

    @property
    def lab(self) -> Lab:
        """The open lab.

        Raises:
            NoSuchThing: when the operation was called without one.
        """
        if self.current is None:
            raise NoSuchThing(f"no lab at {self.lab_path}", "make one: edgesync lab new")
        return self.current

    def confirm(self, question: str, *, default: bool = True) -> bool:
        """The person's answer to a yes-or-no question.

        Raises:
            ConfirmationNeeded: when it was not asked yet; the caller asks and calls again.
        """
        if self.answer is None:
            raise ConfirmationNeeded(question, default=default)
        return self.answer
