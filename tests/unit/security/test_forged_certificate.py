"""Somebody makes a certificate that looks like a published one, without its key."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from directory.errors import LdapError
from edgesync.certificates.keys import BundledKeys
from edgesync.config import Policy
from edgesync.organization.servers import ServerRole
from edgesync.port.pinning import PinMismatch, pinned_session
from edgesync.trust.anchors import Side, TrustAnchors
from edgesync.trust.direct import Direction, check
from edgesync.trust.verdict import Verdict
from tests.support.certificates import ISSUED_AT, server_certificate
from tests.support.forest import small_forest
from tests.unit.trust.test_direct import server

PUBLISHED, KEY = server_certificate("HUB01")
NOW = ISSUED_AT + timedelta(days=1)
ANCHORS = TrustAnchors.of(Side.EDGE, [server("HUB01", ServerRole.HUB, PUBLISHED)])
COPIED = {
    "nothing": (),
    "subject": ("subject",),
    "subject and serial": ("subject", "serial"),
    "subject, serial, validity and extensions": ("subject", "serial", "validity", "extensions"),
}


@cache
def forge(*copied: str, key_size: int = 2048) -> bytes:
    """The published certificate as far as it can be copied, over the forger's own key."""
    real = x509.load_der_x509_certificate(PUBLISHED)
    key = _forgers_key(key_size)
    name = (
        real.subject
        if "subject" in copied
        else x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stranger")])
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(real.serial_number if "serial" in copied else 4711)
        .not_valid_before(real.not_valid_before_utc if "validity" in copied else NOW)
        .not_valid_after(real.not_valid_after_utc)
    )
    for extension in real.extensions if "extensions" in copied else ():
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _forgers_key(size: int) -> rsa.RSAPrivateKey:
    key = BundledKeys(99).next_key("forger", size)
    assert key.public_key() != KEY.public_key()
    return key


def test_the_published_certificate_itself_is_trusted() -> None:
    assert check(PUBLISHED, ANCHORS, now=NOW, policy=Policy())


@pytest.mark.fact("certificate-facts 4.2")
@pytest.mark.parametrize("copied", COPIED.values(), ids=COPIED)
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("key_size", [1024, 2048])
def test_a_forged_certificate_is_a_strangers_however_much_of_it_is_copied(
    copied: tuple[str, ...], direction: Direction, key_size: int
) -> None:
    forged = forge(*copied, key_size=key_size)
    found = check(forged, ANCHORS, now=NOW, policy=Policy(), direction=direction)
    assert not found
    stranger = Verdict.ANONYMOUS if direction is Direction.INBOUND else Verdict.UNTRUSTED
    assert found.verdict is stranger


@pytest.mark.fact("edgesync-facts 4.1")
@pytest.mark.parametrize("copied", COPIED.values(), ids=COPIED)
def test_a_server_with_a_forged_certificate_gets_no_credential(copied: tuple[str, ...]) -> None:
    forest = small_forest()
    forest.subscribe("EDGE01")
    machine = forest.edges["EDGE01"]
    machine.presented = forge(*copied)
    with pytest.raises(PinMismatch):  # before the bind: test_a_certificate_that_begins_like_...
        forest.open_session("HUB01", "EDGE01")
    assert forest.event_names()[-2:] == ["FailedDirectTrustMatch", "CannotConnectToEdge"]


@pytest.mark.parametrize("end", [1, len(PUBLISHED) // 2, len(PUBLISHED) - 1])
def test_a_certificate_that_begins_like_the_published_one_is_not_it(end: int) -> None:
    forest = small_forest()
    machine = forest.edges["EDGE01"]
    changed = PUBLISHED[:end] + bytes([PUBLISHED[end] ^ 1]) + PUBLISHED[end + 1 :]
    with pytest.raises(PinMismatch):
        pinned_session(
            machine.agent, presented=changed, expected=PUBLISHED, bind_name="x",
            password=b"never sent", peer="EDGE01",
        )  # fmt: skip
    with pytest.raises(LdapError):  # with the right one the bind is tried, and refused
        pinned_session(
            machine.agent, presented=PUBLISHED, expected=PUBLISHED, bind_name="x",
            password=b"wrong", peer="EDGE01",
        )  # fmt: skip
