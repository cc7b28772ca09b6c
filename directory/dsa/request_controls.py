"""Controls on requests, sorted into what they ask for; unknown critical ones are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from directory.dsa.presentation import present
from directory.errors import LdapError, ResultCode
from directory.model import controls as c
from directory.model import oids

if TYPE_CHECKING:
    from directory.dsa.context import Context
    from directory.dsa.paging import Show
    from directory.dsa.selection import Selection
    from directory.dsa.session import Session

_RFC = (
    oids.PAGED_RESULTS, oids.SORT_REQUEST, oids.VLV_REQUEST, oids.ASSERTION, oids.PRE_READ,
    oids.POST_READ, oids.MATCHED_VALUES, oids.SUBENTRIES, oids.MANAGE_DSA_IT, oids.DONT_USE_COPY,
    oids.TREE_DELETE, oids.PERMISSIVE_MODIFY, oids.SYNC_REQUEST, oids.DOMAIN_SCOPE,
)  # fmt: skip
_MICROSOFT = (
    oids.PAGED_RESULTS, oids.SORT_REQUEST, oids.VLV_REQUEST, oids.ASSERTION, oids.PRE_READ,
    oids.POST_READ, oids.MATCHED_VALUES, oids.MANAGE_DSA_IT, oids.TREE_DELETE,
    oids.PERMISSIVE_MODIFY, oids.SHOW_DELETED, oids.SHOW_RECYCLED, oids.SHOW_DEACTIVATED_LINK,
    oids.EXTENDED_DN, oids.SD_FLAGS, oids.DOMAIN_SCOPE, oids.SEARCH_OPTIONS, oids.NOTIFICATION,
    oids.LAZY_COMMIT, oids.DIR_SYNC, oids.SYNC_REQUEST,
)  # fmt: skip


def supported_controls(*, generic: bool) -> tuple[str, ...]:
    """What the rootDSE announces."""
    return _RFC if generic else _MICROSOFT


@dataclass(slots=True)
class SearchControls:
    """What the controls of a search ask for."""

    paged: c.PagedResults | None = None
    sort: c.SortRequest | None = None
    list_view: c.VirtualListView | None = None
    matched_values: c.MatchedValues | None = None
    assertion: c.Assertion | None = None
    extended_dn: c.ExtendedDn | None = None
    dir_sync: c.DirSync | None = None
    sync: c.SyncRequest | None = None
    notification: bool = False
    manage_dsa_it: bool = False
    show_deleted: bool = False
    show_recycled: bool = False
    subentries: bool = False
    phantom_root: bool = False

    def presentation(self, context: Context, session: Session, selection: Selection) -> Show:
        """How entries of this search are shown."""
        return present(context, session, selection, self.matched_values, self.extended_dn)


@dataclass(slots=True)
class UpdateControls:
    """What the controls of an update ask for."""

    assertion: c.Assertion | None = None
    pre_read: c.PreRead | None = None
    post_read: c.PostRead | None = None
    tree_delete: bool = False
    permissive: bool = False
    show_deleted: bool = False
    lazy: bool = False


def search_controls(controls: Sequence[c.Control], *, generic: bool) -> SearchControls:
    """Sort the controls of a search.

    Raises:
        LdapError: unavailableCriticalExtension, or protocolError for controls that do not go
            together.
    """
    result = SearchControls()
    supported = supported_controls(generic=generic)
    for control in controls:
        if _oid(control) not in supported:
            _refuse_critical(control)
            continue
        match control:
            case c.PagedResults():
                result.paged = control
            case c.SortRequest():
                result.sort = control
            case c.VirtualListView():
                result.list_view = control
            case c.MatchedValues():
                result.matched_values = control
            case c.Assertion():
                result.assertion = control
            case c.ExtendedDn():
                result.extended_dn = control
            case c.DirSync():
                result.dir_sync = control
            case c.SyncRequest():
                result.sync = control
            case c.Notification():
                result.notification = True
            case c.ManageDsaIt():
                result.manage_dsa_it = True
            case c.ShowDeleted():
                result.show_deleted = True
            case c.ShowRecycled():
                result.show_deleted = result.show_recycled = True
            case c.Subentries(visible=visible):
                result.subentries = visible
            case c.SearchOptions(flags=flags):
                result.phantom_root = bool(flags & c.SearchOptions.PHANTOM_ROOT)
            case c.SdFlags() | c.DomainScope() | c.DontUseCopy() | c.ShowDeactivatedLink():
                pass  # nothing here is a copy, refers elsewhere, or has a descriptor to cut down
            case _:
                _refuse_critical(control)
    if result.list_view is not None and result.sort is None:
        raise LdapError(ResultCode.SORT_CONTROL_MISSING, "a virtual list view needs a sort")
    if result.list_view is not None and result.paged is not None:
        raise LdapError(ResultCode.UNWILLING_TO_PERFORM, "pages or a list view, not both")
    return result


def update_controls(controls: Sequence[c.Control], *, generic: bool) -> UpdateControls:
    """Sort the controls of an update.

    Raises:
        LdapError: unavailableCriticalExtension.
    """
    if not controls:
        return NO_CONTROLS
    result = UpdateControls()
    supported = supported_controls(generic=generic)
    for control in controls:
        if _oid(control) not in supported:
            _refuse_critical(control)
            continue
        match control:
            case c.Assertion():
                result.assertion = control
            case c.PreRead():
                result.pre_read = control
            case c.PostRead():
                result.post_read = control
            case c.TreeDelete():
                result.tree_delete = True
            case c.PermissiveModify():
                result.permissive = True
            case c.ShowDeleted() | c.ShowRecycled():
                result.show_deleted = True
            case c.LazyCommit():
                result.lazy = True
            case c.ManageDsaIt() | c.SdFlags() | c.DomainScope() | c.DontUseCopy():
                pass
            case _:
                _refuse_critical(control)
    return result


NO_CONTROLS = UpdateControls()


def _oid(control: c.Control) -> str:
    return control.type if isinstance(control, c.UnknownControl) else control.oid


def _refuse_critical(control: c.Control) -> None:
    if control.critical:
        raise LdapError(
            ResultCode.UNAVAILABLE_CRITICAL_EXTENSION,
            f"control {_oid(control)} is not supported for this operation",
        )
