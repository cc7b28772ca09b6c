"""Credentials renew by themselves as lab time passes; the next one is tried before it counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from edgesync.lab.description import contoso
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.folder import new_lab
from edgesync.lab.lab import Lab
from edgesync.subscription.accounts import list_accounts, remove_account
from edgesync.subscription.credential_service import CredentialServiceReport


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = new_lab(contoso(sites=1, hubs=1, edges=1, recipients=2))
    lab.service(EdgeSync).subscribe("EDGE01", "Default-First-Site-Name")
    yield lab
    lab.close()


def events(lab: Lab) -> list[str]:
    return [event.kind.name for _, event in lab.ledger.events()]


@pytest.mark.fact("edgesync-facts 3.3")
def test_a_successor_takes_over_without_a_failed_logon(lab: Lab) -> None:
    lab.agenda.advance(timedelta(days=34))

    edge = lab.edge("EDGE01")
    assert "ESRA.EDGE01.HUB01.1" in list_accounts(lab.edge_port("EDGE01"), edge.names)
    assert "NextCredentialTestFailed" not in events(lab)
    assert lab.service(EdgeSync).open_session("HUB01", "EDGE01").credential.user_name.endswith(".1")


@pytest.mark.fact("edgesync-facts 9")
def test_a_successor_without_an_account_is_event_1004_before_it_counts(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_down(_edge: str) -> CredentialServiceReport:
        return CredentialServiceReport((), (), ())

    lab.agenda.advance(timedelta(days=31, hours=20))
    edge = lab.edge("EDGE01")
    monkeypatch.setattr(lab.service(EdgeSync), "credential_service", is_down)
    remove_account(lab.edge_port("EDGE01"), edge.names, "ESRA.EDGE01.HUB01.1")

    lab.agenda.advance(timedelta(hours=5))

    assert "NextCredentialTestFailed" in events(lab)
