"""NTLM binds, with pyspnego as the client that somebody else wrote."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import spnego
from spnego import NegotiateOptions
from spnego._context import ContextReq, GSSMech
from spnego._ntlm_raw.crypto import ntowfv1
from spnego._ntlm_raw.messages import Challenge, NegotiateFlags
from spnego._spnego import (
    NegState,
    NegTokenInit,
    NegTokenResp,
    pack_mech_type_list,
    unpack_token,
)

from directory.dsa import nt_hash
from directory.dsa.authenticate import FILETIME_EPOCH
from directory.dsa.secrets import UNICODE_PASSWORD
from directory.dsa.session import Session
from directory.dsa.throttle import FAILURES_MAX
from directory.errors import ResultCode
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.modification import Modification, ModifyOperation
from directory.wire.encode import encode_operation
from directory.wire.requests import decode_request
from tests.support.directories import ADAM_CONFIGURATION, USERS, Bench, ad, adam, generic

FRY = USERS.child("CN", "Philip Fry")
PASSWORD = "corräct horse"
SPNEGO_MECHANISM = "GSS-SPNEGO"


def quoted(password: str) -> bytes:
    return f'"{password}"'.encode("utf-16-le")


def domain(**options: object) -> Bench:
    made = ad(**options)  # type: ignore[arg-type]  # each test gives fields of the configuration
    made.add(
        FRY, objectClass="user", sAMAccountName="fry", userPrincipalName="fry@contoso.test",
        unicodePwd=quoted(PASSWORD), userAccountControl="512",
    )  # fmt: skip
    return made


def client(user: str, password: str, protocol: str = "negotiate") -> spnego.ContextProxy:
    return spnego.client(
        user, password, hostname="dc01.contoso.test", service="ldap", protocol=protocol,
        context_req=ContextReq.none, options=NegotiateOptions.use_negotiate
        if protocol == "negotiate" else NegotiateOptions.use_ntlm,
    )  # fmt: skip


def send(made: Bench, session: Session, token: bytes | None) -> m.BindResponse:
    request = m.BindRequest(3, "", m.SaslCredentials(SPNEGO_MECHANISM, token))
    operation = made.ask(request, session=session).operation
    assert isinstance(operation, m.BindResponse)
    return operation


def log_on(
    made: Bench, context: spnego.ContextProxy, session: Session | None = None
) -> tuple[ResultCode, Session]:
    session = session or Session()
    token = context.step()
    for _ in range(5):
        answer = send(made, session, token)
        if answer.result.code is not ResultCode.SASL_BIND_IN_PROGRESS:
            break
        token = context.step(answer.server_credentials)
    if answer.result.code is ResultCode.SUCCESS:
        if answer.server_credentials:
            context.step(answer.server_credentials)
        assert context.complete
    return answer.result.code, session


def sicily(made: Bench, session: Session, step: m.SicilyStep, token: bytes = b"") -> m.BindResponse:
    request = m.BindRequest(3, "", m.SicilyCredentials(step, token))
    assert decode_request(encode_operation(request)) == request
    operation = made.ask(request, session=session).operation
    assert isinstance(operation, m.BindResponse)
    return operation


def log_on_by_sicily(made: Bench, user: str, password: str) -> tuple[ResultCode, Session]:
    session, context = Session(), client(user, password, "ntlm")
    found = sicily(made, session, m.SicilyStep.PACKAGE_DISCOVERY)
    assert found.sicily_credentials == b"NTLM"
    challenged = sicily(made, session, m.SicilyStep.NEGOTIATE, context.step() or b"")
    assert challenged.result.code is ResultCode.SUCCESS
    assert session.identity.is_anonymous
    token = context.step(challenged.sicily_credentials) or b""
    return sicily(made, session, m.SicilyStep.RESPONSE, token).result.code, session


@pytest.mark.parametrize("protocol", ["negotiate", "ntlm"])
@pytest.mark.parametrize(
    "user", ["CONTOSO\\fry", "contoso\\FRY", "contoso.test\\fry", "fry@contoso.test", "fry"]
)
def test_each_form_of_a_name_logs_on(user: str, protocol: str) -> None:
    code, session = log_on(domain(), client(user, PASSWORD, protocol))
    assert code is ResultCode.SUCCESS
    assert session.identity.dn == FRY


@pytest.mark.parametrize(
    ("user", "password"),
    [("CONTOSO\\fry", "wrong"), ("CONTOSO\\nobody", PASSWORD), ("ELSEWHERE\\fry", PASSWORD)],
)
def test_a_wrong_name_or_password_is_refused_alike(user: str, password: str) -> None:
    made = domain()
    for code, session in (
        log_on(made, client(user, password)),
        log_on(made, client(user, password, "ntlm")),
        log_on_by_sicily(made, user, password),
    ):
        assert code is ResultCode.INVALID_CREDENTIALS
        assert session.identity.is_anonymous


def test_sicily_logs_on_in_three_steps() -> None:
    code, session = log_on_by_sicily(domain(), "CONTOSO\\fry", PASSWORD)
    assert code is ResultCode.SUCCESS
    assert session.identity.dn == FRY


def test_a_client_that_would_rather_have_kerberos_is_led_to_ntlm() -> None:
    """RFC 4178 section 4.2.2: its token is for its first choice, which is not ours."""
    made, session, ntlm = domain(), Session(), client("CONTOSO\\fry", PASSWORD, "ntlm")
    offered = [GSSMech.kerberos.value, GSSMech.ntlm.value]
    first = send(made, session, NegTokenInit(offered, mech_token=b"a ticket").pack())
    chosen = unpack_token(first.server_credentials or b"")
    assert chosen.neg_state is NegState.request_mic
    assert chosen.supported_mech == GSSMech.ntlm.value
    second = send(made, session, NegTokenResp(response_token=ntlm.step()).pack())
    challenge = unpack_token(second.server_credentials or b"").response_token
    answer = ntlm.step(challenge)
    mic = ntlm.sign(pack_mech_type_list(offered))
    last = send(made, session, NegTokenResp(response_token=answer, mech_list_mic=mic).pack())
    assert last.result.code is ResultCode.SUCCESS
    told = unpack_token(last.server_credentials or b"")
    assert told.neg_state is NegState.accept_complete
    ntlm.verify(pack_mech_type_list(offered), told.mech_list_mic)
    assert session.identity.dn == FRY


@pytest.mark.parametrize("mechanisms", [[GSSMech.kerberos.value], []])
def test_a_client_without_ntlm_is_refused(mechanisms: list[str]) -> None:
    token = NegTokenInit(mechanisms, mech_token=b"a ticket").pack()
    assert send(domain(), Session(), token).result.code is ResultCode.INVALID_CREDENTIALS


def test_an_administrator_made_with_the_directory_logs_on() -> None:
    code, session = log_on(ad(), client("CONTOSO\\Administrator", "correct horse"))
    assert code is ResultCode.SUCCESS
    assert session.identity.is_administrator


def test_an_account_of_an_adam_logs_on_by_its_principal_name_or_its_host() -> None:
    made = adam()
    account = ADAM_CONFIGURATION.child("CN", "Leela")
    made.add(
        account, objectClass="user", userPrincipalName="leela@edge", displayName="leela",
        userPassword=PASSWORD.encode(),
    )  # fmt: skip
    for user in ("leela@edge", "EDGE01\\leela"):
        code, session = log_on(made, client(user, PASSWORD))
        assert code is ResultCode.SUCCESS
        assert session.identity.dn == account


@pytest.mark.parametrize("why", ["disabled", "expired", "deleted"])
def test_an_account_that_may_not_bind_is_refused(why: str) -> None:
    made = domain()
    if why == "deleted":
        made.ask(m.DeleteRequest(FRY))
    elif why == "disabled":
        change(made, FRY, "userAccountControl", b"514")
    else:
        past: datetime = made.clock.now() - timedelta(days=1)
        ticks = int((past - FILETIME_EPOCH).total_seconds()) * 10_000_000
        change(made, FRY, "accountExpires", b"%d" % ticks)
    assert log_on(made, client("CONTOSO\\fry", PASSWORD))[0] is ResultCode.INVALID_CREDENTIALS


def change(made: Bench, dn: DN, name: str, value: bytes) -> None:
    modification = Modification(ModifyOperation.REPLACE, name, (value,))
    assert made.ask(m.ModifyRequest(dn, (modification,))).code is ResultCode.SUCCESS


def test_a_changed_password_changes_the_nt_hash() -> None:
    made = domain()
    change(made, FRY, "unicodePwd", quoted("new"))
    assert log_on(made, client("CONTOSO\\fry", PASSWORD))[0] is ResultCode.INVALID_CREDENTIALS
    assert log_on(made, client("CONTOSO\\fry", "new"))[0] is ResultCode.SUCCESS
    own = m.ModifyRequest(FRY, (
        Modification(ModifyOperation.DELETE, "unicodePwd", (quoted("new"),)),
        Modification(ModifyOperation.ADD, "unicodePwd", (quoted("newer"),)),
    ))  # fmt: skip
    session = made.bound(str(FRY), b"new")
    assert made.ask(own, session=session).code is ResultCode.SUCCESS
    assert log_on(made, client("CONTOSO\\fry", "new"))[0] is ResultCode.INVALID_CREDENTIALS
    assert log_on(made, client("CONTOSO\\fry", "newer"))[0] is ResultCode.SUCCESS


def test_a_found_nt_hash_is_no_password() -> None:
    made = domain()
    found = made.agent.context.store.find(FRY)
    assert found is not None
    (kept,) = [v for v in found.values(UNICODE_PASSWORD) if v.startswith(b"{NTHASH}")]
    assert made.bind(str(FRY), kept).code is ResultCode.INVALID_CREDENTIALS


def test_nobody_is_shown_the_nt_hash() -> None:
    made = domain()
    entry = made.read(FRY, "*", "+", "unicodePwd", "userPassword")
    assert entry is not None
    assert entry.has("sAMAccountName")
    values = [value for name in entry for value in entry.values(name)]
    assert not any(b"{SCRYPT}" in value or b"{NTHASH}" in value for value in values)
    kept = made.agent.context.store.find(FRY)
    assert kept is not None
    digest = nt_hash.find(kept.values(UNICODE_PASSWORD))
    assert digest == ntowfv1(PASSWORD)
    assert not any(digest in value or digest.hex().encode() in value for value in values)


def test_without_ntlm_no_nt_hash_is_kept_and_nothing_offered() -> None:
    for made in (domain(ntlm=False), generic()):
        offered = made.read(DN(), "supportedSASLMechanisms")
        assert offered is not None
        assert b"GSS-SPNEGO" not in offered.values("supportedSASLMechanisms")
        refused = send(made, Session(), client("x", "y").step()).result.code
        assert refused is ResultCode.AUTH_METHOD_NOT_SUPPORTED
        refused = sicily(made, Session(), m.SicilyStep.PACKAGE_DISCOVERY).result.code
        assert refused is ResultCode.AUTH_METHOD_NOT_SUPPORTED
    offered = domain().read(DN(), "supportedSASLMechanisms")
    assert offered is not None
    assert b"GSS-SPNEGO" in offered.values("supportedSASLMechanisms")


def test_a_client_that_asks_for_signing_is_told_that_there_is_none() -> None:
    made, session = domain(), Session()
    context = spnego.client(
        "CONTOSO\\fry", PASSWORD, protocol="ntlm", options=NegotiateOptions.use_ntlm,
        context_req=ContextReq.integrity | ContextReq.confidentiality,
    )  # fmt: skip
    challenge = send(made, session, context.step()).server_credentials or b""
    flags = Challenge.unpack(challenge).flags
    assert not flags & (NegotiateFlags.sign | NegotiateFlags.seal | NegotiateFlags.key_exch)


def test_a_client_that_signs_all_the_same_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next request would be wrapped, and could not be read."""
    made, session = domain(), Session()
    context = client("CONTOSO\\fry", PASSWORD, "ntlm")
    challenge = bytearray(send(made, session, context.step()).server_credentials or b"")
    unpack = Challenge.unpack

    def insisting(data: bytes, encoding: str | None = None) -> Challenge:
        made = unpack(data, encoding)
        made.flags |= NegotiateFlags.sign
        return made

    monkeypatch.setattr(Challenge, "unpack", insisting)
    answer = context.step(bytes(challenge)) or b""
    code = send(made, session, answer).result.code
    assert code is ResultCode.INAPPROPRIATE_AUTHENTICATION
    assert session.identity.is_anonymous


@pytest.mark.parametrize("level", ["0", "1", "2"])
def test_ntlmv1_and_lm_are_refused(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LM_COMPAT_LEVEL", level)
    made = domain()
    code, session = log_on(made, client("CONTOSO\\fry", PASSWORD, "ntlm"))
    assert code is ResultCode.INVALID_CREDENTIALS
    assert session.identity.is_anonymous


def test_a_message_changed_on_its_way_is_refused() -> None:
    made, session = domain(), Session()
    context = client("CONTOSO\\fry", PASSWORD, "ntlm")
    challenge = send(made, session, context.step()).server_credentials
    answer = bytearray(context.step(challenge) or b"")
    answer[60] ^= 0x02  # a flag, which the response does not cover and the MIC does
    assert send(made, session, bytes(answer)).result.code is ResultCode.INVALID_CREDENTIALS


def test_an_answer_counts_once_and_for_its_own_challenge() -> None:
    made, session = domain(), Session()
    context = client("CONTOSO\\fry", PASSWORD, "ntlm")
    first = context.step()
    answer = context.step(send(made, session, first).server_credentials)
    assert send(made, session, answer).result.code is ResultCode.SUCCESS
    assert send(made, session, answer).result.code is ResultCode.INVALID_CREDENTIALS
    send(made, session, first)
    assert send(made, session, answer).result.code is ResultCode.INVALID_CREDENTIALS


def test_guessing_is_slowed_down() -> None:
    made = domain()
    for _ in range(FAILURES_MAX):
        log_on(made, client("CONTOSO\\fry", "guess"))
    assert log_on(made, client("CONTOSO\\fry", PASSWORD))[0] is ResultCode.INVALID_CREDENTIALS
    made.clock.advance(timedelta(minutes=1))
    assert log_on(made, client("CONTOSO\\fry", PASSWORD))[0] is ResultCode.SUCCESS
