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
            self._sort(step, author)

    def _sort(self, step: Step, author: Callable[[Author], int]) -> None:
        old, new, usn, at, by = step
        if usn:
            self.usn = usn
        if old is None:
            assert new is not None
            self.whole[new.id] = new
            self.added.append((usn, new.id, at, author(by)))
            return
        id_ = old.id
        if new is not None and usn and is_brief(old, new):
            self.brief.append(brief_row(old, new, author(by)))
            if id_ in self.whole:
                self.whole[id_] = new
            else:
                self.behind[id_] = new
            return
        self.behind.pop(id_, None)
        if new is None:
            self.whole.pop(id_, None)
            self.gone.append(id_)
        else:
            author(new.created_by)
            author(new.changed_by)
            self.whole[id_] = new
        if usn:
            self.changed.append(change_row(step, author(by)))
