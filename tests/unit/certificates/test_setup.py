"""The certificate Exchange setup makes, byte for byte the profile of the fact sheet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from edgesync.certificates.certificate import RootCAType
from edgesync.certificates.cmdlets.get import get
from edgesync.certificates.cmdlets.new import new
from edgesync.certificates.cmdlets.setup import setup_certificate
from edgesync.certificates.issue import IssueProfile, years_later
from edgesync.config import Version
from edgesync.organization.servers import ServerRole

from .bench import START, bench

pytestmark = pytest.mark.fact("certificate-facts 1")

KEY_USAGE = bytes.fromhex("030205a0")
"""BIT STRING 0xA0: digitalSignature and keyEncipherment."""


def test_subject_and_issuer_are_the_netbios_name_and_nothing_else() -> None:
    item = setup_certificate(bench().host)
    assert item is not None
    assert item.subject == item.issuer == "CN=HUB01"
    # PrintableString is tag 0x13; UTF8String would be 0x0C.
    assert item.certificate.subject.public_bytes().endswith(b"\x13\x05HUB01")


def test_names_are_the_netbios_name_then_the_fqdn_in_the_machines_case() -> None:
    item = setup_certificate(bench("Edge01", roles=ServerRole.EDGE).host)
    assert item is not None
    found = item.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert found.value.get_values_for_type(x509.DNSName) == ["Edge01", "edge01.contoso.test"]
    assert not found.critical


def test_extensions_come_in_exchanges_order_with_its_criticality() -> None:
    item = setup_certificate(bench().host)
    assert item is not None
    extensions = list(item.certificate.extensions)
    assert [(e.oid, e.critical) for e in extensions] == [
        (ExtensionOID.KEY_USAGE, True),
        (ExtensionOID.SUBJECT_ALTERNATIVE_NAME, False),
        (ExtensionOID.EXTENDED_KEY_USAGE, False),
        (ExtensionOID.BASIC_CONSTRAINTS, True),
    ]
    assert extensions[0].value.public_bytes() == KEY_USAGE
    assert list(extensions[2].value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert extensions[3].value == x509.BasicConstraints(ca=False, path_length=None)


def test_key_is_rsa_2048_and_serial_is_sixteen_positive_bytes() -> None:
    for seed in range(20):
        item = setup_certificate(bench(seed=seed).host)
        assert item is not None
        public = item.certificate.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        assert (public.key_size, public.public_numbers().e) == (2048, 65537)
        assert 1 << 120 <= item.certificate.serial_number < 1 << 127


@pytest.mark.parametrize(
    ("version", "ends"),
    [
        (Version.EXCHANGE_2007, datetime(2027, 11, 23, 9, tzinfo=UTC)),
        (Version.EXCHANGE_2010, datetime(2031, 11, 23, 9, tzinfo=UTC)),
        (Version.EXCHANGE_2019, datetime(2031, 11, 23, 9, tzinfo=UTC)),
    ],
)
def test_2007_gives_one_year_and_later_versions_five(version: Version, ends: datetime) -> None:
    item = setup_certificate(bench(version=version).host)
    assert item is not None
    assert (item.not_before, item.not_after) == (START, ends)


def test_a_leap_day_ends_on_28_february() -> None:
    leap_day = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert years_later(leap_day, 1) == datetime(2029, 2, 28, 12, tzinfo=UTC)
    assert years_later(leap_day, 4) == datetime(2032, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("roles", "version", "services"),
    [
        (ServerRole.HUB, Version.EXCHANGE_2007, "SMTP"),
        (ServerRole.EDGE, Version.EXCHANGE_2007, "SMTP"),
        (ServerRole.CLIENT_ACCESS, Version.EXCHANGE_2007, "IMAP, POP, IIS"),
        (ServerRole.CLIENT_ACCESS | ServerRole.HUB, Version.EXCHANGE_2007, "IMAP, POP, IIS, SMTP"),
        (ServerRole.UNIFIED_MESSAGING, Version.EXCHANGE_2007, "UM"),
        (ServerRole.MAILBOX, Version.EXCHANGE_2016, "IMAP, POP, IIS, SMTP"),
    ],
)
def test_services_follow_the_roles(roles: ServerRole, version: Version, services: str) -> None:
    item = setup_certificate(bench(roles=roles, version=version).host)
    assert item is not None
    assert str(item.services) == services


def test_a_mailbox_only_server_of_2007_gets_none() -> None:
    made = bench(roles=ServerRole.MAILBOX)
    assert setup_certificate(made.host) is None
    assert made.host.store.certificates == ()


def test_from_2010_um_waits_for_its_startup_mode() -> None:
    made = bench(roles=ServerRole.UNIFIED_MESSAGING, version=Version.EXCHANGE_2010)
    assert setup_certificate(made.host) is None


def test_it_is_valid_not_exportable_and_found_in_the_registrys_root_store() -> None:
    made = bench()
    setup_certificate(made.host)
    (view,) = get(made.host)
    assert view.judgement.status.value == "Valid"
    assert view.judgement.root_ca_type is RootCAType.REGISTRY
    assert view.certificate.friendly_name == "Microsoft Exchange"
    assert not view.certificate.exportable


@pytest.mark.fact("certificate-facts 1.1")
def test_setup_publishes_it_on_the_servers_own_object() -> None:
    made = bench()
    item = setup_certificate(made.host)
    assert item is not None
    assert made.host.published() == item.der
    assert made.event_names == ["CertificateStored", "CertificatePublished"]


@pytest.mark.fact("certificate-facts 1.1")
def test_a_client_access_server_publishes_nothing() -> None:
    made = bench("CAS01", roles=ServerRole.CLIENT_ACCESS)
    setup_certificate(made.host)
    assert made.directory.writes == []


@pytest.mark.fact("certificate-facts 1.2")
def test_the_transport_service_may_read_the_key() -> None:
    made = bench()
    setup_certificate(made.host)
    (view,) = get(made.host)
    assert "NT AUTHORITY\\NETWORK SERVICE" in view.access


def test_a_usable_certificate_that_is_there_already_is_enabled_instead() -> None:
    made = bench()
    first = setup_certificate(made.host)
    again = setup_certificate(made.host)
    assert first is not None
    assert again is not None
    assert first.thumbprint == again.thumbprint


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two, other = (setup_certificate(bench(seed=seed).host) for seed in (7, 7, 8))
    assert one is not None
    assert two is not None
    assert other is not None
    assert one.der == two.der
    assert one.der != other.der


def test_where_sha1_cannot_be_signed_it_says_so_and_takes_the_nearest() -> None:
    made = bench(version=Version.EXCHANGE_2007)
    item = setup_certificate(made.host)
    assert item is not None
    assert item.certificate.signature_hash_algorithm is not None
    assert item.certificate.signature_hash_algorithm.name == "sha256"
    assert "sha1" in IssueProfile.of(made.host.profile).hash_note
    assert "sha1" in new(made.host).warnings[-1]
    later = bench(version=Version.EXCHANGE_2019).host
    assert IssueProfile.of(later.profile).hash_note == ""
    assert new(later).warnings == ()
