"""Who may bind, by which name and mechanism, and what a failure says to whom."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from directory.dsa.session import Session
from directory.dsa.throttle import FAILURES_MAX, REFUSED_S
from directory.errors import ResultCode
from directory.model import ber, oids
from directory.model import messages as m
from directory.model.modification import replace
from tests.support.directories import PASSWORD, START, SUFFIX, USERS, Bench, ad, generic

FRY = USERS.child("CN", "Fry")
PERSON = SUFFIX.child("uid", "fry")


def forest() -> Bench:
    made = ad()
    made.add(
        FRY, objectClass="user", sAMAccountName="fry", userPrincipalName="philip@contoso.test",
        userAccountControl="512", unicodePwd='"slurm"'.encode("utf-16-le"),
    )  # fmt: skip
    return made


def people() -> Bench:
    made = generic()
    made.add(
        PERSON, objectClass="inetOrgPerson", uid="fry", cn="Fry", sn="Fry", userPassword=PASSWORD
    )
    return made


class Ear:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, ...]] = []

    def bound(self, name: str, peer: str, at: datetime) -> None:
        self.heard.append(("bound", name, peer))

    def bind_refused(self, name: str, peer: str, reason: str, at: datetime) -> None:
        self.heard.append(("refused", name, reason))

    def access_refused(self, identity: str, operation: str, dn: str, at: datetime) -> None:
        self.heard.append(("access", identity, operation))


@pytest.mark.parametrize(
    "name",
    [str(FRY), "cn=fry,cn=USERS,dc=contoso,dc=test", "CONTOSO\\fry", "contoso.test\\FRY", "fry",
     "philip@contoso.test", "fry@contoso.test", "<GUID={guid}>", "<SID={sid}>"],
)  # fmt: skip
def test_ad_takes_every_form_of_a_name(name: str) -> None:
    made = forest()
    entry = made.agent.store.find(FRY)
    assert entry is not None
    sid = entry.first("objectsid") or b""
    shown = name.replace("{guid}", entry.guid.hex()).replace("{sid}", sid.hex())
    assert made.bind(shown, b"slurm").code is ResultCode.SUCCESS


@pytest.mark.parametrize("name", ["OTHER\\fry", "fry@other.test", "nobody", "CN=nobody"])
def test_a_name_that_is_nobodys_is_refused_like_a_wrong_password(name: str) -> None:
    answer = forest().bind(name, b"slurm")
    assert answer.code is ResultCode.INVALID_CREDENTIALS
    assert "data 525" in answer.result.diagnostic


@pytest.mark.parametrize(
    ("attribute", "value", "number"),
    [
        ("userAccountControl", b"514", "533"),
        ("accountExpires", b"133000000000000000", "701"),
    ],
)
def test_an_account_that_may_not_log_on_says_why_in_windows_numbers(
    attribute: str, value: bytes, number: str
) -> None:
    made = forest()
    made.ask(m.ModifyRequest(FRY, (replace(attribute, value),)))
    answer = made.bind("fry", b"slurm")
    assert answer.code is ResultCode.INVALID_CREDENTIALS
    assert f"data {number}" in answer.result.diagnostic


@pytest.mark.fact("edgesync-facts 3.3")
def test_an_account_ends_at_the_instant_it_expires() -> None:
    made = forest()
    epoch = datetime(1601, 1, 1, tzinfo=START.tzinfo)
    ticks = int((START + timedelta(hours=1) - epoch).total_seconds()) * 10_000_000
    made.ask(m.ModifyRequest(FRY, (replace("accountExpires", str(ticks).encode()),)))
    assert made.bind("fry", b"slurm").code is ResultCode.SUCCESS
    made.clock.advance(timedelta(hours=1))
    assert made.bind("fry", b"slurm").code is ResultCode.INVALID_CREDENTIALS


def test_a_name_without_a_password_is_not_taken_for_a_success() -> None:
    session = Session()
    answer = people().bind(str(PERSON), b"", session)
    assert answer.code is ResultCode.UNWILLING_TO_PERFORM
    assert session.identity.is_anonymous


def test_a_failed_bind_leaves_the_session_anonymous() -> None:
    made = people()
    session = made.bound(str(PERSON), PASSWORD)
    made.bind(str(PERSON), b"wrong", session)
    assert session.identity.is_anonymous


def test_guessing_is_slowed_down_and_audited() -> None:
    made = people()
    ear = Ear()
    made.agent.observer = ear
    for _ in range(FAILURES_MAX):
        made.bind(str(PERSON), b"guess")
    assert made.bind(str(PERSON), PASSWORD).code is ResultCode.INVALID_CREDENTIALS
    assert ear.heard[-1] == ("refused", str(PERSON), "too many failures")
    made.clock.advance(timedelta(seconds=REFUSED_S))
    assert made.bind(str(PERSON), PASSWORD).code is ResultCode.SUCCESS
    assert ear.heard[-1][:2] == ("bound", str(PERSON))


def test_guesses_of_one_peer_do_not_lock_out_another() -> None:
    made = people()
    for n in range(FAILURES_MAX):
        made.bind(str(PERSON), b"guess", Session(peer=f"10.0.0.1:{n}"))
    assert made.bind(str(PERSON), PASSWORD, Session(peer="10.0.0.2:1")).code is ResultCode.SUCCESS
    again = made.bind(str(PERSON), PASSWORD, Session(peer="10.0.0.1:99"))
    assert again.code is ResultCode.INVALID_CREDENTIALS


def test_a_changed_password_ends_the_old_one_at_once() -> None:
    made = people()
    assert made.bind(str(PERSON), PASSWORD).code is ResultCode.SUCCESS  # now remembered
    made.ask(m.ModifyRequest(PERSON, (replace("userPassword", b"new"),)))
    assert made.bind(str(PERSON), PASSWORD).code is ResultCode.INVALID_CREDENTIALS
    assert made.bind(str(PERSON), b"new").code is ResultCode.SUCCESS


@pytest.mark.parametrize(
    "stored",
    [
        b"{SHA}" + base64.b64encode(hashlib.sha1(PASSWORD).digest()),
        b"{SSHA}" + base64.b64encode(hashlib.sha1(PASSWORD + b"salt").digest() + b"salt"),
        b"{SSHA512}" + base64.b64encode(hashlib.sha512(PASSWORD + b"salt").digest() + b"salt"),
    ],
    ids=["SHA", "SSHA", "SSHA512"],
)
def test_hashes_from_other_directories_still_work(stored: bytes) -> None:
    made = people()
    made.ask(m.ModifyRequest(PERSON, (replace("userPassword", stored),)))
    assert made.bind(str(PERSON), PASSWORD).code is ResultCode.SUCCESS
    assert made.bind(str(PERSON), b"other").code is ResultCode.INVALID_CREDENTIALS


def sasl(made: Bench, session: Session, mechanism: str, message: bytes | None) -> m.BindResponse:
    request = m.BindRequest(3, "", m.SaslCredentials(mechanism, message))
    operation = made.ask(request, session=session).operation
    assert isinstance(operation, m.BindResponse)
    return operation


def test_plain_works_over_tls_only() -> None:
    made = people()
    message = b"\0fry\0" + PASSWORD
    clear, secure = Session(), Session(is_secure=True)
    refused = sasl(made, clear, "PLAIN", message).result.code
    assert refused is ResultCode.CONFIDENTIALITY_REQUIRED
    assert sasl(made, secure, "PLAIN", message).result.code is ResultCode.SUCCESS
    assert secure.identity.dn == PERSON


def test_external_is_the_entry_that_holds_the_certificate() -> None:
    made = people()
    shown = Session(is_secure=True, peer_certificate=b"0\x82 certificate")
    refused = sasl(made, shown, "EXTERNAL", None).result.code
    assert refused is ResultCode.INVALID_CREDENTIALS
    made.ask(m.ModifyRequest(PERSON, (replace("userCertificate;binary", b"0\x82 certificate"),)))
    assert sasl(made, shown, "EXTERNAL", None).result.code is ResultCode.SUCCESS
    assert shown.identity.dn == PERSON


def scram_client(made: Bench, name: str, password: bytes) -> m.BindResponse:
    """RFC 5802 from the client's side, written from the RFC."""
    session = Session()
    bare = f"n={name},r=clientnonce"
    first = sasl(made, session, "SCRAM-SHA-256", f"n,,{bare}".encode())
    assert first.result.code is ResultCode.SASL_BIND_IN_PROGRESS
    challenge = (first.server_credentials or b"").decode()
    fields = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac(
        "sha256", password, base64.b64decode(fields["s"]), int(fields["i"])
    )
    key = hmac.digest(salted, b"Client Key", "sha256")
    without = f"c=biws,r={fields['r']}"
    signed = f"{bare},{challenge},{without}".encode()
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
    last = sasl(made, session, "SCRAM-SHA-256", f"{without},p={proof}".encode())
    if last.result.code is ResultCode.SUCCESS:
        server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        assert last.server_credentials == b"v=" + base64.b64encode(server)
        assert session.identity.dn == PERSON
    return last


def test_scram_proves_both_sides() -> None:
    made = people()
    assert scram_client(made, "fry", PASSWORD).result.code is ResultCode.SUCCESS
    assert scram_client(made, "fry", b"wrong").result.code is ResultCode.INVALID_CREDENTIALS
    assert scram_client(made, "nobody", b"x").result.code is ResultCode.INVALID_CREDENTIALS


def test_an_unknown_mechanism_is_not_supported() -> None:
    code = sasl(people(), Session(), "KERBEROS_V4", b"").result.code
    assert code is ResultCode.AUTH_METHOD_NOT_SUPPORTED


def test_who_am_i_answers_in_the_profiles_words() -> None:
    made = people()
    asked = m.ExtendedRequest(oids.WHO_AM_I)
    answer = made.ask(asked, session=made.bound(str(PERSON), PASSWORD)).operation
    assert isinstance(answer, m.ExtendedResponse)
    assert answer.value == b"dn:" + str(PERSON).encode()
    windows = forest()
    answer = windows.ask(asked, session=windows.bound("fry", b"slurm")).operation
    assert isinstance(answer, m.ExtendedResponse)
    assert answer.value == b"u:CONTOSO\\fry"


def test_password_modify_makes_a_password_when_none_is_given() -> None:
    made = people()
    body = ber.sequence(ber.octet_string(b"dn:" + str(PERSON).encode(), 0x80))
    answer = made.ask(m.ExtendedRequest(oids.PASSWORD_MODIFY, body)).operation
    assert isinstance(answer, m.ExtendedResponse)
    reader = ber.Reader(answer.value or b"").enter("response")
    assert made.bind(str(PERSON), reader.octets("genPasswd", 0x80)).code is ResultCode.SUCCESS


def test_password_modify_of_another_needs_an_administrator() -> None:
    made = people()
    other = SUFFIX.child("uid", "bender")
    made.add(other, objectClass="inetOrgPerson", uid="bender", cn="B", sn="B", userPassword=b"bite")
    body = ber.sequence(
        ber.octet_string(str(other).encode(), 0x80), ber.octet_string(b"bite", 0x81),
        ber.octet_string(b"stolen", 0x82),
    )  # fmt: skip
    request = m.ExtendedRequest(oids.PASSWORD_MODIFY, body)
    fry = made.bound(str(PERSON), PASSWORD)
    assert made.ask(request, session=fry).code is ResultCode.INSUFFICIENT_ACCESS_RIGHTS
    assert made.bind(str(other), b"bite").code is ResultCode.SUCCESS


def test_a_password_does_not_cross_the_network_in_clear_in_ad() -> None:
    made = forest()
    clear = made.bound("CONTOSO\\Administrator", PASSWORD)
    clear.deliver, clear.is_secure = (lambda *_: None), False
    change = m.ModifyRequest(FRY, (replace("unicodePwd", '"x"'.encode("utf-16-le")),))
    assert made.ask(change, session=clear).code is ResultCode.UNWILLING_TO_PERFORM


@pytest.mark.parametrize("make", [forest, people], ids=["ad", "generic"])
@pytest.mark.parametrize("name", [str(FRY), str(PERSON), "cn=nobody", "cn=admin,dc=x", ""])
@pytest.mark.parametrize("password", [b"slurm", PASSWORD, b"wrong", b""])
def test_hashing_in_advance_decides_nothing(
    make: Callable[[], Bench], name: str, password: bytes
) -> None:
    results = []
    for in_advance in (False, True, True):
        made, session = make(), Session()
        request = m.BindRequest(3, name, m.SimpleCredentials(password))
        work = made.agent.password_work(session, request) if in_advance else None
        if work is not None:
            work()
        (reply,) = made.agent.execute(session, request)
        assert isinstance(reply.operation, m.BindResponse)
        results.append((reply.operation.result, session.identity.dn, session.identity.role))
    assert results[0] == results[1] == results[2]


def test_hashing_in_advance_leaves_the_bind_none(monkeypatch: pytest.MonkeyPatch) -> None:
    made = people()
    for name, password in ((str(PERSON), PASSWORD), (str(PERSON), b"wrong"),
                           ("cn=nobody", b"x")):  # fmt: skip
        request = m.BindRequest(3, name, m.SimpleCredentials(password))
        work = made.agent.password_work(Session(), request)
        assert work is not None
        work()
        with monkeypatch.context() as patch:
            patch.delattr(hashlib, "scrypt")
            list(made.agent.execute(Session(), request))


def test_a_password_changed_while_it_is_hashed_does_not_bind() -> None:
    made, session = people(), Session()
    request = m.BindRequest(3, str(PERSON), m.SimpleCredentials(PASSWORD))
    work = made.agent.password_work(session, request)
    assert work is not None
    work()
    made.ask(m.ModifyRequest(PERSON, (replace("userPassword", b"another"),)))
    (reply,) = made.agent.execute(session, request)
    assert isinstance(reply.operation, m.BindResponse)
    assert reply.operation.result.code == ResultCode.INVALID_CREDENTIALS


def test_a_password_verified_recently_needs_no_hashing() -> None:
    made = people()
    request = m.BindRequest(3, str(PERSON), m.SimpleCredentials(PASSWORD))
    list(made.agent.execute(Session(), request))
    assert made.agent.password_work(Session(), request) is None
