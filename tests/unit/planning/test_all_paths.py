"""Every path of the reference's table, tried: who shows what, and what fails when one changes."""

from __future__ import annotations

from typing import Any

import pytest

from directory.clock import SystemClock
from edgesync.lab.lab import Lab
from edgesync.planning.all_paths import every_path
from tests.support.trust_lab import run, trusting_lab


def rows(lab: Lab) -> list[dict[str, Any]]:
    return [row.document() for row in every_path(lab, SystemClock())]


def failed(lab: Lab) -> set[tuple[str, str, str]]:
    return {(r["path"], r["from"], r["to"]) for r in rows(lab) if not r["ok"]}


@pytest.mark.fact("certificate-facts 0")
def test_all_paths_work_in_a_fresh_lab_and_show_the_tables_certificates() -> None:
    with trusting_lab(hubs=2, edges=1) as lab:
        found = rows(lab)
    assert all(row["ok"] for row in found)
    assert {row["path"] for row in found} == {
        "hub-hub", "hub-edge", "edge-hub", "um-hub", "internet-edge", "client-hub", "hub-adam",
        "admin-adam", "client-https", "client-pops", "client-imaps", "gateway-um",
    }  # fmt: skip
    mutual = {row["path"] for row in found if row["client_certificate"]}
    assert mutual == {"hub-edge", "edge-hub"}  # between Hubs and from UM: Kerberos


def test_a_renewed_edge_breaks_its_own_paths_and_no_other() -> None:
    with trusting_lab(hubs=1, edges=2) as lab:
        run(lab, "cert renew EDGE01 --yes")
        assert failed(lab) == {
            ("hub-edge", "HUB01", "EDGE01"), ("edge-hub", "EDGE01", "HUB01"),
            ("hub-adam", "HUB01", "EDGE01"),
        }  # fmt: skip


@pytest.mark.fact("certificate-facts 2.3")
def test_a_moved_service_shows_at_once() -> None:
    with trusting_lab(hubs=1, edges=1) as lab:
        before = {r["path"]: r["server_certificate"] for r in rows(lab)}
        run(lab, "cert new CAS01 --domain-name cas01.contoso.test --services IIS --yes")
        after = {r["path"]: r["server_certificate"] for r in rows(lab)}
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"client-https"}


def test_a_service_without_a_certificate_is_a_failed_path() -> None:
    with trusting_lab(hubs=1, edges=1) as lab:
        store = lab.store("CAS01")
        for certificate in store.certificates:
            store.remove(certificate.thumbprint)
        assert {path for path, _, _ in failed(lab)} == {
            "client-https", "client-pops", "client-imaps",
        }  # fmt: skip
