"""Mail, queues, logs, probes and exports as commands on a lab with real directories."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgesync.certificates.certificate import thumbprint
from edgesync.errors import EdgeSyncError, NoSuchThing, RefusedByRule, UsageError
from edgesync.events import Event
from edgesync.lab.description import contoso
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.folder import new_lab, open_lab
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.operations.commands import parse_command
from edgesync.operations.context import Context
from edgesync.organization.recipients import iterate_recipients

SITE = "Default-First-Site-Name"


@contextmanager
def subscribed_lab(folder: Path) -> Iterator[Lab]:
    lab = new_lab(contoso(recipients=12), folder)
    sync = lab.service(EdgeSync)
    sync.subscribe("EDGE01", SITE)
    sync.run("EDGE01")
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with subscribed_lab(tmp_path / "lab") as lab:
        yield lab


@pytest.fixture(scope="module")
def still_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab nobody changes."""
    with subscribed_lab(tmp_path_factory.mktemp("still") / "lab") as lab:
        yield lab


def run(lab: Lab | None, text: str) -> tuple[dict[str, Any], int]:
    """One command on the lab; its document and exit code."""
    outcome = parse_command(text).run(Context(lab))
    return outcome.document, int(outcome.exit_code)


def people(lab: Lab) -> list[str]:
    found = iterate_recipients(lab.ad_port(), lab.ad.names.users)
    return sorted(recipient.mail for recipient in found)


def of_site(lab: Lab, site: str) -> str:
    """An address whose mailbox is in a site."""
    lookup = lab.service(Network).host("HUB01").lookup
    assert lookup is not None
    for address in people(lab):
        found = lookup(address)
        if found and found.site and found.site.rdn.value == site and not found.require_auth:
            return address
    raise AssertionError(f"nobody lives in {site}")


def states(document: dict[str, Any]) -> dict[str, str]:
    return {row["address"]: row["state"] for row in document["recipients"]}


def test_mail_between_sites_shows_the_other_hubs_certificate_in_the_send_log(lab: Lab) -> None:
    """The seed article's figure 3, typed as it says."""
    run(lab, "Set-TransportServer HUB01 -IntraOrgConnectorProtocolLoggingLevel Verbose")
    here, there = of_site(lab, SITE), of_site(lab, "Branch")
    document, code = run(lab, f"mail send --from {here} --to {there}")
    assert (code, states(document)) == (0, {there: "delivered"})
    rows = run(lab, "mail log HUB01 --kind send")[0]["rows"]
    published = lab.host("HUB03").published()
    assert published is not None
    notes = [(row["data"], row["context"]) for row in rows]
    assert (thumbprint(published), "Certificate thumbprint") in notes
    assert ("", "Received certificate") in notes
    assert lab.root is not None
    files = list((lab.root / "logs/ProtocolLog/SmtpSend/HUB01").glob("SEND*.LOG"))
    assert len(files) == 1
    alone, _ = run(None, f"mail log --file {files[0]}")
    assert alone["rows"] == rows


def test_mail_to_the_world_waits_on_the_edge_and_is_there_after_a_restart(tmp_path: Path) -> None:
    with subscribed_lab(tmp_path / "lab") as lab:
        sender = people(lab)[0]
        document, code = run(lab, f"mail send --from {sender} --to zoe@partner.test")
        assert (code, states(document)) == (3, {"zoe@partner.test": "queued"})
        queues = run(lab, "Get-Queue")[0]["queues"]
    assert [(q["server"], q["next_hop_domain"], q["status"]) for q in queues] == [
        ("EDGE01", "partner.test", "Retry")
    ]
    with open_lab(tmp_path / "lab") as again:
        assert run(again, "mail queue EDGE01")[0]["queues"] == queues


def test_mail_from_the_world_is_filtered_by_hash_and_delivered(lab: Lab) -> None:
    known = of_site(lab, SITE)
    document, code = run(
        lab, f"mail send --from zoe@partner.test --to {known} --to nobody@contoso.test"
    )
    assert code == 3
    assert states(document) == {known: "delivered", "nobody@contoso.test": "refused"}
    assert document["recipients"][1]["detail"] == "550 5.1.1 User unknown"
    assert run(lab, f"mail send --from zoe@partner.test --to {known}")[1] == 0


def test_the_classical_mistake_stops_mail_and_the_fix_lets_it_go(lab: Lab) -> None:
    sender, known = people(lab)[0], of_site(lab, SITE)
    seen: list[Event] = []
    lab.listeners.append(seen.append)
    run(lab, "cert renew EDGE01 --yes")
    document, code = run(lab, f"mail send --from {sender} --to zoe@partner.test")
    assert code == 3
    assert "Cannot achieve Exchange Server authentication" in document["recipients"][0]["detail"]
    assert "on HUB0" in document["recipients"][0]["detail"]
    document, code = run(lab, f"mail send --from zoe@partner.test --to {known}")
    assert states(document) == {known: "queued"}
    assert 2018 in {event.kind.id for event in seen}
    lab.service(EdgeSync).subscribe("EDGE01", SITE)
    lab.service(EdgeSync).run("EDGE01")
    run(lab, "mail queue --retry")
    waiting = run(lab, "mail queue")[0]["queues"]
    assert [(q["server"], q["next_hop_domain"]) for q in waiting] == [("EDGE01", "partner.test")]


def test_time_alone_delivers_what_waits(lab: Lab) -> None:
    from datetime import timedelta

    here, there = of_site(lab, SITE), of_site(lab, "Branch")
    network = lab.service(Network)
    network.cut.add(frozenset(("hub01", "hub03")))
    assert run(lab, f"mail send --from {here} --to {there} --server HUB01")[1] == 3
    network.cut.clear()
    lab.agenda.advance(timedelta(minutes=4))
    assert run(lab, "mail queue HUB01")[0]["queues"]
    lab.agenda.advance(timedelta(minutes=2))
    assert run(lab, "mail queue HUB01")[0]["queues"] == []


def test_a_probe_of_nobody_is_unreachable(tmp_path: Path) -> None:
    probe = parse_command("trust probe 127.0.0.1:1")
    outcome = probe.run(Context(lab_path=tmp_path / "none"))
    assert (int(outcome.exit_code), outcome.document["reason"]) == (5, "unreachable")
    with pytest.raises(UsageError, match="HOST:PORT"):
        run(None, "trust probe 127.0.0.1:99999")


def test_export_writes_the_edges_trust_for_postfix_and_overwrites_only_by_force(
    lab: Lab, tmp_path: Path
) -> None:
    document, _ = run(lab, f"trust export EDGE01 --postfix --folder {tmp_path}/maps")
    assert "HUB01, HUB02" in document["files"]["trusted_clients"]
    assert (tmp_path / "maps/trusted_clients").read_text().count(" OK\n") == 2
    with pytest.raises(RefusedByRule, match="is there already"):
        run(lab, f"trust export EDGE01 --postfix --folder {tmp_path}/maps")
    run(lab, f"trust export EDGE01 --postfix --folder {tmp_path}/maps --force")


def test_every_receive_connector_answers_and_says_who_it_is(still_lab: Lab) -> None:
    document, code = run(still_lab, "Test-SmtpConnectivity HUB01")
    assert code == 0
    assert [(r["receive_connector"], r["status_code"]) for r in document["connectors"]] == [
        ("HUB01\\Client HUB01", "Success"),
        ("HUB01\\Default HUB01", "Success"),
    ]
    assert document["connectors"][1]["details"].startswith("220 hub01.contoso.test Microsoft")


def test_transport_settings_are_set_by_cmdlet_and_carried_by_edgesync(lab: Lab) -> None:
    document, _ = run(lab, "Set-TransportConfig -TLSSendDomainSecureList partner.test,b.test")
    assert document["config"]["TLSSendDomainSecureList"] == ["partner.test", "b.test"]
    lab.service(EdgeSync).run("EDGE01")
    host = lab.service(Network).host("EDGE01")
    assert host.transport_config().tls_send_domain_secure_list == ("partner.test", "b.test")
    document, _ = run(lab, "Set-TransportConfig -TLSSendDomainSecureList -")
    assert document["config"]["TLSSendDomainSecureList"] == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mail send --from nobody --to a@b.test", UsageError),
        ("mail send --from a@b.test --to x@contoso.test --server CAS01", UsageError),
        ("mail send --from a@b.test --to x@contoso.test --server NONE", NoSuchThing),
        ("mail send --from a@b.test --to x@contoso.test --file /nowhere", EdgeSyncError),
        ("transport config --tls-send-domain-secure-list *.test", RefusedByRule),
        ("transport server HUB01 --use-downgraded-exchange-server-auth true", RefusedByRule),
        ("transport server --intra-org-connector-protocol-logging-level Loud HUB01", UsageError),
        ("transport server --intra-org-connector-protocol-logging-level Verbose", UsageError),
        ("trust probe 127.0.0.1:1 --present /nowhere.pem", EdgeSyncError),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(still_lab: Lab, text: str, kind: type) -> None:
    with pytest.raises(kind) as caught:
        run(still_lab, text)
    assert isinstance(caught.value, EdgeSyncError)
    assert caught.value.hint
