"""Certificates of a real Exchange organisation, against what PowerShell wrote beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edgesync.certificates.certificate import (
    RootCAType,
    TransportCertificate,
    parse_certificate,
)
from edgesync.certificates.cmdlets.get import CertificateView
from edgesync.certificates.issue import CertificateSubject, IssueProfile, issue_self_signed
from edgesync.certificates.keys import BundledKeys
from edgesync.certificates.services import Services
from edgesync.certificates.status import judge
from edgesync.certificates.store_state import StoreState, TrustedRoot
from edgesync.config import Version
from edgesync.lab.importers.clixml import PSObject, read_clixml
from edgesync.lab.importers.exported import ExportedCertificate
from edgesync.lab.importers.exported_servers import exported_certificate
from tests.support.peers import require_data

SHA1_WITH_RSA = bytes.fromhex("06092a864886f70d010105")
SHA256_WITH_RSA = bytes.fromhex("06092a864886f70d01010b")


@dataclass
class Recorded:
    """One certificate with what PowerShell recorded: the ToString block and the properties."""

    shown: dict[str, str]
    exported: ExportedCertificate

    @property
    def certificate(self) -> TransportCertificate:
        return TransportCertificate(
            parse_certificate(self.exported.der),
            services=self.exported.services or Services.NONE,
            friendly_name=self.exported.friendly_name,
            exportable=bool(self.exported.exportable),
        )


def shown_block(item: PSObject) -> dict[str, str]:
    """``[Subject]\\r\\n  CN=...`` as a mapping."""
    text = (item.text or "").replace("\r", "")
    return dict(re.findall(r"\[([^\]]+)\]\n  ([^\n]*)\n", text))


def records(folder: Path) -> Iterator[Recorded]:
    for item in read_clixml(folder / "Get-ExchangeCertificate.xml"):
        assert isinstance(item, PSObject)
        yield Recorded(shown_block(item), exported_certificate(item, "Get-ExchangeCertificate"))


@pytest.fixture(scope="module")
def recorded() -> list[Recorded]:
    return list(records(require_data("exchange-2019-clixml")))


def test_every_field_of_the_text_block_is_shown_alike(recorded: list[Recorded]) -> None:
    assert len(recorded) == 3
    for record in recorded:
        item, shown = record.certificate, record.shown
        assert item.subject == shown["Subject"]
        assert item.issuer == shown["Issuer"]
        assert item.serial_number == shown["Serial Number"]
        assert item.thumbprint == shown["Thumbprint"]


def test_dates_differ_from_the_recorded_local_ones_by_one_time_zone(
    recorded: list[Recorded],
) -> None:
    zones = set()
    for record in recorded:
        for ours, field in (
            (record.certificate.not_before, "Not Before"),
            (record.certificate.not_after, "Not After"),
        ):
            local = datetime.strptime(record.shown[field] + " +0000", "%m/%d/%Y %H:%M:%S %z")
            zones.add(ours - local)
    assert zones == {timedelta(hours=8)}, "the organisation was in Pacific Standard Time"


@pytest.mark.fact("certificate-facts 2.2")
def test_status_and_root_store_are_judged_as_exchange_judged_them(recorded: list[Recorded]) -> None:
    roots = tuple(
        TrustedRoot(record.certificate.certificate, RootCAType.REGISTRY)
        for record in recorded
        if record.exported.root_ca_type == "Registry"
    )
    assert len(roots) == 2
    for record in recorded:
        item = record.certificate
        judged = judge(item, StoreState(roots=roots), now=item.not_before + timedelta(days=30))
        assert judged.status.value == record.exported.status
        assert judged.root_ca_type.value == record.exported.root_ca_type
        assert item.is_self_signed == (record.exported.recorded["SelfSigned"] == "True")


def test_services_friendly_name_and_identity_are_kept(recorded: list[Recorded]) -> None:
    for record in recorded:
        item = record.certificate
        assert int(item.services) == int(record.exported.recorded["Services"])
        assert record.exported.recorded["Identity"].endswith(f"\\{item.thumbprint}")
        view = CertificateView(
            item,
            judge(item, StoreState(), now=item.not_before),
            Version.EXCHANGE_2019,
        )
        listing = dict(view.listing())
        assert listing["Thumbprint"] == record.shown["Thumbprint"]
        assert listing["PublicKeySize"] == "2048"
        assert item.friendly_name


def _setup_certificate(recorded: list[Recorded]) -> TransportCertificate:
    return next(r.certificate for r in recorded if r.exported.friendly_name == "Microsoft Exchange")


@pytest.mark.fact("certificate-facts 1")
def test_ours_is_byte_for_byte_what_real_setup_signed(recorded: list[Recorded]) -> None:
    """Only the key differs, and the hash our library refuses to sign with."""
    real = _setup_certificate(recorded)
    name, fqdn = real.domains
    ours = issue_self_signed(
        CertificateSubject.of_server(name, fqdn),
        BundledKeys(1).next_key(name),
        now=real.not_before,
        serial=real.certificate.serial_number,
        profile=IssueProfile(5),
    )
    mine, theirs = (
        c.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for c in (ours, real.certificate)
    )
    signed = ours.tbs_certificate_bytes.replace(mine, theirs)
    assert signed.replace(SHA256_WITH_RSA, SHA1_WITH_RSA) == real.certificate.tbs_certificate_bytes


@pytest.mark.fact("certificate-facts 1")
def test_a_2016_servers_published_certificate_has_the_sha256_profile_exactly() -> None:
    folder = require_data("exchange-2019-clixml")
    (item,) = read_clixml(folder / "InternalTransportCertificate.xml")
    assert isinstance(item, PSObject)
    raw = item.properties["RawData"]
    assert isinstance(raw, bytes)
    real = TransportCertificate(parse_certificate(raw))
    assert real.thumbprint == shown_block(item)["Thumbprint"]
    ours = issue_self_signed(
        CertificateSubject.of_server(*real.domains), BundledKeys(1).next_key("x"),
        now=real.not_before, serial=real.certificate.serial_number, profile=IssueProfile(5),
    )  # fmt: skip
    mine, theirs = (
        c.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for c in (ours, real.certificate)
    )
    assert ours.tbs_certificate_bytes.replace(mine, theirs) == (
        real.certificate.tbs_certificate_bytes
    )
