"""Who may do what: one table, checked by one function, printed into docs/access-control.md.

A row says what a role may do in a part of the tree. The first row that fits decides; where none
does, the answer is no. Secret attributes are no row: they are returned to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Flag, StrEnum, auto

from directory.dsa.configuration import DirectoryConfiguration
from directory.dsa.session import Identity, Role, Session
from directory.errors import LdapError, ResultCode
from directory.model.dn import DN
from directory.store.entry import Place, StoredEntry


class Right(Flag):
    """What can be allowed."""

    READ = auto()
    """Search, read and compare."""
    WRITE = auto()
    """Add, modify, rename and delete."""
    OWN_PASSWORD = auto()
    """Change the password of one's own entry, knowing the old one."""


NOTHING = Right(0)


class Part(StrEnum):
    """Parts of the tree that rows speak of."""

    SCHEMA = "schema"
    OWN_ENTRY = "own entry"
    ACCOUNTS = "accounts"
    CONFIGURATION = "configuration"
    DATA = "data"


REMEMBERED_MAX = 4096
"""Containers of which a role's right to read is remembered; in each are any number of entries."""


@dataclass(frozen=True, slots=True)
class Row:
    """A role, a part of the tree, what is allowed there, and why."""

    role: Role
    part: Part
    rights: Right
    why: str


_ALL = Right.READ | Right.WRITE | Right.OWN_PASSWORD


def access_table(configuration: DirectoryConfiguration) -> tuple[Row, ...]:
    """The rows of a configuration; every role and part stands there exactly once."""
    anonymous = Right.READ if configuration.allow_anonymous_read else NOTHING
    opened = "opened by --allow-anonymous-read" if anonymous else "a bind is needed"
    replicate = Right.READ | Right.WRITE
    rows = [
        Row(Role.ANONYMOUS, Part.SCHEMA, Right.READ, "clients read the schema before they bind"),
        Row(Role.ANONYMOUS, Part.OWN_ENTRY, NOTHING, "nobody has no entry"),
        Row(Role.ANONYMOUS, Part.ACCOUNTS, NOTHING, "names of accounts help guessing"),
        Row(Role.ANONYMOUS, Part.CONFIGURATION, anonymous, opened),
        Row(Role.ANONYMOUS, Part.DATA, anonymous, opened),
        Row(Role.AUTHENTICATED, Part.SCHEMA, Right.READ, "the schema is public"),
        Row(Role.AUTHENTICATED, Part.OWN_ENTRY, Right.READ | Right.OWN_PASSWORD,
            "one may change one's own password"),
        Row(Role.AUTHENTICATED, Part.ACCOUNTS, NOTHING, "accounts concern administrators"),
        Row(Role.AUTHENTICATED, Part.CONFIGURATION, Right.READ, "as in AD: server objects are read "
            "by every authenticated user (certificate-facts 1.1)"),
        Row(Role.AUTHENTICATED, Part.DATA, Right.READ, "as in AD"),
        Row(Role.REPLICATION, Part.SCHEMA, Right.READ, "the schema is public"),
        Row(Role.REPLICATION, Part.OWN_ENTRY, NOTHING, "its password comes with a new credential"),
        Row(Role.REPLICATION, Part.ACCOUNTS, NOTHING, "the credential service alone makes accounts "
            "(edgesync-facts 3.3)"),
        Row(Role.REPLICATION, Part.CONFIGURATION, replicate, "what EdgeSync writes "
            "(edgesync-facts 5.1)"),
        Row(Role.REPLICATION, Part.DATA, replicate, "recipients (edgesync-facts 5.1)"),
        *[Row(Role.ADMINISTRATOR, part, _ALL, "administers the directory") for part in Part],
    ]  # fmt: skip
    return tuple(rows)


class AccessPolicy:
    """The table of one directory, in force."""

    def __init__(self, configuration: DirectoryConfiguration) -> None:
        self._table = {(row.role, row.part): row.rights for row in access_table(configuration)}
        self._accounts = configuration.replication_accounts
        self._schema = configuration.schema_context
        self._configuration = configuration.configuration
        tops = (self._schema, self._accounts, self._configuration)
        self._tops = tuple(top for top in tops if top is not None)
        # siblings share their Place, and are nearly always in the same part of the tree; where
        # they are not, the entry's version stands for itself
        self._readable: dict[Role, dict[Place | StoredEntry, bool]] = {role: {} for role in Role}

    def part_of(self, identity: Identity, normal: str, guid: bytes | None) -> Part:
        """The part of the tree an entry is in, seen by an identity."""
        if guid is not None and guid == identity.guid:
            return Part.OWN_ENTRY
        if _within(normal, self._schema):
            return Part.SCHEMA
        if _within(normal, self._accounts):
            return Part.ACCOUNTS
        return Part.CONFIGURATION if _within(normal, self._configuration) else Part.DATA

    def rights(self, identity: Identity, entry: StoredEntry) -> Right:
        """What an identity may do with an entry."""
        part = self.part_of(identity, entry.normal, entry.guid)
        return self._table[identity.role, part]

    def rights_at(self, identity: Identity, dn: DN) -> Right:
        """What an identity may do at a name, whether something is there or not."""
        return self._table[identity.role, self.part_of(identity, dn.normal, None)]

    def readable(self, role: Role) -> Mapping[Place | StoredEntry, bool]:
        """What is known of a role's right to read: in a container, or of an entry's version.

        For those who ask often. It says nothing of an account's own entry, and what it does not
        know ``may_read`` does.
        """
        return self._readable[role]

    def may_read(self, identity: Identity, entry: StoredEntry) -> bool:
        """Whether an entry may be seen at all: asked for each entry of each answer."""
        role = identity.role
        if role is Role.ADMINISTRATOR:
            return True
        is_own = entry.guid == identity.guid
        readable = self._readable[role]
        known = readable.get(entry.place)
        if known is None:
            known = readable.get(entry)
        if known is not None and not is_own:
            return known
        may = bool(self.rights(identity, entry) & Right.READ)
        if not is_own:
            if len(readable) >= REMEMBERED_MAX:
                readable.clear()
            readable[entry if self._is_above_a_part(entry.place) else entry.place] = may
        return may

    def _is_above_a_part(self, place: Place) -> bool:
        """Whether siblings there may be in different parts of the tree."""
        above = "," + place.normal if place.normal else ""
        return any(top.normal.endswith(above) for top in self._tops)

    def check_write(self, session: Session, dn: DN, entry: StoredEntry | None) -> None:
        """Pass when the session may write.

        Raises:
            LdapError: insufficientAccessRights.
        """
        identity = session.identity
        if identity.is_administrator:
            return
        found = self.rights(identity, entry) if entry is not None else self.rights_at(identity, dn)
        if not found & Right.WRITE:
            raise LdapError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "no right to write there")


def _within(normal: str, top: DN | None) -> bool:
    return top is not None and (normal == top.normal or normal.endswith("," + top.normal))
