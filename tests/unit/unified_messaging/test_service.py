"""Unified Messaging: how the service starts, whom it talks to, what is encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgesync.config import Version
from edgesync.errors import EdgeSyncError, NoSuchThing, RefusedByRule, Unreachable
from edgesync.lab.folder import open_lab
from edgesync.lab.lab import Lab
from edgesync.lab.unified_messaging import Guise, UnifiedMessaging
from edgesync.unified_messaging.sdp import crypto_line
from tests.support.access_lab import do, fresh_lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    with fresh_lab() as made:
        do(made, "um gateway GW --address gw.contoso.test")
        do(made, "um gateway OCS --address ocs.contoso.test --kind ocs")
        yield made


def plan(lab: Lab, security: str) -> None:
    do(lab, f"um dialplan Main --voip-security {security} --server UM01")


def call(lab: Lab, gateway: str = "GW", more: str = "") -> dict[str, Any]:
    return do(lab, f"um check UM01 --gateway {gateway} {more}")


@pytest.mark.fact("certificate-facts 7.2")
@pytest.mark.parametrize(
    ("security", "transport", "media"),
    [("Unsecured", "tcp", "RTP/AVP"), ("SIPSecured", "tls", "RTP/AVP"),
     ("Secured", "tls", "RTP/SAVP")],
)  # fmt: skip
def test_the_dial_plan_decides_what_is_encrypted(
    lab: Lab, security: str, transport: str, media: str
) -> None:
    plan(lab, security)
    found = call(lab)
    assert (found["reason"], found["transport"], found["media"]) == ("accepted", transport, media)
    other = "tls" if transport == "tcp" else "tcp"
    with pytest.raises(Unreachable):
        call(lab, more=f"--transport {other}")


@pytest.mark.fact("certificate-facts 7.2")
def test_a_running_service_keeps_its_mode_until_it_is_restarted(lab: Lab) -> None:
    plan(lab, "Unsecured")
    host = lab.service(UnifiedMessaging).host("UM01")
    do(lab, "um dialplan Main --voip-security Secured --no-restart")
    assert host.mode.word == "TCP"
    do(lab, "um restart UM01")
    assert host.mode.word == "TLS"


@pytest.mark.fact("certificate-facts 7.2")
def test_a_service_runs_on_while_nobody_has_the_lab_open(tmp_path: Path) -> None:
    with fresh_lab(folder=tmp_path / "lab") as lab:
        plan(lab, "SIPSecured")
        do(lab, "um dialplan Main --voip-security Unsecured --no-restart")
    with open_lab(tmp_path / "lab") as again:
        host = again.service(UnifiedMessaging).host("UM01")
        assert (host.mode.word, host.mode.security.value) == ("TLS", "SIPSecured")
        do(again, "um restart UM01")
        assert host.mode.word == "TCP"


def test_media_keys_cannot_be_told_from_the_seed() -> None:
    keys = set()
    for _ in range(2):
        with fresh_lab() as lab:
            plan(lab, "Secured")
            host = lab.service(UnifiedMessaging).host("UM01")
            keys.add(crypto_line("1", host.secrets))
    assert len(keys) == 2


@pytest.mark.fact("certificate-facts 3.8")
def test_without_a_dial_plan_nothing_is_secured_and_nobody_may_call(lab: Lab) -> None:
    assert lab.service(UnifiedMessaging).host("UM01").mode.word == "TCP"
    assert call(lab)["reason"] == "peer_refused"


@pytest.mark.fact("certificate-facts 3.8")
def test_without_a_certificate_the_service_starts_unsecured_and_says_so(lab: Lab) -> None:
    store = lab.store("UM01")
    for certificate in store.certificates:
        store.remove(certificate.thumbprint)
    plan(lab, "Secured")
    mode = lab.service(UnifiedMessaging).host("UM01").mode
    assert (mode.word, mode.note) == ("TCP", "no certificate for UM: started without TLS")


@pytest.mark.fact("certificate-facts 7.2")
def test_the_communications_server_takes_neither_tcp_nor_a_self_signed_certificate(
    lab: Lab,
) -> None:
    plan(lab, "Unsecured")
    assert call(lab, "OCS")["reason"] == "tls_required"
    plan(lab, "SIPSecured")
    assert call(lab, "OCS")["reason"] == "certificate_refused"
    assert call(lab, "GW")["reason"] == "accepted"  # it was copied to the gateway
    do(lab, "cert new UM01 --request --domain-name um01.contoso.test")
    do(lab, "cert sign UM01")
    signed = next(c for c in lab.store("UM01").certificates if not c.is_self_signed)
    do(lab, f"cert enable UM01 {signed.thumbprint} --services UM")
    found = call(lab, "OCS")
    assert (found["reason"], found["presented"]) == ("accepted", signed.thumbprint)


@pytest.mark.fact("certificate-facts 7.2")
@pytest.mark.parametrize(
    ("gateway", "more", "detail"),
    [
        ("GW", "--no-certificate", "no certificate"),
        ("LOOP", "", "no IP gateway has an FQDN"),
        ("STRANGER", "", "no IP gateway has an FQDN"),
    ],
)
def test_mutual_tls_needs_a_certificate_with_a_gateways_fqdn(
    lab: Lab, gateway: str, more: str, detail: str
) -> None:
    do(lab, "um gateway LOOP --address 127.0.0.1")
    do(lab, "um gateway STRANGER --address elsewhere.contoso.test")
    plan(lab, "SIPSecured")
    if gateway == "STRANGER":  # it has its certificate, and is a gateway no more when it calls
        voice = lab.service(UnifiedMessaging)
        item = next(g for g in voice.host("UM01").gateways() if g.name == gateway)
        identity = voice.issue_to(item)
        do(lab, "um gateway STRANGER --remove")
        found = voice.call("UM01", item, Guise(identity)).document()
    else:
        found = call(lab, gateway, more)
    assert found["reason"] == "peer_refused"
    assert detail in found["detail"]


@pytest.mark.fact("certificate-facts 7.2")
def test_from_2010_on_the_start_up_mode_decides_and_gates_the_certificate() -> None:
    with fresh_lab(Version.EXCHANGE_2010) as lab:
        do(lab, "um gateway GW --address gw.contoso.test")
        plan(lab, "Secured")
        voice = lab.service(UnifiedMessaging).host("UM01")
        assert voice.mode.word == "TCP"
        with pytest.raises(RefusedByRule, match="UMStartupMode"):
            do(lab, "cert new UM01 --services UM --yes")
        do(lab, "um server UM01 --startup-mode Dual")
        do(lab, "cert new UM01 --services UM --yes")
        do(lab, "um restart UM01")
        assert voice.mode.word == "Dual"
        assert call(lab, more="--transport tls")["media"] == "RTP/SAVP"
        assert call(lab, more="--transport tcp")["media"] == "RTP/AVP"


def test_2007_has_no_start_up_mode(lab: Lab) -> None:
    with pytest.raises(RefusedByRule):
        do(lab, "um server UM01 --startup-mode TLS")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("um check HUB01 --gateway GW", NoSuchThing),
        ("um check UM01 --gateway NOBODY", NoSuchThing),
        ("um dialplan Other", NoSuchThing),
        ("um server UM01 --dial-plan Other", NoSuchThing),
        ("um voicemail UM01 --to a@contoso.test --seconds 0", EdgeSyncError),
    ],
)
def test_what_is_not_there_is_named(lab: Lab, command: str, error: type[EdgeSyncError]) -> None:
    with pytest.raises(error):
        do(lab, command)


@pytest.mark.fact("certificate-facts 0")
def test_a_voice_message_goes_to_a_hub_over_tls_and_into_the_mailbox(tmp_path: Path) -> None:
    with fresh_lab(folder=tmp_path / "lab") as lab:
        word = "--intra-org-connector-protocol-logging-level Verbose"
        do(lab, f"transport server UM01 {word}")
        found = do(lab, "um voicemail UM01 --to alan.abbott@contoso.test")
        assert (found["relayed"], found["delivered"], found["waiting"]) == (1, 1, 0)
        logs = (tmp_path / "lab" / "logs").rglob("*")
        text = "".join(p.read_text() for p in logs if p.is_file() and "SmtpSend" in str(p))
    assert "X-ANONYMOUSTLS" in text
    assert "X-EXPS EXCHANGEAUTH SHA256" in text
    assert "TLS protocol" in text
    assert "Sending certificate" not in text  # no client certificate: Kerberos follows
