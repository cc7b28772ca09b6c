"""Which entries' rows in the journal are behind, and when they are brought up to date.

A change of attributes alone is written as such: a few octets at the end of a table, where the row
of its entry would be a page in its midst. What is behind is brought forward in portions, once many
changes have come, with the commits that come anyway; an entry that changed often is then written
once. A start reads at most so many changes beside the rows.
"""

from __future__ import annotations

from directory.store.entry import StoredEntry
from directory.store.group import Group

FOLD_CHANGES = 50_000
"""Changes that may be in no row before rows are brought forward: half a second of a start."""

PORTION = 2
"""Rows brought forward for each change that is written meanwhile: all of them are before as many
changes have come again."""


class Folding:
    """What the rows of one journal do not have yet."""

    def __init__(self) -> None:
        self.behind: dict[int, StoredEntry] = {}
        """Entries as they are, whose rows are not."""
        self.usn = 0
        """Of the last change written."""
        self.through = 0
        """Changes up to here are in the rows once the last portion is."""
        self._changes = 0
        self._turn: list[int] = []

    def start(self, behind: dict[int, StoredEntry], usn: int) -> None:
        """Begin with a file as it was read, or as it was written anew."""
        self.behind, self.usn = behind, usn
        self._changes = len(behind)
        self._turn = []

    def portion(self, changes: int) -> list[int]:
        """Ids of entries to be written with so many changes."""
        if not self._turn and self._changes >= FOLD_CHANGES:
            # in the order of the table, for several rows are in a page
            self._turn, self.through = sorted(self.behind, reverse=True), self.usn
            self._changes = 0
        return self._turn[-PORTION * changes :] if changes else []

    def is_last(self, portion: list[int]) -> bool:
        """Whether a portion is the last of its turn."""
        return 0 < len(self._turn) == len(portion)

    def wrote(self, portion: list[int], group: Group) -> None:
        """Note what was committed: a portion and a group, and what is behind from now on."""
        del self._turn[len(self._turn) - len(portion) :]
        behind = self.behind
        for id_ in (*portion, *group.whole, *group.gone):
            behind.pop(id_, None)
        behind.update(group.behind)
        self._changes += len(group.brief)
        self.usn = max(self.usn, group.usn)
