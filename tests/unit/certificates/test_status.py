"""Status and RootCAType against real chains: trusted, untrusted, revoked, expired, broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from edgesync.certificates.authority import Authority, make_authority
from edgesync.certificates.certificate import (
    RootCAType,
    TransportCertificate,
    parse_certificate,
)
from edgesync.certificates.chain import CHAIN_LENGTH_MAX, build_chain
from edgesync.certificates.cmdlets.get import get
from edgesync.certificates.cmdlets.import_ import import_certificate
from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.cmdlets.request import new_request
from edgesync.certificates.request import parse_request
from edgesync.certificates.status import CertificateStatus, Revocation, check_revocation, judge

from .bench import START, Bench, bench

pytestmark = pytest.mark.fact("certificate-facts 2.2")

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "certificates"
CRL_URL = "http://ca.contoso.test/enterprise.crl"


def enterprise(made: Bench, parent: Authority | None = None, url: str = CRL_URL) -> Authority:
    return make_authority(
        "CN=Contoso CA, DC=contoso, DC=test" if parent is None else "CN=Contoso Issuing",
        made.host.keys.next_key("CA"), now=START, entropy=made.host.entropy,
        kind=RootCAType.ENTERPRISE, crl_url=url, parent=parent,
    )  # fmt: skip


def issued(made: Bench, issuer: Authority, **more: object) -> TransportCertificate:
    request = parse_request(new_request(made.host).der)
    answer = issuer.sign(request, now=START, entropy=made.host.entropy, **more)  # type: ignore[arg-type]  # passed through
    return import_certificate(made.host, issuer.answer(answer)).certificate


def serving(*authorities: Authority) -> Callable[[str], bytes | None]:
    lists = {a.crl_url: a.crl(now=START) for a in authorities}
    return lists.get


def status(made: Bench) -> str:
    return get(made.host)[-1].judgement.status.value


def test_a_chain_to_a_trusted_root_with_a_current_list_is_valid() -> None:
    made = bench()
    issuer = enterprise(made)
    made.host.store.trust(issuer.root, issuer.kind)
    issued(made, issuer)
    made.host = replace(made.host, crls=serving(issuer))
    view = get(made.host)[-1]
    assert view.judgement.status is CertificateStatus.VALID
    assert view.judgement.root_ca_type is RootCAType.ENTERPRISE
    assert view.judgement.revocation is Revocation.GOOD


def test_a_root_that_is_not_there_makes_it_untrusted() -> None:
    made = bench()
    issuer = enterprise(made)
    issued(made, issuer)
    assert status(made) == "Untrusted"
    made.host.store.trust(issuer.root, RootCAType.THIRD_PARTY)
    made.host = replace(made.host, crls=serving(issuer))
    assert status(made) == "Valid"
    made.host.store.distrust(made.host.store.roots[0].thumbprint)
    assert status(made) == "Untrusted"


def test_a_revoked_certificate_is_revoked_from_that_moment_on() -> None:
    made = bench()
    issuer = enterprise(made)
    made.host.store.trust(issuer.root, issuer.kind)
    item = issued(made, issuer)
    issuer = issuer.revoke(item.certificate, at=START + timedelta(hours=1))
    assert issuer.revoke(item.certificate, at=START) is issuer
    made.host = replace(made.host, crls=serving(issuer))
    assert status(made) == "Valid"
    made.clock.advance(timedelta(hours=1))
    assert status(made) == "Revoked"


def test_a_revoked_issuer_revokes_what_it_issued() -> None:
    made = bench()
    root = enterprise(made)
    issuing = enterprise(made, parent=root, url="http://ca.contoso.test/issuing.crl")
    made.host.store.trust(root.certificate, root.kind)
    issued(made, issuing)
    made.host = replace(made.host, crls=serving(root, issuing))
    assert status(made) == "Valid"
    made.host = replace(
        made.host, crls=serving(root.revoke(issuing.certificate, at=START), issuing)
    )
    assert status(made) == "Revoked"


def test_a_list_that_cannot_be_had_fails_the_check() -> None:
    made = bench()
    issuer = enterprise(made)
    made.host.store.trust(issuer.root, issuer.kind)
    issued(made, issuer)
    assert status(made) == "RevocationCheckFailure"


@pytest.mark.parametrize("what", ["old", "forged", "garbage", "cut", "of another issuer"])
def test_a_list_that_is_not_the_issuers_current_one_does_not_count(what: str) -> None:
    made = bench()
    issuer = enterprise(made)
    made.host.store.trust(issuer.root, issuer.kind)
    issued(made, issuer)
    genuine = issuer.crl(now=START)
    lists = {
        "old": issuer.crl(now=START - timedelta(days=30)),
        "forged": genuine[:-1] + bytes([genuine[-1] ^ 1]),
        "garbage": b"not a list",
        "cut": genuine[:-20],
        "of another issuer": enterprise(made).crl(now=START),
    }
    made.host = replace(made.host, crls=lambda _: lists[what])
    assert status(made) == "RevocationCheckFailure"


def test_outside_its_validity_it_is_date_invalid() -> None:
    made = bench()
    issuer = enterprise(made, url="")
    made.host.store.trust(issuer.root, issuer.kind)
    item = issued(made, issuer, days=10)
    assert status(made) == "Valid"
    for at in (item.not_before - timedelta(seconds=1), item.not_after + timedelta(seconds=1)):
        found = judge(item, made.host.store.state, now=at)
        assert found.status is CertificateStatus.DATE_INVALID


def test_a_certificate_for_clients_only_is_invalid() -> None:
    made = bench()
    issuer = enterprise(made, url="")
    made.host.store.trust(issuer.root, issuer.kind)
    issued(made, issuer, server_auth=False)
    assert status(made) == "Invalid"


def test_a_chain_through_something_that_is_no_authority_is_invalid() -> None:
    made = bench()
    leaf = new(made.host, NewCertificate()).certificate
    assert leaf.key is not None
    fake = Authority(leaf.certificate, leaf.key, RootCAType.NONE)  # type: ignore[arg-type]  # RSA
    request = parse_request(new_request(made.host).der)
    signed = _signed_by_leaf(fake, request)
    made.host.store.trust(leaf.certificate, RootCAType.REGISTRY)
    import_certificate(made.host, signed)
    assert status(made) == "Invalid"


def test_a_signature_that_does_not_fit_is_invalid() -> None:
    made = bench()
    issuer, impostor = enterprise(made, url=""), enterprise(made, url="")
    made.host.store.trust(impostor.root, impostor.kind)
    answer = issuer.sign(
        parse_request(new_request(made.host).der), now=START, entropy=made.host.entropy
    )
    import_certificate(made.host, Authority.answer(impostor, answer))
    assert status(made) == "Invalid"


def test_a_self_signed_certificate_of_the_store_is_valid_without_a_root() -> None:
    made = bench()
    new(made.host)
    view = get(made.host)[-1]
    assert view.judgement.status is CertificateStatus.VALID
    assert view.judgement.root_ca_type is RootCAType.NONE


def test_sha1_signatures_are_checked_and_not_refused() -> None:
    made = bench()
    certificate = parse_certificate((FIXTURES / "sha1.pem").read_bytes())
    found = judge(
        TransportCertificate(certificate), made.host.store.state,
        now=certificate.not_valid_before_utc,
    )  # fmt: skip
    assert found.status is CertificateStatus.VALID
    der = bytearray(TransportCertificate(certificate).der)
    der[-1] ^= 1
    forged = TransportCertificate(parse_certificate(bytes(der)))
    broken = judge(forged, made.host.store.state, now=certificate.not_valid_before_utc)
    assert broken.status is CertificateStatus.INVALID


def test_a_chain_that_does_not_end_is_given_up() -> None:
    made = bench()
    issuer = enterprise(made, url="")
    for number in range(CHAIN_LENGTH_MAX + 2):
        issuer = make_authority(
            f"CN=Level {number}", made.host.keys.next_key("CA"), now=START,
            entropy=made.host.entropy, kind=RootCAType.NONE, parent=issuer,
        )  # fmt: skip
        made.host.store.add_intermediate(issuer.certificate)
    chain = build_chain(issuer.certificate, made.host.store.state)
    assert chain.broken == "the chain does not end"
    assert check_revocation(chain, START, lambda _: None) is Revocation.NOT_PUBLISHED


def test_the_list_an_authority_publishes_is_the_same_for_the_same_input() -> None:
    made = bench()
    issuer = enterprise(made)
    assert issuer.crl(now=START) == issuer.crl(now=START)
    assert "PRIVATE" not in repr(issuer)
    assert "key" not in repr(issuer)


def _signed_by_leaf(fake: Authority, request: x509.CertificateSigningRequest) -> bytes:
    """What somebody could sign with a server's key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    builder = (
        x509.CertificateBuilder()
        .issuer_name(fake.certificate.subject)
        .public_key(request.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
    )
    # A subject of its own, or it would look self-signed.
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.contoso.test")])
    return builder.subject_name(name).sign(fake.key, hashes.SHA256()).public_bytes(Encoding.DER)
