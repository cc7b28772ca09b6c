"""LDAP messages as values (RFC 4511 section 4). The wire encodes them, the DSA executes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from uuid import UUID

from directory.errors import LdapError, ResultCode
from directory.model.controls import Control
from directory.model.dn import DN, ROOT
from directory.model.entry import Entry
from directory.model.filter import ANY_ENTRY, Filter
from directory.model.modification import Modification


class Scope(IntEnum):
    """How far below the base a search looks."""

    BASE = 0
    ONE = 1
    SUBTREE = 2
    CHILDREN = 3
    """Subordinate subtree (draft-sermersheim-ldap-subordinate-scope), as OpenLDAP has it."""


class DerefAliases(IntEnum):
    """When a search follows aliases."""

    NEVER = 0
    IN_SEARCHING = 1
    FINDING_BASE = 2
    ALWAYS = 3


# requests ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SimpleCredentials:
    """A password in clear."""

    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SaslCredentials:
    """One step of a SASL exchange."""

    mechanism: str
    credentials: bytes | None = field(default=None, repr=False)


class SicilyStep(IntEnum):
    """Microsoft's choices of a bind's authentication, by their tags (MS-ADTS 5.1.1.1.3)."""

    PACKAGE_DISCOVERY = 0x89
    NEGOTIATE = 0x8A
    RESPONSE = 0x8B


@dataclass(frozen=True, slots=True)
class SicilyCredentials:
    """One step of an NTLM bind as many AD tools make it."""

    step: SicilyStep
    token: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class BindRequest:
    """Section 4.2. The name is text: AD takes principal and down-level names too."""

    version: int
    name: str
    authentication: SimpleCredentials | SaslCredentials | SicilyCredentials


@dataclass(frozen=True, slots=True)
class UnbindRequest:
    """Section 4.3."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Section 4.5. Limits of 0 mean none; no attributes means all user attributes."""

    base: DN
    scope: Scope = Scope.SUBTREE
    filter: Filter = ANY_ENTRY
    attributes: tuple[str, ...] = ()
    size_limit: int = 0
    time_limit_s: int = 0
    types_only: bool = False
    deref_aliases: DerefAliases = DerefAliases.NEVER


@dataclass(frozen=True, slots=True)
class ModifyRequest:
    """Section 4.6: all modifications or none."""

    dn: DN
    modifications: tuple[Modification, ...]


@dataclass(frozen=True, slots=True)
class AddRequest:
    """Section 4.7."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """Section 4.8."""

    dn: DN


@dataclass(frozen=True, slots=True)
class ModifyDnRequest:
    """Section 4.9: rename, and move when ``new_superior`` is given. ``new_rdn`` is a one-RDN DN."""

    dn: DN
    new_rdn: DN
    delete_old_rdn: bool = True
    new_superior: DN | None = None


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """Section 4.10."""

    dn: DN
    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class AbandonRequest:
    """Section 4.11."""

    message_id: int


@dataclass(frozen=True, slots=True)
class ExtendedRequest:
    """Section 4.12."""

    oid: str
    value: bytes | None = field(default=None, repr=False)


Request = (
    BindRequest | UnbindRequest | SearchRequest | ModifyRequest | AddRequest | DeleteRequest
    | ModifyDnRequest | CompareRequest | AbandonRequest | ExtendedRequest
)  # fmt: skip


# responses -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LdapResult:
    """Section 4.1.9: how an operation ended."""

    code: ResultCode = ResultCode.SUCCESS
    matched_dn: str = ""
    diagnostic: str = ""
    referrals: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: LdapError) -> LdapResult:
        """The result that reports an error."""
        return cls(error.code, error.matched_dn, error.diagnostic, error.referrals)

    def raise_for_code(self) -> None:
        """Raise LdapError unless the code says success or a compare's answer."""
        if self.code not in {
            ResultCode.SUCCESS, ResultCode.COMPARE_TRUE, ResultCode.COMPARE_FALSE,
        }:  # fmt: skip
            raise LdapError(
                self.code, self.diagnostic, matched_dn=self.matched_dn, referrals=self.referrals
            )


SUCCESS = LdapResult()


@dataclass(frozen=True, slots=True)
class BindResponse:
    """Section 4.2.2. ``sicily_credentials`` go where the matched DN stands (MS-ADTS 5.1.1.1.3)."""

    result: LdapResult
    server_credentials: bytes | None = field(default=None, repr=False)
    sicily_credentials: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SearchResultEntry:
    """Section 4.5.2; attributes stand under their names in the schema's spelling.

    ``encoded`` may hold the finished protocolOp, tag and length included, where the directory
    keeps it; the wire then sends it as it is. It must say what ``entry`` says.
    """

    entry: Entry
    encoded: bytes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SearchResultReference:
    """Section 4.5.3."""

    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchResultDone:
    """End of a search."""

    result: LdapResult


@dataclass(frozen=True, slots=True)
class ModifyResponse:
    """End of a modify."""

    result: LdapResult


@dataclass(frozen=True, slots=True)
class AddResponse:
    """End of an add."""

    result: LdapResult


@dataclass(frozen=True, slots=True)
class DeleteResponse:
    """End of a delete."""

    result: LdapResult


@dataclass(frozen=True, slots=True)
class ModifyDnResponse:
    """End of a rename or move."""

    result: LdapResult


@dataclass(frozen=True, slots=True)
class CompareResponse:
    """End of a compare: compareTrue, compareFalse or an error."""

    result: LdapResult


@dataclass(frozen=True, slots=True)
class ExtendedResponse:
    """Section 4.12."""

    result: LdapResult
    oid: str | None = None
    value: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class IntermediateResponse:
    """Section 4.13."""

    oid: str | None = None
    value: bytes | None = None


@dataclass(frozen=True, slots=True)
class SyncInfo:
    """RFC 4533 section 2.5, an intermediate response of a content synchronization.

    Without ``entry_uuids`` it announces a cookie (``phase`` None) or ends a phase: ``phase``
    says which one, ``refresh_done`` whether the refresh is over. With them it names entries that
    are present, or deleted when ``refresh_deletes``.
    """

    cookie: bytes | None = None
    phase: SyncPhase | None = None
    refresh_done: bool = True
    entry_uuids: frozenset[UUID] | None = None
    refresh_deletes: bool = False


class SyncPhase(IntEnum):
    """How a refresh tells what is gone: by naming it, or by naming what is still there."""

    DELETE = 1
    PRESENT = 2


Response = (
    BindResponse | SearchResultEntry | SearchResultReference | SearchResultDone | ModifyResponse
    | AddResponse | DeleteResponse | ModifyDnResponse | CompareResponse | ExtendedResponse
    | IntermediateResponse | SyncInfo
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reply:
    """What the directory answers: one response and the controls that go with it."""

    operation: Response
    controls: tuple[Control, ...] = ()


TURN = Reply(SearchResultReference(()))
"""No answer, and never sent: a search that found nothing for a while lets others go first."""


@dataclass(frozen=True, slots=True)
class LdapMessage:
    """Section 4.1.1: an operation with its id and controls."""

    message_id: int
    operation: Request | Response
    controls: tuple[Control, ...] = ()


ROOT_DSE = SearchRequest(ROOT, Scope.BASE, ANY_ENTRY, ("*", "+"))
"""The search that reads the rootDSE (RFC 4512 section 5.1)."""
