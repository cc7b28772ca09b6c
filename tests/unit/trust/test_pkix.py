"""What path validation says of a peer's certificates."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from edgesync.certificates.authority import make_authority
from edgesync.certificates.certificate import RootCAType
from edgesync.certificates.store import MachineStore
from edgesync.trust.pkix import Expectation, PkixStatus, validate
from tests.support import partner as pki
from tests.support.mail_bench import START, Organization

NAMES = Expectation(("partner.test",))


def store_with(*authorities: pki.Authority) -> MachineStore:
    store = MachineStore()
    for authority in authorities:
        store.trust(authority.root, RootCAType.THIRD_PARTY)
    return store


@pytest.fixture(scope="module")
def ca() -> pki.Authority:
    return pki.authority()


@pytest.fixture(scope="module")
def leaf(ca: pki.Authority) -> bytes:
    return pki.certificate(ca, "mail.partner.test", "partner.test")[0].public_bytes(Encoding.DER)


def test_a_certificate_of_a_trusted_authority_is_valid(ca: pki.Authority, leaf: bytes) -> None:
    verdict = validate([leaf], store_with(ca).state, now=START, expect=NAMES,
                       crls=lambda _: ca.crl(now=START))  # fmt: skip
    assert verdict
    assert verdict.path == ("CN=mail.partner.test", "CN=Public CA")


def test_an_intermediate_that_the_peer_sends_along_is_used(ca: pki.Authority) -> None:
    issuing = make_authority(
        "CN=Issuing CA", pki.KEYS.next_key("issuing"), now=START,
        entropy=pki.SeededEntropy(3, "issuing"), kind=RootCAType.THIRD_PARTY, parent=ca,
    )  # fmt: skip
    issued, _ = pki.certificate(issuing, "partner.test")
    sent = [c.public_bytes(Encoding.DER) for c in (issued, issuing.certificate)]
    state = store_with(ca).state
    expect = Expectation(("partner.test",), check_revocation=False)
    assert validate(sent, state, now=START, expect=expect)
    alone = validate(sent[:1], state, now=START, expect=expect)
    assert alone.status is PkixStatus.UNTRUSTED_ROOT


@pytest.mark.fact("certificate-facts 6.3")
@pytest.mark.parametrize(
    ("days", "names", "trusted", "status"),
    [
        (0, ("other.test",), True, PkixStatus.SUBJECT_MISMATCH),
        (400, ("partner.test",), True, PkixStatus.EXPIRED),
        (-10, ("partner.test",), True, PkixStatus.NOT_YET_VALID),
        (0, ("partner.test",), False, PkixStatus.UNTRUSTED_ROOT),
        (0, ("partner.test",), True, PkixStatus.VALID),
        (0, (), True, PkixStatus.VALID),
    ],
)
def test_each_way_to_fail_has_its_word(
    ca: pki.Authority, leaf: bytes, days: int, names: tuple[str, ...], trusted: bool,
    status: PkixStatus,
) -> None:  # fmt: skip
    store = store_with(*([ca] if trusted else []))
    now = START + timedelta(days=days)
    verdict = validate(
        [leaf], store.state, now=now, expect=Expectation(names), crls=lambda _: ca.crl(now=now)
    )
    assert verdict.status is status
    assert verdict.detail


def test_setups_own_certificate_is_untrusted_elsewhere_and_valid_once_imported() -> None:
    """What PKIX would have said where direct trust says yes."""
    hub = Organization().hub("HUB01")
    assert hub.identity is not None
    elsewhere = MachineStore()
    assert validate([hub.identity.der], elsewhere.state, now=START).status is (
        PkixStatus.UNTRUSTED_ROOT
    )
    elsewhere.trust(hub.identity.certificate, RootCAType.REGISTRY)
    assert validate([hub.identity.der], elsewhere.state, now=START)


def test_nothing_and_garbage_are_told_apart() -> None:
    state = MachineStore().state
    assert validate([], state, now=START).status is PkixStatus.NO_CERTIFICATE
    assert validate([b"junk"], state, now=START).status is PkixStatus.UNREADABLE


def test_a_damaged_signature_is_found(ca: pki.Authority, leaf: bytes) -> None:
    damaged = leaf[:-1] + bytes([leaf[-1] ^ 1])
    verdict = validate([damaged], store_with(ca).state, now=START)
    assert verdict.status is PkixStatus.INVALID_SIGNATURE
