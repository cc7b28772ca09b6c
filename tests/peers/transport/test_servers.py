"""Our sender against other people's servers: aiosmtpd and Postfix."""

from __future__ import annotations

import shutil
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from directory.clock import SystemClock
from edgesync.transport.command import RcptTo
from edgesync.transport.endpoint import SocketLink
from edgesync.transport.handshake import Probe
from edgesync.transport.message import AuthAs, Submission
from edgesync.transport.message import Envelope as OurEnvelope
from edgesync.transport.outsider import send_as_outsider
from edgesync.trust.export import CLIENT_MAP, POLICY_MAP, SETTINGS, fingerprint, postfix_maps
from edgesync.trust.tls import TlsIdentity
from edgesync.trust.verdict import Reason
from tests.support import partner as pki
from tests.support.mail_bench import START, Machine, Organization, subscribed
from tests.support.smtp_listener import Postfix, free_port, listening, postfix, wait_for, write_pem

pytestmark = pytest.mark.peers
CONTENT = b"Subject: p\xc3\xa9ch\xc3\xa9\r\n\r\n.dot\r\n..two\r\nlast\r\n"


class Mailbox:
    """What aiosmtpd took."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[str], bytes, bool]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content
        assert isinstance(content, bytes)
        sender = envelope.mail_from or ""
        self.taken.append((sender, envelope.rcpt_tos, content, session.ssl is not None))
        return "250 2.0.0 taken"


def submission(sender: str = "amy@contoso.test", to: str = "zoe@partner.test") -> Submission:
    return Submission(OurEnvelope(sender, (RcptTo(to),)), CONTENT, "<1@c>", START, AuthAs.INTERNAL)


@pytest.mark.parametrize("secured", [False, True])
def test_our_edge_delivers_to_aiosmtpd_byte_for_byte(tmp_path: Path, secured: bool) -> None:
    organization = subscribed()
    organization.start_mail()
    edge = organization.machines["EDGE01"]
    assert edge.identity is not None
    context = None
    if secured:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*write_pem(edge.identity, tmp_path, "any"))
    mailbox = Mailbox()
    host, port = "127.0.0.1", free_port()
    controller = Controller(mailbox, hostname=host, port=port, tls_context=context)
    controller.start()
    try:
        organization.mx["partner.test"] = ("mail.partner.test",)
        organization.strangers["mail.partner.test"] = lambda _h, _p: SocketLink.connect(host, port)
        service = organization.services["EDGE01"]
        service.accept(submission())
        service.run()
    finally:
        controller.stop()
    assert service.queues() == ()
    assert mailbox.taken == [("amy@contoso.test", ["zoe@partner.test"], CONTENT, secured)]


def relay_through(server: Postfix, identity: TlsIdentity | None) -> str:
    """What Postfix says to a recipient elsewhere."""
    link = SocketLink.connect("127.0.0.1", server.port)
    answers, client = send_as_outsider(
        link, submission(), helo="hub01.contoso.test", identity=identity
    )
    assert client.handshake is not None
    return str(answers[0][1])


def test_postfix_relays_for_exactly_the_servers_our_directory_trusts(open_folder: Path) -> None:
    organization = subscribed()
    hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
    stranger = organization.hub("HUB09")
    assert hub.identity is not None
    assert edge.identity is not None
    tmp = open_folder
    maps = postfix_maps(edge.host.anchors(), folder=str(tmp))
    for name, text in maps.items():
        (tmp / name).write_text(text)
    certificate, key = write_pem(edge.identity, tmp, "postfix")
    certificate.chmod(0o644)
    settings = dict(line.split(" = ", 1) for line in maps[SETTINGS].splitlines() if " = " in line)
    with postfix(
        {**settings, "smtpd_tls_cert_file": str(certificate), "smtpd_tls_key_file": str(key)}
    ) as server:
        assert relay_through(server, hub.identity).startswith("250")
        assert relay_through(server, stranger.identity).startswith("554")
        assert relay_through(server, None).startswith("554")
        report = Probe("probe.test", verb="STARTTLS", identity=hub.identity).run(
            SocketLink.connect("127.0.0.1", server.port), SystemClock()
        )
        assert report.reason is None
        assert report.server_certificate == edge.identity.der
        assert report.may_relay is True
        missing = Probe("probe.test").run(
            SocketLink.connect("127.0.0.1", server.port), SystemClock()
        )
        assert missing.reason is Reason.TLS_NOT_OFFERED
    assert fingerprint(hub.identity.der) in maps[CLIENT_MAP]
    assert "[hub01.contoso.test]:25 fingerprint match=" in maps[POLICY_MAP]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that Postfix's own user may read."""
    folder = Path(tempfile.mkdtemp(prefix="edgesync-maps-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def shown_on_starttls(machine: Machine) -> TlsIdentity:
    from edgesync.transport.host import identity_of

    found = identity_of(machine.host.starttls_certificate(machine.host.fqdn, "x"), machine.host)
    assert found is not None
    return found


@pytest.mark.parametrize("genuine", [True, False])
def test_postfix_sends_to_our_edge_only_when_its_fingerprint_is_right(
    open_folder: Path, genuine: bool
) -> None:
    organization = subscribed()
    edge, hub = organization.machines["EDGE01"], organization.machines["HUB01"]
    wanted = shown_on_starttls(edge if genuine else hub)
    folder = open_folder
    with listening(edge) as (host, port):
        (folder / "policy").write_text(
            f"[{host}]:{port} fingerprint match={fingerprint(wanted.der)}\n"
        )
        (folder / "transport").write_text(f"contoso.test smtp:[{host}]:{port}\n")
        with postfix(
            {
                "smtp_tls_fingerprint_digest": "sha256",
                "smtp_tls_policy_maps": f"texthash:{folder}/policy",
                "transport_maps": f"texthash:{folder}/transport",
            }
        ) as server:
            server.send("zoe@partner.test", "amy@contoso.test", "Subject: hi\n\nhello\n.\n")
            if genuine:
                wait_for(lambda: edge.received or "status=" in server.log)
                assert edge.received, server.log
                assert "Verified TLS connection established" in server.log
            else:
                wait_for(lambda: "status=deferred" in server.log)
                assert "not verified" in server.log
                assert edge.received == []


def test_postfix_is_a_domain_secured_partner_with_its_client_certificate(open_folder: Path) -> None:
    from dataclasses import replace

    from edgesync.organization.domains import read_transport_config, write_transport_config
    from tests.support.mail_bench import FOREST

    organization: Organization = subscribed()
    edge = organization.machines["EDGE01"]
    ca = pki.authority(crl=False)
    pki.trust(edge, ca)
    config = read_transport_config(organization.ad, FOREST)
    write_transport_config(
        organization.ad, replace(config, tls_receive_domain_secure_list=("partner.test",))
    )
    organization.replicate(edge)
    edge.configure(domain_secure_enabled=True)
    folder = open_folder
    issued, private = pki.certificate(ca, "mail.partner.test", "partner.test")
    certificate, key = write_pem(TlsIdentity(issued, private), folder, "partner")
    with listening(edge) as (host, port):
        (folder / "transport").write_text(f"contoso.test smtp:[{host}]:{port}\n")
        with postfix(
            {
                "smtp_tls_security_level": "may", "smtp_tls_cert_file": str(certificate),
                "smtp_tls_key_file": str(key), "transport_maps": f"texthash:{folder}/transport",
            }
        ) as server:  # fmt: skip
            server.send("zoe@partner.test", "amy@contoso.test", "Subject: hi\n\nhello\n")
            wait_for(lambda: edge.received or "status=deferred" in server.log)
            assert edge.received, server.log
    assert edge.received[0].domain_secured


def test_a_lab_hands_foreign_mail_to_a_smart_host_on_loopback_and_to_no_other(
    tmp_path: Path,
) -> None:
    from edgesync.lab.description import contoso
    from edgesync.lab.edge_sync import EdgeSync
    from edgesync.lab.folder import new_lab
    from edgesync.operations.commands import parse_command
    from edgesync.operations.context import Context

    mailbox, port = Mailbox(), free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    with new_lab(contoso(recipients=4), tmp_path / "lab") as lab:

        def run(text: str) -> object:
            return parse_command(text).run(Context(lab)).document

        sync = lab.service(EdgeSync)
        sync.subscribe("EDGE01", "Default-First-Site-Name")
        connector = '"EdgeSync - Default-First-Site-Name to Internet"'
        off = "--dns-routing-enabled false --domain-secure-enabled false"
        send = "mail send --from alan.abbott@contoso.test --to zoe@partner.test"
        controller.start()
        try:
            run(f"connector set {connector} --smart-hosts 127.0.0.1:{port} {off}")
            sync.run("EDGE01")
            assert "relayed" in str(run(send))
            run(f"connector set {connector} --smart-hosts 192.0.2.1")
            sync.run("EDGE01")
            assert "421 4.2.1 Unable to connect" in str(run(send))
        finally:
            controller.stop()
    assert len(mailbox.taken) == 1
    assert b"X-MS-Exchange-Organization" not in mailbox.taken[0][2]


def test_the_probe_command_reads_postfix_and_our_own_edge(tmp_path: Path) -> None:
    from edgesync.certificates.certificate import thumbprint
    from edgesync.operations.commands import parse_command
    from edgesync.operations.context import Context

    def probe(address: str) -> tuple[dict[str, object], int]:
        context = Context(lab_path=tmp_path / "no lab")
        outcome = parse_command(f"trust probe {address}").run(context)
        return outcome.document, int(outcome.exit_code)

    organization = subscribed()
    edge, hub = organization.machines["EDGE01"], organization.machines["HUB01"]
    assert edge.identity is not None
    assert hub.identity is not None
    certificate, key = write_pem(hub.identity, tmp_path, "hub")
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    with listening(edge) as (host, port):
        document, code = probe(f"{host}:{port} --verb x-anonymoustls --present {both}")
        assert code == 0
        assert document["presented"]["thumbprint"] == thumbprint(edge.identity.der)  # type: ignore[index]  # JSON
        record = edge.host.sessions[-1]
        assert record.trust
        assert record.handshake.peer == hub.identity.der
    with postfix({}) as server:
        document, code = probe(f"127.0.0.1:{server.port} --verb starttls")
        assert (code, document["reason"]) == (5, "tls_not_offered")
