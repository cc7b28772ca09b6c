"""Whatever a client sends for an NTLM token, it gets a result."""

from __future__ import annotations

import spnego
from hypothesis import given
from hypothesis import strategies as st
from spnego import NegotiateOptions

from directory.dsa.session import Session
from directory.errors import ResultCode
from directory.model import messages as m
from tests.support.directories import Bench, ad

MADE = ad()
REFUSED = {ResultCode.INVALID_CREDENTIALS, ResultCode.INAPPROPRIATE_AUTHENTICATION}
CHANGES = st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), max_size=4)


def send(made: Bench, session: Session, credentials: m.SaslCredentials) -> m.BindResponse:
    operation = made.ask(m.BindRequest(3, "", credentials), session=session).operation
    assert isinstance(operation, m.BindResponse)
    return operation


def changed(token: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    octets = bytearray(token)
    for at, new in changes:
        octets[at : at + max(1, len(new))] = new
    return bytes(octets)


@given(st.binary(max_size=200) | st.binary(max_size=100).map(b"NTLMSSP\0\1\0\0\0".__add__))
def test_any_first_token_is_answered(token: bytes) -> None:
    session = Session()
    code = send(MADE, session, m.SaslCredentials("GSS-SPNEGO", token)).result.code
    assert code in {*REFUSED, ResultCode.SASL_BIND_IN_PROGRESS}
    assert session.identity.is_anonymous


@given(first=CHANGES, second=CHANGES, wrapped=st.booleans())
def test_any_change_of_the_tokens_is_answered(
    first: list[tuple[int, bytes]], second: list[tuple[int, bytes]], wrapped: bool
) -> None:
    session = Session()
    client = spnego.client(
        "CONTOSO\\Administrator", "guess", protocol="negotiate" if wrapped else "ntlm",
        options=NegotiateOptions.use_negotiate if wrapped else NegotiateOptions.use_ntlm,
    )  # fmt: skip
    token = changed(client.step() or b"", first)
    answer = send(MADE, session, m.SaslCredentials("GSS-SPNEGO", token))
    if answer.result.code is ResultCode.SASL_BIND_IN_PROGRESS:
        try:
            token = client.step(answer.server_credentials) or b""
        except spnego.exceptions.SpnegoError:
            return  # our answer fitted a changed request
        credentials = m.SaslCredentials("GSS-SPNEGO", changed(token, second))
        answer = send(MADE, session, credentials)
    assert answer.result.code in {*REFUSED, ResultCode.SASL_BIND_IN_PROGRESS}
    assert session.identity.is_anonymous


def test_a_token_nested_too_deep_is_refused() -> None:
    token = b""
    mechanism = bytes.fromhex("06062b0601050502")
    for _ in range(3000):
        body = mechanism + token
        token = b"\x60\x84" + len(body).to_bytes(4, "big") + body
    code = send(MADE, Session(), m.SaslCredentials("GSS-SPNEGO", token)).result.code
    assert code is ResultCode.INVALID_CREDENTIALS
