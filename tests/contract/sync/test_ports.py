"""The port contract against each implementation, our own and a stranger's."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from directory.clock import ManualClock
from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.instance import DirectoryConfiguration, local_session, open_directory
from directory.dsa.session import Session
from directory.entropy import SeededEntropy
from directory.errors import LdapError, ResultCode
from directory.model.controls import Control
from directory.model.entry import Entry
from directory.model.messages import AddRequest, DeleteRequest, Reply, Request
from directory.net.server import Address
from edgesync.errors import ConfigurationError, PortUnavailable
from edgesync.port.embedded import EmbeddedPort
from edgesync.port.ldap import LdapPort, Verification
from edgesync.port.pinning import PinMismatch
from edgesync.port.pipelined import PipelinedPort
from edgesync.port.port import DirectoryPort, Write, read, write_all
from tests.contract.port_contract import BASE, PortContract, person
from tests.support.certificates import server_certificate
from tests.support.faulty_port import FaultyPort
from tests.support.listener import serve
from tests.support.openldap import PASSWORD as OPENLDAP_PASSWORD
from tests.support.openldap import slapd
from tests.support.tls import certificate_files

ADMIN = BASE.child("cn", "admin")
PASSWORD = b"contract-only"
LISTEN = (Address("127.0.0.1", 0, is_tls=True),)


def agent() -> DirectoryServiceAgent:
    configuration = DirectoryConfiguration(
        profile="generic", naming_contexts=(BASE,), admin_dn=ADMIN, admin_password=PASSWORD,
        password_cost_log2=4,
    )  # fmt: skip
    made = open_directory(
        configuration, clock=ManualClock(datetime(2026, 11, 2, tzinfo=UTC)),
        entropy=SeededEntropy(1),
    )  # fmt: skip
    _base(EmbeddedPort(made, local_session(made)))
    return made


def _base(port: DirectoryPort) -> None:
    """The suffix's own entry, unless the directory made it."""
    if read(port, BASE) is None:
        entry = Entry(BASE, {"objectClass": (b"top", b"organization"), "o": (b"contract",)})
        port.add(AddRequest(entry))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return certificate_files(tmp_path)


def _server(files: tuple[Path, Path]) -> tuple[ssl.SSLContext, bytes]:
    certificate, key = files
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, ssl.PEM_cert_to_DER_cert(certificate.read_text("ascii"))


class TestEmbedded(PortContract):
    @pytest.fixture
    def port(self) -> DirectoryPort:
        made = agent()
        return EmbeddedPort(made, local_session(made))


class TestFaultyWithoutFaults(PortContract):
    @pytest.fixture
    def port(self) -> DirectoryPort:
        made = agent()
        return FaultyPort(EmbeddedPort(made, local_session(made)))


class Watched:
    """An agent that notes what it is asked."""

    def __init__(self) -> None:
        self.inner = agent()
        self.asked: list[str] = []

    def execute(
        self, session: Session, request: Request, controls: Sequence[Control] = (), **more: int
    ) -> Iterator[Reply]:
        self.asked.append(type(request).__name__)
        return self.inner.execute(session, request, controls, **more)

    def abandon(self, session: Session, message_id: int) -> None:
        self.inner.abandon(session, message_id)

    def close(self, session: Session) -> None:
        self.inner.close(session)


class TestOurServerOverLdaps(PortContract):
    @pytest.fixture
    def port(self, files: tuple[Path, Path]) -> Iterator[DirectoryPort]:
        context, der = _server(files)
        with serve(agent(), listen=LISTEN, tls=context) as running:
            port = LdapPort.connect(running.url(), str(ADMIN), PASSWORD, pin=der)
            yield port
            port.close()

    def test_another_certificate_gets_no_credential(self, files: tuple[Path, Path]) -> None:
        context, _ = _server(files)
        watched = Watched()
        with serve(watched, listen=LISTEN, tls=context) as running:
            other = server_certificate("EDGE01")[0]
            with pytest.raises(PinMismatch):
                LdapPort.connect(running.url(), str(ADMIN), PASSWORD, pin=other)
        assert "BindRequest" not in watched.asked

    def test_a_certificate_nobody_vouches_for_is_refused_unless_it_is_pinned(
        self, files: tuple[Path, Path]
    ) -> None:
        context, _ = _server(files)
        with serve(agent(), listen=LISTEN, tls=context) as running:
            with pytest.raises(PortUnavailable):
                LdapPort.connect(running.url(), str(ADMIN), PASSWORD)
            off = Verification(is_off=True)
            LdapPort.connect(running.url(), str(ADMIN), PASSWORD, verification=off).close()

    def test_wrong_credentials_are_the_directorys_refusal(self, files: tuple[Path, Path]) -> None:
        context, der = _server(files)
        with (
            serve(agent(), listen=LISTEN, tls=context) as running,
            pytest.raises(LdapError) as refused,
        ):
            LdapPort.connect(running.url(), str(ADMIN), b"wrong", pin=der)
        assert refused.value.code is ResultCode.INVALID_CREDENTIALS

    def test_a_server_that_went_away_is_unavailable(self, files: tuple[Path, Path]) -> None:
        context, der = _server(files)
        with serve(agent(), listen=LISTEN, tls=context) as running:
            url = running.url()
            port = LdapPort.connect(url, str(ADMIN), PASSWORD, pin=der)
        with pytest.raises(PortUnavailable):
            read(port, BASE)
        port.close()
        with pytest.raises(PortUnavailable):
            LdapPort.connect(url, str(ADMIN), PASSWORD, pin=der)

    @pytest.mark.parametrize("url", ["http://x", "ldap:", "ldaps://", "127.0.0.1:389"])
    def test_what_is_no_ldap_url_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigurationError):
            LdapPort.connect(url)


class TestPipelinedOverLdaps(PortContract):
    @pytest.fixture
    def port(self, files: tuple[Path, Path]) -> Iterator[DirectoryPort]:
        context, der = _server(files)
        with serve(agent(), listen=LISTEN, tls=context) as running:
            port = PipelinedPort.connect(running.url(), str(ADMIN), PASSWORD, pin=der)
            yield port
            port.close()

    def test_another_certificate_gets_no_credential(self, files: tuple[Path, Path]) -> None:
        context, _ = _server(files)
        watched = Watched()
        with serve(watched, listen=LISTEN, tls=context) as running:
            other = server_certificate("EDGE01")[0]
            with pytest.raises(PinMismatch):
                PipelinedPort.connect(running.url(), str(ADMIN), PASSWORD, pin=other)
            with pytest.raises(ConfigurationError):
                PipelinedPort.connect(running.url(), str(ADMIN), PASSWORD)
        assert "BindRequest" not in watched.asked

    def test_writes_on_their_way_at_once_keep_order_and_refusals(self, port: DirectoryPort) -> None:
        names = [f"p{number}" for number in range(500)]
        requests: list[Write] = [AddRequest(person(name)) for name in names]
        requests.insert(250, AddRequest(person("p7")))
        requests.append(DeleteRequest(BASE.child("cn", "p0")))
        outcomes = write_all(port, requests)
        assert [i for i, error in enumerate(outcomes) if error is not None] == [250]
        refused = outcomes[250]
        assert refused is not None
        assert refused.code is ResultCode.ENTRY_ALREADY_EXISTS
        assert read(port, BASE.child("cn", "p0")) is None
        assert read(port, BASE.child("cn", "p499")) is not None

    def test_a_server_that_went_away_is_unavailable(self, files: tuple[Path, Path]) -> None:
        context, der = _server(files)
        with serve(agent(), listen=LISTEN, tls=context) as running:
            url = running.url()
            port = PipelinedPort.connect(url, str(ADMIN), PASSWORD, pin=der)
        with pytest.raises(PortUnavailable):
            read(port, BASE)
        port.close()
        with pytest.raises(PortUnavailable):
            PipelinedPort.connect(url, str(ADMIN), PASSWORD, pin=der)


@pytest.mark.peers
class TestPipelinedToOpenLdap(PortContract):
    @pytest.fixture
    def port(self, tmp_path: Path) -> Iterator[DirectoryPort]:
        with slapd(tmp_path, str(BASE)) as server:
            port = PipelinedPort.connect(server.url, server.admin, OPENLDAP_PASSWORD)
            _base(port)
            yield port
            port.close()


@pytest.mark.peers
class TestOpenLdap(PortContract):
    @pytest.fixture
    def port(self, tmp_path: Path) -> Iterator[DirectoryPort]:
        with slapd(tmp_path, str(BASE)) as server:
            port = server.port()
            _base(port)
            yield port
            port.close()
