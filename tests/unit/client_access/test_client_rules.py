"""What users see of a self-signed certificate (seed figures 11 and 12), by kind of client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgesync.lab.lab import Lab
from tests.support.access_lab import do, fresh_lab

URL = "https://cas01.contoso.test/owa"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with fresh_lab() as made:
        yield made


def checked(lab: Lab, kind: str, more: str = "", url: str = URL) -> dict[str, Any]:
    return do(lab, f"client check --client {kind} --url {url} {more}")


@pytest.mark.fact("certificate-facts 7.1")
@pytest.mark.parametrize(
    ("kind", "verdict", "code"),
    [
        ("owa", "warning", 3),
        ("activesync", "fails", 3),
        ("outlook-anywhere", "fails", 3),
        ("autodiscover", "works", 0),
        ("proxy", "fails", 3),
    ],
)
def test_each_client_makes_its_own_of_a_self_signed_certificate(
    lab: Lab, kind: str, verdict: str, code: int
) -> None:
    found = checked(lab, kind)
    assert (found["verdict"], found["exit"]) == (verdict, code)
    assert found["problems"] == ["untrusted"]
    assert (found["http_status"] is None) is (verdict == "fails")  # it asks nothing more


@pytest.mark.fact("certificate-facts 7.1")
def test_a_proxying_server_can_be_told_to_take_it(lab: Lab) -> None:
    assert checked(lab, "proxy", "--allow-internal-untrusted")["verdict"] == "works"


@pytest.mark.fact("certificate-facts 7.1")
def test_a_device_works_once_the_certificate_is_copied_to_it(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "cas01.pem"
    file.write_bytes(next(iter(lab.store("CAS01").certificates)).certificate_pem())
    assert checked(lab, "activesync", f"--trusts {file}")["verdict"] == "works"


@pytest.mark.parametrize("kind", ["owa", "activesync", "outlook-anywhere", "autodiscover", "proxy"])
def test_a_wrong_name_troubles_everybody_and_is_named(lab: Lab, kind: str) -> None:
    found = checked(lab, kind, "--name mail.contoso.test")
    assert found["verdict"] != "works"
    assert "name_mismatch" in found["problems"]
    assert "mail.contoso.test" in found["lacks"]
    assert "CAS01, cas01.contoso.test, not mail.contoso.test" in found["why"]


@pytest.mark.parametrize("kind", ["owa", "activesync", "outlook-anywhere", "autodiscover", "proxy"])
def test_a_certificate_of_the_enterprise_satisfies_machines_of_the_domain(
    lab: Lab, kind: str
) -> None:
    do(lab, "cert new CAS01 --request --domain-name cas01.contoso.test")
    do(lab, "cert sign CAS01")
    signed = next(c for c in lab.store("CAS01").certificates if not c.is_self_signed)
    do(lab, f"cert enable CAS01 {signed.thumbprint} --services IIS")
    assert checked(lab, kind, "--in-domain")["verdict"] == "works"
    joined_anyway = kind in {"autodiscover", "proxy"}
    assert (checked(lab, kind)["verdict"] == "works") is joined_anyway
    lab.clock.set(signed.not_after.replace(year=signed.not_after.year + 1))
    assert "outside_validity" in checked(lab, kind, "--in-domain")["problems"]


@pytest.mark.fact("certificate-facts 7.1")
def test_names_a_new_certificate_lacks_are_those_of_the_urls(lab: Lab) -> None:
    do(lab, "cert new CAS01 --domain-name mail.contoso.test --services IIS --yes")
    found = checked(lab, "autodiscover")
    assert found["lacks"] == ["cas01.contoso.test"]
    assert found["verdict"] == "warning"


def test_a_refused_page_is_a_failure_however_good_the_certificate(lab: Lab) -> None:
    found = checked(lab, "owa", url="http://cas01.contoso.test/owa")
    assert (found["verdict"], found["http_status"]) == ("fails", 403)
