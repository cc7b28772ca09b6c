"""The pages of Client Access and Unified Messaging: what they show, and that looking is looking."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from edgesync import Lab
from edgesync.console import trust_table
from tests.console.conftest import Site, serve

ROWS = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A lab with a gateway and a communications server, and a dial plan that encrypts."""
    with Lab.new(recipients=5) as lab:
        lab.run("um.gateway", name="GW1", address="gw1.contoso.test")
        lab.run("um.gateway", name="OCS", address="ocs.contoso.test", kind="ocs")
        lab.run("um.dialplan", name="Main", voip_security="Secured", server=("UM01",))
        yield from serve(lab)


def rows(site: Site, path: str) -> list[str]:
    """The rows of a page's tables, as text."""
    answer = site.page(path)
    assert answer.status == 200
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in ROWS.findall(answer.text)]


def test_each_kind_of_client_is_shown_with_what_its_user_sees(site: Site) -> None:
    found = {row.split()[1]: row for row in rows(site, "/clients")[1:6]}
    assert list(found) == ["owa", "activesync", "outlook-anywhere", "autodiscover", "proxy"]
    assert "! warning" in found["owa"]
    assert "fails" in found["activesync"]
    assert "works" in found["autodiscover"]
    assert any(row.startswith("/OAB no ignore") for row in rows(site, "/clients?server=cas01"))


def test_calls_say_who_would_be_refused_and_lead_to_why(site: Site) -> None:
    found = rows(site, "/calls")
    assert any("UM01 TLS" in row and "Secured Main" in row for row in found)
    assert any(row.startswith("GW1 UM01 5061 mutual TLS") and "works" in row for row in found)
    assert any(row.startswith("OCS UM01 5061") and "certificate_refused" in row for row in found)
    assert any(row.startswith("UM01 HUB01 25 X-ANONYMOUSTLS") for row in found)
    why = "/trust/explain?verifier=OCS&amp;peer=UM01&amp;path=gateway-um"
    page = site.page("/calls").text
    assert why in page
    explained = site.page(why.replace("&amp;", "&")).text
    assert "edgesync cert sign UM01 --authority enterprise --services UM --no" in explained


def test_every_path_is_one_table_and_every_row_is_explained(site: Site) -> None:
    text = site.page("/trust?path=all").text
    paths = set(re.findall(r"path=([a-z-]+)\"", text)) - {"smtp", "ldaps", "all"}
    assert {"hub-hub", "um-hub", "client-https", "client-pops", "gateway-um"} <= paths
    for link in sorted(set(re.findall(r"/trust/explain\?[^\"]+", text)))[::4]:
        assert site.page(link.replace("&amp;", "&")).status == 200


def test_a_page_tries_so_many_paths_and_says_what_it_left_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust_table, "PATHS_ASKED_MAX", 14)
    monkeypatch.setattr(trust_table, "FRESH_S", 0.0)
    text = site.page("/trust?path=all").text
    assert "more were not tried" in text
    assert "Calls from VoIP gateways" in text
    assert "Mail between Hubs" not in text


def test_looking_changes_nothing(site: Site) -> None:
    before = len(list(site.lab.lab.ledger.commands()))
    for path in ("/clients", "/calls", "/trust?path=all"):
        assert site.page(path).status == 200
    assert len(list(site.lab.lab.ledger.commands())) == before
