"""Every row of the table of paths, explained: to the attribute, with the cause, and mended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from directory.clock import SystemClock
from edgesync.config import Version
from edgesync.errors import NoSuchThing
from edgesync.lab.description import contoso
from edgesync.lab.folder import new_lab
from edgesync.lab.lab import Lab
from edgesync.planning.all_paths import every_path
from tests.support.access_lab import do
from tests.support.trust_lab import run, trusting_lab

GATEWAYS = ("um gateway GW --address gw.contoso.test",
            "um gateway OCS --address ocs.contoso.test --kind ocs",
            "um gateway OLD --address 192.0.2.9",
            "um dialplan Main --voip-security SIPSecured --server UM01")  # fmt: skip


@pytest.fixture
def lab() -> Iterator[Lab]:
    with trusting_lab(hubs=2, edges=1) as made:
        for command in GATEWAYS:
            run(made, command)
        yield made


def explain(lab: Lab, source: str, target: str, path: str) -> dict[str, Any]:
    return do(lab, f"trust explain {source} {target} --path {path}")


def evidence(explained: dict[str, Any]) -> str:
    return "\n".join(line for step in explained["steps"] for line in step["evidence"])


def test_every_row_has_an_explanation_that_says_the_same(lab: Lab) -> None:
    rows = [row.document() for row in every_path(lab, SystemClock())]
    assert len(rows) > 15
    for row in rows:
        told = do(lab, row["explain"].removeprefix("edgesync "))
        assert (told["verifier"], told["peer"]) == (row["from"], row["to"])
        good = told["verdict"] in ("trusted", "anonymous")
        assert good == (row["ok"] and not row["note"]), row
        assert told["exit"] == (0 if good else 3), row
        assert told["next"], row
        if row["ok"] and not row["note"]:
            assert not any(step["ok"] is False for step in told["steps"])
            assert not told["cause"]


@pytest.mark.fact("certificate-facts 0")
@pytest.mark.parametrize(
    ("break_it", "question", "reason", "attribute"),
    [
        ("connector set 'HUB02\\Default HUB02' --auth-mechanism Tls",
         ("HUB01", "HUB02", "hub-hub"), "connector_refuses", "labAuthMechanism"),
        ("connector set 'HUB01\\Default HUB01' --enabled false",
         ("UM01", "HUB01", "um-hub"), "unreachable", "msExchSmtpReceiveEnabled"),
        ("connector set 'HUB01\\Client HUB01' --fqdn smtp.contoso.test",
         ("mail-program", "HUB01", "client-hub"), "tls_not_offered",
         "msExchSmtpReceiveAdvertisedDomain"),
        ("client protocol CAS01 pop --x509-certificate-name mail.contoso.test",
         ("client", "CAS01", "client-pops"), "no_certificate",
         "msExchPopImapX509CertificateName"),
        ("client directory CAS01 EWS --internal-url https://ews.contoso.test/EWS",
         ("owa", "CAS01", "client-https"), "untrusted_root", "msExchInternalHostName"),
        ("um dialplan Main --voip-security Unsecured --no-restart",
         ("GW", "UM01", "gateway-um"), "restart_needed", "msExchUMDialPlanVoipSecurity"),
        ("um dialplan Main --voip-security Unsecured",
         ("OCS", "UM01", "gateway-um"), "tls_required", "msExchUMDialPlanVoipSecurity"),
    ],
)  # fmt: skip
def test_the_change_that_broke_a_path_is_named_and_mended(
    lab: Lab, break_it: str, question: tuple[str, str, str], reason: str, attribute: str
) -> None:
    run(lab, break_it)
    told = explain(lab, *question)
    assert told["reason"] == reason
    assert attribute in evidence(told)
    assert attribute in told["cause"]
    assert told["fix"]
    for command in told["fix"]:
        run(lab, command.removeprefix("edgesync "))
    assert explain(lab, *question)["reason"] != reason


@pytest.mark.fact("certificate-facts 7.1")
def test_self_signed_is_explained_for_each_kind_of_client(lab: Lab) -> None:
    verdicts = {
        kind: explain(lab, kind, "CAS01", "client-https")["verdict"]
        for kind in ("client", "owa", "activesync", "outlook-anywhere", "autodiscover")
    }
    assert verdicts == {
        "client": "warning", "owa": "warning", "activesync": "untrusted",
        "outlook-anywhere": "untrusted", "autodiscover": "trusted",
    }  # fmt: skip
    told = explain(lab, "client", "CAS01", "client-https")
    for command in told["fix"]:
        run(lab, command.removeprefix("edgesync "))
    assert explain(lab, "client", "CAS01", "client-https")["verdict"] == "trusted"


@pytest.mark.fact("certificate-facts 7.2")
def test_a_communications_server_gets_a_certificate_both_trust(lab: Lab) -> None:
    run(lab, "um dialplan Main --voip-security Secured")
    told = explain(lab, "OCS", "UM01", "gateway-um")
    assert (told["verdict"], told["reason"]) == ("untrusted", "certificate_refused")
    for command in told["fix"]:
        run(lab, command.removeprefix("edgesync "))
    told = explain(lab, "OCS", "UM01", "gateway-um")
    assert told["verdict"] == "trusted"
    assert "SRTP" in told["steps"][-1]["detail"]
    told = explain(lab, "OLD", "UM01", "gateway-um")
    assert (told["reason"], told["fix"]) == ("needs_fqdn", [])  # no command can guess a name


@pytest.mark.fact("certificate-facts 7.2")
@pytest.mark.parametrize("version", [Version.EXCHANGE_2010, Version.EXCHANGE_2016])
def test_since_2010_the_startup_mode_is_part_of_what_mends_a_call(version: Version) -> None:
    with trusting_lab(version, hubs=1, edges=1) as lab:
        for command in GATEWAYS:
            run(lab, command)
        told = explain(lab, "OCS", "UM01", "gateway-um")
        assert told["reason"] == "tls_required"
        assert "msExchUMStartupMode: TCP" in evidence(told)
        assert told["fix"][0] == "edgesync um server UM01 --startup-mode Dual"
        for command in told["fix"]:
            run(lab, command.removeprefix("edgesync "))
        assert explain(lab, "OCS", "UM01", "gateway-um")["verdict"] == "trusted"


@pytest.mark.fact("certificate-facts 7.1")
def test_proxying_to_another_site_needs_trust_or_the_registry_value() -> None:
    with new_lab(contoso(hubs=2, edges=0, client_access=2, recipients=0)) as lab:
        told = explain(lab, "CAS01", "CAS02", "cas-proxy")
        assert (told["verdict"], told["reason"]) == ("untrusted", "untrusted_root")
        assert told["fix"] == ["edgesync client server CAS01 --allow-internal-untrusted yes"]
        assert any("cert sign CAS02" in line for way in told["alternatives"] for line in way)
        run(lab, told["fix"][0].removeprefix("edgesync "))
        told = explain(lab, "CAS01", "CAS02", "cas-proxy")
        assert told["verdict"] == "trusted"
        assert "labAllowInternalUntrusted: True" in evidence(told)


def test_since_2013_servers_proxy_by_rules_that_no_source_gives() -> None:
    with trusting_lab(Version.EXCHANGE_2019, hubs=2, edges=1) as lab:
        paths = {row.question.path for row in every_path(lab, SystemClock())}
    assert "cas-proxy" not in paths
    assert "client-https" in paths


def test_time_is_the_cause_of_what_expired(lab: Lab) -> None:
    from datetime import timedelta

    lab.clock.set(lab.clock.now() + timedelta(days=400))
    told = explain(lab, "autodiscover", "CAS01", "client-https")
    assert (told["verdict"], told["reason"]) == ("warning", "untrusted_root")
    assert told["cause"].startswith("time: CN=CAS01")


def test_a_path_that_is_not_there_is_refused_with_those_that_are(lab: Lab) -> None:
    with pytest.raises(NoSuchThing) as refused:
        explain(lab, "HUB01", "CAS01", "hub-hub")
    assert "HUB01 HUB02" in refused.value.hint
