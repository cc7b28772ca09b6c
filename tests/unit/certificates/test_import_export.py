"""Import- and Export-ExchangeCertificate: files the openssl tool made, and their refusals."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from edgesync.certificates.authority import Authority, make_authority
from edgesync.certificates.bundle import FILE_SIZE_MAX
from edgesync.certificates.certificate import KeyProvider, RootCAType, parse_certificate
from edgesync.certificates.cmdlets.export import export_certificate
from edgesync.certificates.cmdlets.import_ import import_certificate
from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.cmdlets.request import new_request
from edgesync.certificates.refusals import (
    CngKey,
    DuplicateCertificate,
    KeyMismatch,
    KeyNotExportable,
    WeakKey,
    WrongPassword,
)
from edgesync.certificates.request import parse_request
from edgesync.certificates.services import Services
from edgesync.errors import CertificateUnreadable, EdgeSyncError, KeyUnavailable, UsageError

from .bench import START, Bench, bench

pytestmark = pytest.mark.fact("certificate-facts 2.4")

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "certificates"
PASSWORD = "fixture"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def authority(made: Bench) -> Authority:
    return make_authority(
        "CN=Contoso Issuing CA, DC=contoso, DC=test", made.host.keys.next_key("CA"), now=START,
        entropy=made.host.entropy, kind=RootCAType.ENTERPRISE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "friendly"),
    [
        ("modern", "modern"), ("legacy", "legacy"), ("legacy-3des", "legacy-3des"),
        ("capi", "capi"), ("chain", "chain"),
    ],
)  # fmt: skip
def test_pfx_files_of_the_openssl_tool_import(name: str, friendly: str) -> None:
    made = bench()
    outcome = import_certificate(made.host, fixture(f"{name}.pfx"), password=PASSWORD)
    item = outcome.certificate
    assert item.friendly_name == friendly
    assert item.has_private_key
    assert str(item.services) == "None"
    assert not item.exportable
    assert made.host.store.certificates == (item,)


def test_a_sha1_certificate_imports_with_its_thumbprint() -> None:
    made = bench()
    item = import_certificate(made.host, fixture("legacy.pfx"), password=PASSWORD).certificate
    assert item.der == parse_certificate(fixture("sha1.pem")).public_bytes(
        serialization.Encoding.DER
    )


def test_base64_and_pem_wrapping_are_taken_off() -> None:
    made = bench()
    text = base64.encodebytes(fixture("modern.pfx"))
    assert import_certificate(made.host, text, password=PASSWORD).certificate.has_private_key


def test_the_chain_in_a_pfx_is_kept_but_its_root_is_not_trusted() -> None:
    made = bench()
    outcome = import_certificate(made.host, fixture("chain.pfx"), password=PASSWORD)
    assert made.host.store.roots == ()
    assert any("not added to the trusted roots" in w for w in outcome.warnings)


@pytest.mark.parametrize(
    ("data", "password", "error"),
    [
        (fixture("modern.pfx"), "wrong", WrongPassword),
        (fixture("modern.pfx"), None, WrongPassword),
        (fixture("legacy.pfx"), "wrong", WrongPassword),
        (fixture("weak.pfx"), PASSWORD, WeakKey),
        (fixture("cng.pfx"), PASSWORD, CngKey),
        (fixture("no-key.pfx"), PASSWORD, KeyUnavailable),
        (fixture("mismatch.pfx"), None, KeyMismatch),
        (b"", None, CertificateUnreadable),
        (b"hello", None, CertificateUnreadable),
        (b"\x30\x03\x02\x01\x03", None, CertificateUnreadable),
        (fixture("modern.pfx")[:200], PASSWORD, EdgeSyncError),
        (b"\x30" * (FILE_SIZE_MAX + 1), None, CertificateUnreadable),
        (fixture("mail.csr"), None, CertificateUnreadable),
        (fixture("mail.der.p7b")[:300], None, CertificateUnreadable),
    ],
)
def test_bad_input_has_a_named_error_and_leaves_the_store_as_it_was(
    data: bytes, password: str | None, error: type[EdgeSyncError]
) -> None:
    made = bench()
    new(made.host)
    before, events = made.host.store.state, list(made.events)
    with pytest.raises(error) as caught:
        import_certificate(made.host, data, password=password)
    assert caught.value.hint
    assert PASSWORD not in str(caught.value)
    assert made.host.store.state is before
    assert made.events == events


def test_a_certificate_that_is_there_already_is_refused() -> None:
    made = bench()
    import_certificate(made.host, fixture("modern.pfx"), password=PASSWORD)
    before = made.host.store.state
    with pytest.raises(DuplicateCertificate):
        import_certificate(made.host, fixture("modern.pfx"), password=PASSWORD)
    assert made.host.store.state is before


def test_the_key_may_follow_its_certificate() -> None:
    made = bench()
    alone = import_certificate(made.host, fixture("sha256.pem"))
    assert "has no private key" in alone.warnings[0]
    made.host.store.put(replace(alone.certificate, services=Services.SMTP, network_service=True))
    both = import_certificate(made.host, fixture("modern.pfx"), password=PASSWORD)
    assert both.certificate.services is Services.SMTP
    assert both.certificate.network_service
    assert both.certificate.has_private_key
    assert len(made.host.store.certificates) == 1


@pytest.mark.fact("certificate-facts 2.5")
def test_a_cng_key_is_taken_when_allowed_and_remembered() -> None:
    made = bench()
    item = import_certificate(
        made.host, fixture("cng.pfx"), password=PASSWORD, allow_cng=True
    ).certificate
    assert item.key_provider is KeyProvider.CNG


def test_an_answer_gets_the_key_of_the_request_on_the_server_that_made_it() -> None:
    made = bench()
    issuer = authority(made)
    pending = new_request(
        made.host,
        NewCertificate(domain_names=("mail.contoso.test",), private_key_exportable=True),
    )
    answer = issuer.sign(parse_request(pending.der), now=START, entropy=made.host.entropy)
    outcome = import_certificate(made.host, issuer.answer(answer))
    item = outcome.certificate
    assert made.host.store.certificates == (item,)
    assert item.has_private_key
    assert item.exportable
    assert item.domains == ("HUB01", "mail.contoso.test")

    other = bench("HUB02")
    elsewhere = import_certificate(other.host, issuer.answer(answer))
    assert not elsewhere.certificate.has_private_key
    assert "the server that made the request" in elsewhere.warnings[0]


@pytest.mark.parametrize("name", ["mail.p7b", "mail.der.p7b"])
def test_pkcs7_of_the_openssl_tool_is_read_in_both_forms(name: str) -> None:
    item = import_certificate(bench().host, fixture(name)).certificate
    assert item.subject == 'CN=mail.contoso.test, O="Contoso, Ltd.", C=NL'
    assert item.domains == ("mail.contoso.test", "*.contoso.test")


@pytest.mark.parametrize("legacy", [False, True])
def test_an_exportable_certificate_makes_the_round_trip(legacy: bool) -> None:
    made = bench()
    item = new(made.host, NewCertificate(private_key_exportable=True)).certificate
    data = export_certificate(made.host, item.thumbprint, password="pässword", legacy_pfx=legacy)
    assert data.isascii()
    copy = import_certificate(bench("HUB02").host, data, password="pässword").certificate
    assert copy.thumbprint == item.thumbprint
    assert copy.friendly_name == item.friendly_name
    assert copy.key_pem() == item.key_pem()


def test_the_issuers_go_along() -> None:
    made = bench()
    root = authority(made)
    issuing = make_authority(
        "CN=Issuing 2", made.host.keys.next_key("CA"), now=START, entropy=made.host.entropy,
        kind=RootCAType.ENTERPRISE, parent=root,
    )  # fmt: skip
    pending = new_request(made.host, NewCertificate(private_key_exportable=True))
    answer = issuing.sign(parse_request(pending.der), now=START, entropy=made.host.entropy)
    item = import_certificate(made.host, issuing.answer(answer)).certificate
    assert made.host.store.intermediates == (issuing.certificate,)
    data = export_certificate(made.host, item.thumbprint, password="x", binary_encoded=True)
    assert len(pkcs12.load_pkcs12(data, b"x").additional_certs) == 1


def test_a_key_that_may_not_leave_does_not() -> None:
    made = bench()
    item = new(made.host).certificate
    with pytest.raises(KeyNotExportable):
        export_certificate(made.host, item.thumbprint, password="x")


def test_a_pfx_needs_a_password_and_a_key() -> None:
    made = bench()
    item = new(made.host, NewCertificate(private_key_exportable=True)).certificate
    with pytest.raises(UsageError, match="password"):
        export_certificate(made.host, item.thumbprint)
    made.host.store.put(replace(item, key=None))
    with pytest.raises(KeyUnavailable):
        export_certificate(made.host, item.thumbprint, password="x")


def test_a_pending_request_is_exported_again() -> None:
    made = bench()
    pending = new_request(made.host)
    mark = pending.outcome.certificate.thumbprint
    assert export_certificate(made.host, mark).decode() == pending.text
    assert export_certificate(made.host, mark, binary_encoded=True) == pending.der
