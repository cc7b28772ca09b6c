"""Pages of a search for callers in this process that read thousands of entries alike.

The same search as the plain path's, but no answer is put together, nor a value made for each:
whoever takes entries apart again need not pay for that (tests/property/dsa/test_parted_search.py).
"""

from __future__ import annotations

from directory.dsa import paging
from directory.dsa.context import Context
from directory.dsa.request_controls import SearchControls
from directory.dsa.search import find
from directory.dsa.session import Session
from directory.limits import SEARCH_ENTRIES_MAX
from directory.model.controls import PagedResults
from directory.model.encoded import EncodedEntry
from directory.model.messages import Reply, SearchRequest

_TICK = EncodedEntry(b"")
"""Stands for no entry."""


def parted_page(
    context: Context, session: Session, request: SearchRequest, control: PagedResults
) -> tuple[list[EncodedEntry], Reply] | None:
    """A page and the final response; None where the plain path has to look.

    Raises:
        LdapError: what the final response of the plain path would say.
    """
    base = request.base
    if (
        base.is_root or base == context.configuration.subschema or context.store.referrals
        or session.deliver is not None or session.is_global_catalog
    ):  # fmt: skip
        return None
    selection = context.selections.of(request.attributes, types_only=request.types_only)
    if not selection.has_parts:
        return None
    if control.cookie:
        saved = paging.take(session, control.cookie, request)
    else:
        controls = SearchControls(paged=control)
        found = find(context, session, request, controls)
        show = controls.presentation(context, session, selection)
        saved = paging.SavedSet(request, found.entries, show, found.estimate)
    page = paging.Page(session, saved, control, request.size_limit or SEARCH_ENTRIES_MAX)
    answers = page.answers(selection.parter(), _TICK)
    return [entry for entry in answers if entry is not _TICK], page.final()
