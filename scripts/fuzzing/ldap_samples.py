"""Every LDAP request, response and control once: what fuzzing starts from."""

from __future__ import annotations

from uuid import UUID

from directory.errors import ResultCode
from directory.model import controls, messages
from directory.model import filter as filters
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import LdapResult
from directory.model.modification import Modification, ModifyOperation

USER = DN.parse("CN=Amy,CN=Users,DC=contoso,DC=test")
FILTER = filters.And((
    filters.Equality("objectClass", b"user"),
    filters.Not(filters.Substrings("mail", b"a", (b"b",), b"c")),
    filters.Or((filters.GreaterOrEqual("uSNChanged", b"7"), filters.Present("cn"))),
    filters.Extensible("memberOf", "1.2.840.113556.1.4.1941", b"CN=x", True),
    filters.Approx("sn", b"Smith"), filters.LessOrEqual("uSNChanged", b"9"),
))  # fmt: skip
ENTRY = Entry(USER, {"objectClass": (b"top", b"user"), "cn": (b"Amy",), "photo": (b"\xff" * 200,)})
_OK = LdapResult(ResultCode.SUCCESS)
_REFERRED = LdapResult(ResultCode.REFERRAL, "DC=test", "elsewhere", ("ldap://a.test/",))
_UUID = UUID(int=7)

REQUESTS: tuple[messages.Request, ...] = (
    messages.BindRequest(3, str(USER), messages.SimpleCredentials(b"secret")),
    messages.BindRequest(3, "", messages.SaslCredentials("GSS-SPNEGO", b"NTLMSSP\0")),
    messages.BindRequest(3, "", messages.SaslCredentials("EXTERNAL", None)),
    messages.BindRequest(3, "", messages.SicilyCredentials(messages.SicilyStep.NEGOTIATE, b"N")),
    messages.UnbindRequest(),
    messages.SearchRequest(USER, messages.Scope.SUBTREE, FILTER, ("cn", "*", "+"), 10, 60),
    messages.SearchRequest(USER, filter=filters.Equality("mail", b"a@b"), attributes=("cn",)),
    messages.SearchRequest(DN(), filter=filters.Present("objectClass")),
    messages.ModifyRequest(USER, (
        Modification(ModifyOperation.REPLACE, "cn", (b"Bo",)),
        Modification(ModifyOperation.INCREMENT, "uidNumber", (b"1",)),
    )),
    messages.AddRequest(ENTRY),
    messages.DeleteRequest(USER),
    messages.ModifyDnRequest(USER, DN.parse("CN=Bo"), True, USER.parent),
    messages.CompareRequest(USER, "cn", b"Amy"),
    messages.AbandonRequest(5),
    messages.ExtendedRequest("1.3.6.1.4.1.1466.20037", b"x"),
)  # fmt: skip
RESPONSES: tuple[messages.Response, ...] = (
    messages.BindResponse(_OK, b"creds"),
    messages.SearchResultEntry(ENTRY),
    messages.SearchResultReference(("ldap://a.test/", "ldap://b.test/")),
    messages.SearchResultDone(_REFERRED),
    messages.ModifyResponse(_OK), messages.AddResponse(_OK), messages.DeleteResponse(_OK),
    messages.ModifyDnResponse(_OK), messages.CompareResponse(_OK),
    messages.ExtendedResponse(_OK, "1.2.3", b"x"),
    messages.IntermediateResponse("1.2.3", b"x"),
    messages.SyncInfo(b"cookie"),
    messages.SyncInfo(b"cookie", messages.SyncPhase.DELETE, True),
    messages.SyncInfo(b"cookie", entry_uuids=frozenset((_UUID,)), refresh_deletes=True),
)  # fmt: skip
CONTROLS: tuple[controls.Control, ...] = (
    controls.PagedResults(critical=True, size=100, cookie=b"cookie"),
    controls.DirSync(flags=1, max_bytes=1000, cookie=b"cookie"),
    controls.SortRequest(keys=(controls.SortKey("cn", "2.5.13.3", True),)),
    controls.VirtualListView(before=1, after=2, offset=3, content_count=4, context_id=b"c"),
    controls.VirtualListView(before=1, after=2, assertion=b"a"),
    controls.MatchedValues(filters=(filters.Equality("mail", b"a"),)),
    controls.Subentries(visible=True), controls.Assertion(filter=FILTER),
    controls.PreRead(attributes=("cn",)), controls.PostRead(attributes=("*", "+")),
    controls.ExtendedDn(option=1), controls.SdFlags(flags=7), controls.SearchOptions(flags=2),
    controls.SyncRequest(mode=controls.SyncMode.REFRESH_ONLY, cookie=b"c", reload_hint=True),
    controls.ShowDeleted(), controls.TreeDelete(critical=True), controls.PermissiveModify(),
    controls.UnknownControl(critical=True, type="1.2.3", value=b"x"),
)  # fmt: skip
ANSWERING_CONTROLS: tuple[controls.Control, ...] = (
    controls.PagedResults(size=100, cookie=b"cookie"),
    controls.SortResponse(code=ResultCode.SUCCESS, name="cn"),
    controls.VirtualListViewResponse(target=1, content_count=2, code=ResultCode.SUCCESS),
    controls.PreReadEntry(entry=ENTRY), controls.PostReadEntry(entry=ENTRY),
    controls.SyncState(state=controls.SyncEntryState.ADD, entry_uuid=_UUID, cookie=b"c"),
    controls.SyncDone(cookie=b"c", refresh_deletes=True),
)  # fmt: skip
