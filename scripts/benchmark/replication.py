"""Directories that replicate: a lab's AD and ADAM in process, servers of ours, a pair of slapd's.

The entries are the recipients all rows have, written as contacts of an AD; what leaves it are the
hashed addresses (three SHA-256 each). slapd's consumer copies whole entries, hashes nothing, and
keeps the equality indexes that the other rows give slapd.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID

from directory.clock import SystemClock
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.ldif_writer import format_entry
from directory.model.messages import AddRequest
from edgesync.config import Policy
from edgesync.lab.description import LabDescription, contoso
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.folder import Effort, new_lab
from edgesync.lab.lab import Lab
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.organization.setup import schema_text
from edgesync.port.ldap import LdapPort
from edgesync.port.pipelined import PipelinedPort
from edgesync.port.port import DirectoryPort, read, write_all
from edgesync.sync.engine import JobRun
from edgesync.sync.kinds import Job, resolve
from scripts.benchmark import recipients
from scripts.benchmark.bench import Bench
from scripts.benchmark.row import NotHere, Sample
from scripts.benchmark.servers import DATABASE_OCTETS, cpu_seconds
from tests.support.directory_process import PASSWORD, Served, served
from tests.support.peers import find_tool
from tests.support.slapd import Slapd, slapd

EDGE, SITE = "EDGE01", "Default-First-Site-Name"
FOREST = ForestNames.of("contoso.test", "Contoso")
GATEWAY = EdgeNames.of(UUID(int=7))
NOT_IN_AD = ("objectClass", "objectGUID", "uSNChanged", "userCertificateBlob")
BATCH = 500
LOOK_S = 0.01
START_TIMEOUT_S = 1200.0


def own_folder(bench: Bench) -> Path:
    """A folder for one contender of one row."""
    return Path(mkdtemp(dir=bench.folder))


def minimal(entries: int = 0) -> LabDescription:
    """A lab of one Hub and one Edge."""
    preset = contoso(sites=1, hubs=1, edges=1, recipients=entries)
    servers = tuple(server for server in preset.servers if server.role in {"hub", "edge"})
    return replace(preset, servers=servers)


def contact(number: int, container: DN) -> Entry:
    """A recipient as AD has it."""
    entry = recipients.recipient(number)
    kept = {name: v for name, v in entry.attributes.items() if name not in NOT_IN_AD}
    classes = (b"top", b"person", b"organizationalPerson", b"contact")
    return Entry(container.child("CN", entry.text("cn")), {"objectClass": classes, **kept})


def subscribed_lab(folder: Path | None, entries: int) -> Lab:
    """A lab with that many recipients in AD, an Edge subscribed, and no recipient there yet."""
    lab = new_lab(minimal(), folder, effort=Effort(durability="normal"))
    port, users = lab.ad_port(), lab.ad.names.users
    for start in range(0, entries, BATCH):
        numbers = range(start, min(entries, start + BATCH))
        write_all(port, [AddRequest(contact(number, users)) for number in numbers])
    service = lab.service(EdgeSync)
    lab.begin_command("benchmark")
    service.subscribe(EDGE, SITE)
    service.run(EDGE, jobs=(Job.TOPOLOGY, Job.CONFIGURATION))
    return lab


def timed_run(port: DirectoryPort, target: DirectoryPort) -> tuple[float, JobRun]:
    """A first run of the recipients' job between two open ports, and how many seconds it took."""
    kinds = resolve(Job.RECIPIENTS, FOREST, GATEWAY, EDGE, SITE, Policy())
    run = JobRun(Job.RECIPIENTS.value, kinds, port, target, SystemClock().now(), timedelta(days=3))
    started = time.perf_counter()
    run.execute({})
    return time.perf_counter() - started, run


class ServedPair:
    """An AD of ours as a process of its own, and ADAMs beside it, each empty when it starts."""

    def __init__(self, bench: Bench, entries: int) -> None:
        self.entries = entries
        self._folder = own_folder(bench)
        self._tls = bench.tls
        self._stack = ExitStack()
        self._numbers = count()
        (self._folder / "schema").write_text(schema_text())
        self.source = self._stack.enter_context(self._source())

    @cached_property
    def pin(self) -> bytes:
        """The certificate both show."""
        return ssl.PEM_cert_to_DER_cert(self._tls[0].read_text("ascii"))

    def close(self) -> None:
        """Stop the AD."""
        self._stack.close()

    @contextmanager
    def _source(self) -> Iterator[Served]:
        ldif = self._folder / "ad.ldif"
        with ldif.open("w", encoding="utf-8") as file:
            for number in range(self.entries):
                file.write(format_entry(contact(number, FOREST.users)) + "\n")
        with self._served("ad", "ad", FOREST.domain, FOREST.users, ldif) as server:
            yield server

    @contextmanager
    def target(self) -> Iterator[Served]:
        """An ADAM without recipients."""
        ldif = self._folder / "adam.ldif"
        container = GATEWAY.recipients
        name = container.rdn.value.encode()
        entry = Entry(container, {"objectClass": (b"top", b"container"), "cn": (name,)})
        ldif.write_text(format_entry(entry) + "\n")
        folder = f"adam{next(self._numbers)}"
        with self._served(folder, "adam", GATEWAY.gateway, GATEWAY.gateway, ldif) as server:
            yield server

    @contextmanager
    def _served(
        self, name: str, profile: str, suffix: DN, above: DN, ldif: Path
    ) -> Iterator[Served]:
        folder = self._folder / name
        folder.mkdir()
        certificate, key = map(str, self._tls)
        with served(
            folder, "--profile", profile, "--suffix", str(suffix), "--ldif", str(ldif),
            "--schema", str(self._folder / "schema"), "--database", str(folder / "journal.db"),
            "--durability", "normal", "--listen-tls", "127.0.0.1:0", "--certificate", certificate,
            "--key", key, admin=f"CN=Administrator,{above}", timeout_s=START_TIMEOUT_S,
        ) as server:  # fmt: skip
            yield server

    def pipelined(self, server: Served, above: DN) -> DirectoryPort:
        """Our own client over LDAPS."""
        name = f"CN=Administrator,{above}"
        return PipelinedPort.connect(server.ldaps, name, PASSWORD.encode(), pin=self.pin)

    def ldap3(self, server: Served, above: DN) -> DirectoryPort:
        """ldap3 over LDAPS."""
        name = f"CN=Administrator,{above}"
        return LdapPort.connect(server.ldaps, name, PASSWORD.encode(), pin=self.pin)

    def first_run(self, *, by_ldap3: bool = False) -> Sample:
        """A first synchronization into an empty ADAM; CPU is of client and both servers."""
        connect = self.ldap3 if by_ldap3 else self.pipelined
        with self.target() as target, ExitStack() as stack:
            ports = [connect(self.source, FOREST.users), connect(target, GATEWAY.gateway)]
            for port in ports:
                stack.callback(port.close)
            pids = [self.source.process.pid, target.process.pid]
            before = [time.process_time(), *map(cpu_seconds, pids)]
            seconds, run = timed_run(*ports)
            after = [time.process_time(), *map(cpu_seconds, pids)]
            each = [(b - a) * 1e6 / self.entries for a, b in zip(before, after, strict=True)]
            note = "client {:.0f}, source {:.0f}, target {:.0f} µs of CPU each".format(*each)
            missing = self.entries - run.tally.added
            return Sample(self.entries / seconds, sum(each), errors=missing, note=note)


class SyncreplPair:
    """A slapd with the recipients as provider, and consumers that start with nothing."""

    def __init__(self, bench: Bench) -> None:
        if find_tool("slapd") is None:
            raise NotHere("slapd")
        self._bench = bench
        self._folder = own_folder(bench)
        self._numbers = count()
        self._stack = ExitStack()
        lines = (
            "moduleload syncprov", "limits * size=unlimited time=unlimited",
            "sizelimit unlimited", "overlay syncprov",
        )  # fmt: skip
        self.provider = self._stack.enter_context(self._slapd("provider", lines, loaded=True))

    def close(self) -> None:
        """Stop the provider."""
        self._stack.close()

    def _slapd(
        self, name: str, lines: tuple[str, ...], *, loaded: bool = False
    ) -> AbstractContextManager[Slapd]:
        folder = self._folder / name
        folder.mkdir()
        indexes = "index mail,proxyAddresses,mailNickname,objectGUID,uSNChanged eq"
        return slapd(
            folder, recipients.SUFFIX, root_dn=recipients.ADMIN,
            root_password=recipients.ADMIN_PASSWORD, schemas=(str(self._bench.data.schema),),
            lines=(indexes, *lines), load=self._bench.data.ldif if loaded else None,
            max_size=DATABASE_OCTETS,
        )  # fmt: skip

    def first_run(self) -> Sample:
        """From the consumer's start until it has seen everything; CPU is the consumer's."""
        consume = (
            f"syncrepl rid=001 provider=ldap://127.0.0.1:{self.provider.port} "
            f'type=refreshAndPersist bindmethod=simple binddn="{recipients.ADMIN}" '
            f'credentials={recipients.ADMIN_PASSWORD} searchbase="{recipients.SUFFIX}" '
            'scope=sub schemachecking=off retry="1 +"'
        )
        entries = self._bench.entries
        started = time.perf_counter()
        with self._slapd(f"consumer{next(self._numbers)}", (consume,)) as consumer:
            port = PipelinedPort.connect(
                consumer.url, recipients.ADMIN, recipients.ADMIN_PASSWORD.encode()
            )
            try:
                suffix = DN.parse(recipients.SUFFIX)
                while True:  # the consumer writes it when the refresh is done
                    top = read(port, suffix, ("contextCSN",))
                    if top is not None and top.has("contextCSN"):
                        break
                    time.sleep(LOOK_S)
            finally:
                port.close()
            seconds = time.perf_counter() - started
            cpu = cpu_seconds(consumer.process.pid) * 1e6 / entries
        return Sample(entries / seconds, cpu)
