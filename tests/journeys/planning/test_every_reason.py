"""Every reason word, made on a real lab, found by real handshakes, explained, and mended.

The fix an explanation prints is run on the lab itself: it must make the very cell trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from directory.entropy import SeededEntropy
from edgesync.certificates.certificate import TransportCertificate, thumbprint
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
)
from edgesync.certificates.services import Services
from edgesync.config import Version
from edgesync.lab.folder import fork_lab
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.organization.servers import publish_certificate
from edgesync.transport.link import Link
from edgesync.trust.verdict import Reason, Verdict
from tests.support.trust_lab import SITE, ask, inquire, run, runner, trusting_lab

FIXTURES = Path(__file__).parents[3] / "fixtures" / "certificates"
FIXTURE_PASSWORD = b"fixture"


def published(lab: Lab, server: str) -> TransportCertificate:
    """The certificate a server's own directory names, from its store."""
    der = lab.host(server).published()
    assert der is not None
    found = lab.store(server).get(thumbprint(der))
    assert found is not None
    return found


def force(lab: Lab, server: str, certificate: TransportCertificate) -> None:
    """Put a certificate in place everywhere at once, whatever the cmdlets would say to it."""
    lab.store(server).put(certificate)
    publish_certificate(lab.port_of(server), lab.names_of(server).server(server), certificate.der)
    publish_certificate(lab.ad_port(), lab.ad.names.server(server), certificate.der)


def renewed_edge(lab: Lab) -> None:
    run(lab, "cert renew EDGE01 --yes")


def renewed_hub(lab: Lab) -> None:
    run(lab, "cert renew HUB01 --yes")


def published_ahead(lab: Lab) -> None:
    """AD learns the new certificate, then the Edge goes back to the old one."""
    old = published(lab, "EDGE01").thumbprint
    run(
        lab,
        "cert renew EDGE01 --yes",
        "subscription export EDGE01 --file EDGE01.xml --force --yes",
        f"cert enable EDGE01 {old} --services SMTP --yes",
    )
    new = max(lab.store("EDGE01").certificates, key=lambda c: c.not_before)
    publish_certificate(lab.ad_port(), lab.ad.names.server("EDGE01"), new.der)


def cleared(lab: Lab) -> None:
    publish_certificate(lab.ad_port(), lab.ad.names.server("HUB01"), None)


def deleted(lab: Lab) -> None:
    lab.store("HUB01").remove(published(lab, "HUB01").thumbprint)


def unreadable_key(lab: Lab) -> None:
    lab.store("HUB01").put(replace(published(lab, "HUB01"), network_service=False))


def lost_key(lab: Lab) -> None:
    lab.store("EDGE01").put(replace(published(lab, "EDGE01"), key=None))


def shared(lab: Lab) -> None:
    force(lab, "EDGE01", published(lab, "HUB01"))


def early(lab: Lab) -> None:
    """A clock that ran ahead issued it; policy refuses what is not valid yet."""
    lab.description = replace(lab.description, policy={"not_yet_valid": "refuse"})
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = issue_self_signed(
        CertificateSubject.of_server("EDGE01", "edge01.contoso.test"),
        key,
        now=lab.clock.now() + timedelta(days=30),
        serial=serial_number(SeededEntropy(1, "early")),
        profile=IssueProfile(5),
    )
    stored = TransportCertificate(certificate, key, Services.SMTP, network_service=True)
    force(lab, "EDGE01", stored)


def weak(lab: Lab) -> None:
    key, certificate, _ = pkcs12.load_key_and_certificates(
        (FIXTURES / "weak.pfx").read_bytes(), FIXTURE_PASSWORD
    )
    assert certificate is not None
    assert isinstance(key, rsa.RSAPrivateKey)
    stored = TransportCertificate(certificate, key, Services.SMTP, network_service=True)
    force(lab, "EDGE01", stored)


def suppressed(lab: Lab) -> None:
    name = "EDGE01\\Default internal receive connector EDGE01"
    run(lab, f"connector set '{name}' --suppress-x-anonymous-tls true")


def refusing(lab: Lab) -> None:
    name = "EDGE01\\Default internal receive connector EDGE01"
    run(lab, f"connector set '{name}' --auth-mechanism TLS")


def rightless(lab: Lab) -> None:
    name = "HUB01\\Default HUB01"
    run(lab, f"connector set '{name}' --permission-groups ExchangeUsers")


def closed(lab: Lab) -> None:
    name = "EDGE01\\Default internal receive connector EDGE01"
    run(lab, f"connector set '{name}' --enabled false")


def forty_days(lab: Lab) -> None:
    """Nobody renewed the credentials meanwhile."""
    lab.clock.set(lab.clock.now() + timedelta(days=40))


def two_years(lab: Lab) -> None:
    lab.clock.set(lab.clock.now() + timedelta(days=730))


@dataclass(frozen=True)
class Case:
    reason: Reason
    broken: Callable[[Lab], None]
    verifier: str
    peer: str
    path: str = "smtp"
    version: Version = Version.EXCHANGE_2007
    event: str = ""
    cause: str = ""


CASES = [
    Case(Reason.MISMATCH, renewed_edge, "HUB01", "EDGE01",
         event="SmtpSendDirectTrustFailed", cause="cert renew EDGE01"),
    Case(Reason.MISMATCH, renewed_edge, "HUB01", "EDGE01", "ldaps",
         event="FailedDirectTrustMatch", cause="cert renew EDGE01"),
    Case(Reason.STALE_REPLICA, renewed_hub, "EDGE01", "HUB01",
         event="SmtpSendDirectTrustFailed", cause="cert renew HUB01"),
    Case(Reason.STALE_PRESENTER, published_ahead, "HUB01", "EDGE01"),
    Case(Reason.NOT_PUBLISHED, cleared, "EDGE01", "HUB01", version=Version.EXCHANGE_2019),
    Case(Reason.NO_CERTIFICATE, deleted, "EDGE01", "HUB01"),
    Case(Reason.NO_CERTIFICATE, deleted, "EDGE01", "HUB01", version=Version.EXCHANGE_2019,
         event="CannotLoadInternalTransportCertificateFromStore"),
    Case(Reason.KEY_UNAVAILABLE, unreadable_key, "EDGE01", "HUB01",
         version=Version.EXCHANGE_2019),
    Case(Reason.KEY_UNAVAILABLE, lost_key, "HUB01", "EDGE01"),
    Case(Reason.SHARED_CERTIFICATE, shared, "HUB01", "EDGE01"),
    Case(Reason.NOT_YET_VALID, early, "HUB01", "EDGE01"),
    Case(Reason.WEAK_CERTIFICATE, weak, "HUB01", "EDGE01"),
    Case(Reason.TLS_NOT_OFFERED, suppressed, "HUB01", "EDGE01", version=Version.EXCHANGE_2010),
    Case(Reason.CONNECTOR_REFUSES, refusing, "HUB01", "EDGE01", cause="--auth-mechanism TLS"),
    Case(Reason.CONNECTOR_REFUSES, rightless, "HUB01", "EDGE01",
         cause="--permission-groups ExchangeUsers"),
    Case(Reason.UNREACHABLE, closed, "HUB01", "EDGE01", cause="--enabled false"),
    Case(Reason.CREDENTIAL_EXPIRED, forty_days, "HUB01", "EDGE01", "ldaps"),
    Case(Reason.CREDENTIAL_UNREADABLE, renewed_hub, "HUB01", "EDGE01", "ldaps",
         cause="cert renew HUB01"),
]  # fmt: skip


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{c.reason.value}-{c.broken.__name__}-{c.version}-{c.path}" for c in CASES]
)
def test_a_broken_cell_has_its_reason_and_a_fix_that_mends_it(case: Case) -> None:
    with trusting_lab(case.version) as lab, runner() as hands:
        case.broken(lab)
        found = ask(lab, case.verifier, case.peer, case.path)
        assert (found.reason, found.verdict is Verdict.TRUSTED) == (case.reason.value, False)

        explained = inquire(lab).explain(found.pair, fork=fork_lab, runner=hands)
        assert explained.reason == case.reason.value
        assert explained.steps[-1].ok is False
        assert case.event in {"", *(e.name for e in explained.events)}
        assert case.cause in explained.cause
        assert explained.fix, "no fix was found"

        for command in explained.fix:
            assert hands.run(lab, command).went_well, command
        assert ask(lab, case.verifier, case.peer, case.path).verdict is Verdict.TRUSTED


@pytest.mark.fact("certificate-facts 4.6")
def test_an_expired_certificate_is_trusted_and_said_to_be_expired() -> None:
    with trusting_lab() as lab:
        two_years(lab)
        cell = ask(lab, "HUB01", "EDGE01")
        assert (cell.verdict, cell.reason) == (Verdict.TRUSTED, "trusted_expired")
        explained = inquire(lab).explain(cell.pair)
        assert "RemoteInternalTransportCertificateExpired" in {e.name for e in explained.events}
        assert explained.pkix.startswith("Expired") or explained.pkix.startswith("Untrusted")


class Garbling:
    """A wire that turns everything after the TLS verb into noise."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.local, self.remote = link.local, link.remote
        self._spoilt = False

    def send(self, data: bytes) -> None:
        self._link.send(data)
        self._spoilt = self._spoilt or data.startswith(b"X-ANONYMOUSTLS")

    def receive(self) -> bytes:
        data = self._link.receive()
        return data if data.startswith(b"220 ") or not self._spoilt else b"\x00" * 100

    def close(self) -> None:
        self._link.close()


def test_a_handshake_that_breaks_off_is_no_fault_of_certificates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dial = Network.dial
    monkeypatch.setattr(Network, "dial", lambda *given: Garbling(dial(*given)))
    with trusting_lab() as lab:
        assert ask(lab, "HUB01", "EDGE01").reason == "tls_failed"


def test_a_wire_that_is_cut_is_not_mended_by_commands() -> None:
    with trusting_lab() as lab, runner() as hands:
        lab.service(Network).cut.add(frozenset(("hub01", "edge01")))
        cell = ask(lab, "HUB01", "EDGE01")
        assert (cell.verdict, cell.reason) == (Verdict.UNREACHABLE, "unreachable")
        assert ask(lab, "HUB01", "EDGE01", "ldaps").reason == "unreachable"
        assert inquire(lab).explain(cell.pair, fork=fork_lab, runner=hands).fix == ()


def test_every_reason_word_of_the_contract_was_made_on_a_lab() -> None:
    elsewhere = {Reason.TRUSTED, Reason.TRUSTED_EXPIRED, Reason.TLS_FAILED}
    assert {case.reason for case in CASES} | elsewhere == set(Reason)
    assert SITE


def test_a_stale_replica_is_explained_with_run_cookie_and_lease() -> None:
    with trusting_lab() as lab:
        renewed_hub(lab)
        explained = inquire(lab).explain(ask(lab, "EDGE01", "HUB01").pair)
        evidence = " ".join(line for step in explained.steps for line in step.evidence)
        assert "last configuration run" in evidence
        assert "cookie: " in evidence
        assert "lease: " in evidence
        assert "USN" in evidence
