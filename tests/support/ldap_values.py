"""Hypothesis strategies for the values of the directory's model."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from directory.errors import ResultCode
from directory.model import controls, messages
from directory.model import filter as filters
from directory.model.controls import Control
from directory.model.dn import DN, ROOT
from directory.model.entry import Entry
from directory.model.messages import LdapMessage, LdapResult, Request, Response
from directory.model.modification import Modification, ModifyOperation

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
octets = st.binary(max_size=200)
names = st.from_regex(r"\A[A-Za-z][A-Za-z0-9-]{0,10}\Z") | st.sampled_from(
    ["cn", "CN", "objectClass", "member", "memberOf", "description", "uSNChanged", "objectGUID"]
)
oid_texts = st.from_regex(r"\A[0-2](\.(0|[1-9][0-9]{0,5})){1,6}\Z")
counts = st.integers(0, 2**31 - 1)
maybe_octets = st.none() | octets

rdn_pairs = st.tuples(names, st.text(st.characters(exclude_categories=["Cs"]), max_size=10))
known_dns = st.sampled_from(
    [
        DN.parse(text)
        for text in (
            "DC=contoso,DC=test",
            "CN=Users,DC=contoso,DC=test",
            "CN=Administrator,CN=Users,DC=contoso,DC=test",
            "CN=Domain Users,CN=Users,DC=contoso,DC=test",
            "CN=Configuration,DC=contoso,DC=test",
            "CN=New,CN=Users,DC=contoso,DC=test",
        )
    ]
)
"""Names a new directory has, for tests that send what they make to one."""
dns: SearchStrategy[DN] = (
    st.just(ROOT)
    | known_dns
    | st.lists(rdn_pairs, min_size=1, max_size=4).map(lambda pairs: DN.of(*pairs))
)
entries = st.builds(
    Entry, dns, st.dictionaries(names, st.lists(octets, max_size=3).map(tuple), max_size=4)
)

simple_filters: SearchStrategy[filters.Filter] = st.one_of(
    st.builds(filters.Equality, names, octets),
    st.builds(filters.Present, names),
    st.builds(filters.GreaterOrEqual, names, octets),
    st.builds(filters.LessOrEqual, names, octets),
    st.builds(filters.Approx, names, octets),
    st.builds(
        filters.Substrings, names, maybe_octets, st.lists(octets, max_size=3).map(tuple),
        maybe_octets,
    ).filter(lambda f: f.initial is not None or f.final is not None or bool(f.any)),
    st.builds(filters.Extensible, names, st.none() | oid_texts, octets, st.booleans()),
    st.builds(filters.Extensible, st.none(), oid_texts, octets, st.booleans()),
)  # fmt: skip
all_filters: SearchStrategy[filters.Filter] = st.recursive(
    simple_filters,
    lambda inner: st.one_of(
        st.builds(filters.And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(filters.Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(filters.Not, inner),
    ),
    max_leaves=8,
)

selections = st.lists(names | st.sampled_from(["*", "+", "1.1"]), max_size=4).map(tuple)
credentials = (
    st.builds(messages.SimpleCredentials, octets)
    | st.builds(messages.SaslCredentials, names, maybe_octets)
    | st.builds(messages.SicilyCredentials, st.sampled_from(messages.SicilyStep), octets)
)
modifications = st.builds(
    Modification,
    st.sampled_from(list(ModifyOperation)),
    names,
    st.lists(octets, max_size=3).map(tuple),
)
searches = st.builds(
    messages.SearchRequest, dns, st.sampled_from(list(messages.Scope)), all_filters, selections,
    counts, counts, st.booleans(), st.sampled_from(list(messages.DerefAliases)),
)  # fmt: skip
single_rdns = rdn_pairs.map(DN.of)
requests: SearchStrategy[Request] = st.one_of(
    st.builds(messages.BindRequest, st.integers(1, 127), texts, credentials),
    st.just(messages.UnbindRequest()),
    searches,
    st.builds(messages.ModifyRequest, dns, st.lists(modifications, max_size=4).map(tuple)),
    st.builds(messages.AddRequest, entries),
    st.builds(messages.DeleteRequest, dns),
    st.builds(messages.ModifyDnRequest, dns, single_rdns, st.booleans(), st.none() | dns),
    st.builds(messages.CompareRequest, dns, names, octets),
    st.builds(messages.AbandonRequest, counts),
    st.builds(messages.ExtendedRequest, oid_texts, maybe_octets),
)

results = st.builds(
    LdapResult,
    st.sampled_from(list(ResultCode)),
    texts,
    texts,
    st.lists(texts, max_size=2).map(tuple),
)
sync_infos = st.one_of(
    st.builds(messages.SyncInfo, octets),
    st.builds(
        messages.SyncInfo, maybe_octets, st.sampled_from(list(messages.SyncPhase)), st.booleans()
    ),
    st.builds(
        messages.SyncInfo, maybe_octets,
        entry_uuids=st.frozensets(st.uuids(), max_size=3), refresh_deletes=st.booleans(),
    ),
)  # fmt: skip
responses: SearchStrategy[Response] = st.one_of(
    st.builds(messages.BindResponse, results, maybe_octets),
    st.builds(messages.SearchResultEntry, entries),
    st.builds(messages.SearchResultReference, st.lists(texts, min_size=1, max_size=3).map(tuple)),
    st.builds(messages.SearchResultDone, results),
    st.builds(messages.ModifyResponse, results),
    st.builds(messages.AddResponse, results),
    st.builds(messages.DeleteResponse, results),
    st.builds(messages.ModifyDnResponse, results),
    st.builds(messages.CompareResponse, results),
    st.builds(messages.ExtendedResponse, results, st.none() | oid_texts, maybe_octets),
    st.builds(messages.IntermediateResponse, st.none() | oid_texts, maybe_octets),
    sync_infos,
)

_codes = st.sampled_from(list(ResultCode))
_bare: list[type[Control]] = [
    controls.ManageDsaIt, controls.DontUseCopy, controls.ShowDeleted, controls.ShowRecycled,
    controls.ShowDeactivatedLink, controls.DomainScope, controls.TreeDelete,
    controls.PermissiveModify, controls.LazyCommit, controls.Notification,
]  # fmt: skip


def _control(kind: type[Control], **fields: SearchStrategy[object]) -> SearchStrategy[Control]:
    return st.builds(kind, critical=st.booleans(), **fields)


_sort_keys = st.builds(controls.SortKey, names, st.none() | oid_texts, st.booleans())
_flags = st.integers(0, 2**32 - 1)
_both: list[SearchStrategy[Control]] = [
    _control(controls.PagedResults, size=counts, cookie=octets),
    _control(controls.DirSync, flags=_flags, max_bytes=counts, cookie=octets),
]
request_controls: SearchStrategy[Control] = st.one_of(
    *_both,
    *(_control(kind) for kind in _bare),
    _control(
        controls.SortRequest, keys=st.lists(_sort_keys, min_size=1, max_size=3).map(tuple)
    ),
    _control(
        controls.VirtualListView, before=counts, after=counts, offset=counts,
        content_count=counts, context_id=maybe_octets,
    ),
    _control(
        controls.VirtualListView, before=counts, after=counts, assertion=octets,
        context_id=maybe_octets,
    ),
    _control(
        controls.MatchedValues, filters=st.lists(simple_filters, min_size=1, max_size=3).map(tuple)
    ),
    _control(controls.Subentries, visible=st.booleans()),
    _control(controls.Assertion, filter=all_filters),
    _control(controls.PreRead, attributes=selections),
    _control(controls.PostRead, attributes=selections),
    _control(controls.ExtendedDn, option=st.integers(0, 1)),
    _control(controls.SdFlags, flags=_flags),
    _control(controls.SearchOptions, flags=_flags),
    _control(
        controls.SyncRequest, mode=st.sampled_from(list(controls.SyncMode)), cookie=maybe_octets,
        reload_hint=st.booleans(),
    ),
    _control(
        controls.UnknownControl, type=st.from_regex(r"\A1\.2\.3\.[0-9]{1,4}\Z"), value=maybe_octets
    ),
)  # fmt: skip
response_controls: SearchStrategy[Control] = st.one_of(
    *_both,
    _control(controls.SortResponse, code=_codes, name=st.none() | names),
    _control(
        controls.VirtualListViewResponse, target=counts, content_count=counts, code=_codes,
        context_id=maybe_octets,
    ),
    _control(controls.PreReadEntry, entry=entries),
    _control(controls.PostReadEntry, entry=entries),
    _control(
        controls.SyncState, state=st.sampled_from(list(controls.SyncEntryState)),
        entry_uuid=st.uuids(), cookie=maybe_octets,
    ),
    _control(controls.SyncDone, cookie=maybe_octets, refresh_deletes=st.booleans()),
)  # fmt: skip

message_ids = st.integers(1, 2**31 - 1)
request_messages = st.builds(
    LdapMessage, message_ids, requests, st.lists(request_controls, max_size=3).map(tuple)
)
response_messages = st.builds(
    LdapMessage, st.integers(0, 2**31 - 1), responses,
    st.lists(response_controls, max_size=3).map(tuple),
)  # fmt: skip
