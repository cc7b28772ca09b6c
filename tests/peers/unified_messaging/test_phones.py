"""Other people's phones against a Unified Messaging server: sipsak and SIPp."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edgesync.lab.lab import Lab
from edgesync.lab.unified_messaging import UnifiedMessaging
from tests.support.access_lab import do, fresh_lab, port_of, up
from tests.support.peers import require_tool
from tests.support.tls_tunnel import tls_tunnel


@pytest.fixture
def lab() -> Iterator[Lab]:
    with fresh_lab() as made:
        do(made, "um gateway LOOP --address 127.0.0.1")
        do(made, "um gateway GW --address gw.contoso.test")
        do(made, "um dialplan Main --voip-security Unsecured --server UM01")
        yield made


def gateway_files(lab: Lab, folder: Path) -> tuple[Path, Path]:
    """The certificate and key of the gateway GW."""
    voice = lab.service(UnifiedMessaging)
    gateway = next(g for g in voice.host("UM01").gateways() if g.name == "GW")
    identity = voice.issue_to(gateway)
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "gw.key").write_bytes(key)
    (folder / "gw.crt").write_bytes(identity.certificate.public_bytes(Encoding.PEM))
    return folder / "gw.crt", folder / "gw.key"


def sipp(folder: Path, port: int, *words: str) -> subprocess.CompletedProcess[str]:
    """One call of SIPp's built-in caller, or of a scenario."""
    command = [
        require_tool("sipp"), f"127.0.0.1:{port}", "-m", "1", "-nostdin", "-timeout", "20s",
        "-timeout_error", "-d", "100", *words,
    ]  # fmt: skip
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_sipsak_is_told_what_the_server_can(lab: Lab) -> None:
    with up(lab) as addresses:
        port = port_of(addresses["UM01"]["sip"])
        command = [require_tool("sipsak"), "-vv", "-E", "tcp", "-s", f"sip:um@127.0.0.1:{port}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert "SIP/2.0 200 OK" in done.stdout
    assert "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS" in done.stdout


@pytest.mark.fact("certificate-facts 7.2")
def test_sipp_calls_over_tcp_when_it_is_a_gateway(lab: Lab, tmp_path: Path) -> None:
    with up(lab) as addresses:
        port = port_of(addresses["UM01"]["sip"])
        words = ("-sn", "uac", "-t", "t1", "-i", "127.0.0.1")
        called = sipp(tmp_path, port, *words)
        do(lab, "um gateway LOOP --remove")
        refused = sipp(tmp_path, port, *words)
    assert called.returncode == 0, called.stdout + called.stderr
    assert refused.returncode != 0


@pytest.mark.fact("certificate-facts 7.2")
def test_sipp_calls_over_mutual_tls_with_keys_for_the_media(lab: Lab, tmp_path: Path) -> None:
    certificate, key = gateway_files(lab, tmp_path)
    do(lab, "um dialplan Main --voip-security Secured")
    scenario = Path(__file__).with_name("secured_call.xml")
    words = ("-t", "t1", "-i", "127.0.0.1")
    with up(lab) as addresses:
        target = ("127.0.0.1", port_of(addresses["UM01"]["sips"]))
        # Debian builds SIPp without TLS (sipp -v: SCTP-PCAP-RTPSTREAM), so a tunnel has it
        with tls_tunnel(target, certificate, key) as port:
            called = sipp(tmp_path, port, "-sf", str(scenario), *words)
            plain_media = sipp(tmp_path, port, "-sn", "uac", *words)
    assert called.returncode == 0, called.stdout + called.stderr
    assert plain_media.returncode != 0  # 488: a Secured dial plan wants RTP/SAVP


@pytest.mark.fact("certificate-facts 7.2")
def test_sipsak_sees_the_certificate_and_is_hung_up_on_without_one(lab: Lab) -> None:
    """Over TLS of its own (GnuTLS); it cannot be made to present a certificate."""
    do(lab, "um dialplan Main --voip-security SIPSecured")
    host = lab.service(UnifiedMessaging).host("UM01")
    with up(lab) as addresses:
        port = port_of(addresses["UM01"]["sips"])
        command = [
            require_tool("sipsak"), "-vvv", "-E", "tls", "-s", f"sip:um@127.0.0.1:{port}",
            "--tls-ignore-cert-failure",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    said = done.stdout.decode("utf-8", "replace")
    assert "DN: CN=UM01" in said
    assert "Protocol: TLS1.3" in said
    assert "SIP/2.0 200" not in said
    assert host.last_refusal == "mutual TLS: the peer presented no certificate"
