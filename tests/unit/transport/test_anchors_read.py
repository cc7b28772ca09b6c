"""Who is trusted is read from the directory as it is now, and no more often than it changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.cmdlets.outcome import Answer
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.organization.servers import publish_certificate, read_server
from tests.support.trust_lab import trusting_lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    with trusting_lab(hubs=1, edges=1) as made:
        yield made


def trusted(lab: Lab, server: str = "HUB01") -> set[str]:
    anchors = lab.service(Network).host(server).anchors()
    return {anchor.thumbprint for anchor in anchors.trusted}


def withdraw(lab: Lab, *, commit: bool = True) -> None:
    port = lab.ad_port()
    port.session.group_commit = not commit
    publish_certificate(port, lab.ad.names.server("EDGE01"), None)


def test_sessions_share_what_was_read_while_nothing_changes(lab: Lab) -> None:
    host = lab.service(Network).host("HUB01")
    assert host.anchors() is host.anchors()


def test_a_new_certificate_counts_from_the_next_session(lab: Lab) -> None:
    before = trusted(lab, "HUB01")
    new(lab.host("EDGE01"), NewCertificate(), answer=Answer.YES)
    assert trusted(lab, "HUB01") == before
    port, name = lab.ad_port(), lab.ad.names.server("EDGE01")

    published = read_server(lab.edge_port("EDGE01"), lab.edge("EDGE01").names, "EDGE01")
    assert published is not None
    publish_certificate(port, name, published.internal_certificate)
    assert trusted(lab, "HUB01") != before


def test_a_withdrawn_certificate_is_not_trusted_any_more(lab: Lab) -> None:
    assert trusted(lab)
    withdraw(lab)
    assert not trusted(lab)


def test_a_restored_directory_is_read_again_even_at_the_same_usn(lab: Lab) -> None:
    agent = lab.ad.agent
    snapshot, before = agent.snapshot(), trusted(lab)
    withdraw(lab)
    assert not trusted(lab)
    agent.restore(snapshot)
    assert trusted(lab) == before


def test_an_undone_change_leaves_no_trust_behind(lab: Lab) -> None:
    before = trusted(lab)
    withdraw(lab, commit=False)
    assert not trusted(lab)
    lab.ad.agent.store.rollback()
    assert trusted(lab) == before
