"""The rows of a group of steps that is committed together, by the statement that writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from directory.store.entry import Author, StoredEntry
from directory.store.rows import BriefRow, ChangeRow, brief_row, change_row, is_brief
from directory.store.writer import Step

AddRow = tuple[int, int, int, int]
"""usn, entry, at, author."""


class Group:
    """One group, sorted. ``author`` gives the number of an author."""

    __slots__ = ("added", "behind", "brief", "changed", "gone", "usn", "whole")

    def __init__(self, steps: Sequence[Step], author: Callable[[Author], int]) -> None:
        self.whole: dict[int, StoredEntry] = {}
        """Entries whose rows are written."""
        self.behind: dict[int, StoredEntry] = {}
        """Entries of which brief changes alone are written."""
        self.gone: list[int] = []
        self.added: list[AddRow] = []
        self.brief: list[BriefRow] = []
        self.changed: list[ChangeRow] = []
        self.usn = 0
        for step in steps:
            old, new, usn, at, by = step
            if usn:
                self.usn = usn
            if old is None:
                assert new is not None
                self.whole[new.id] = new
                self.added.append((usn, new.id, at, author(by)))
            elif new is not None and usn and is_brief(old, new):
                self.brief.append(brief_row(old, new, author(by)))
                (self.whole if new.id in self.whole else self.behind)[new.id] = new
            else:
                self._sort(step, old, author)

    def _sort(self, step: Step, old: StoredEntry, author: Callable[[Author], int]) -> None:
        """What is more than a brief change."""
        new = step.new
        self.behind.pop(old.id, None)
        if new is None:
            self.whole.pop(old.id, None)
            self.gone.append(old.id)
        else:
            author(new.created_by)
            author(new.changed_by)
            self.whole[old.id] = new
        if step.usn:
            self.changed.append(change_row(step, author(step.author)))
