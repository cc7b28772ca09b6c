"""What rows share: data, servers that start on first use, and the load on them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.benchmark import recipients
from scripts.benchmark.data import Data
from scripts.benchmark.load import Load, LoadClient
from scripts.benchmark.row import Sample
from scripts.benchmark.servers import (
    Durability,
    Indexes,
    Server,
    cpu_seconds,
    run_ours,
    run_slapd,
)
from tests.support.tls import certificate_files

_Run = Callable[[Path], AbstractContextManager[Server]]

ADDS_PER_SECOND = 60_000
"""Adds prepared for each second of a round: more than any server does."""


class Bench:
    """One size of directory, for as long as its rows are measured."""

    def __init__(
        self, folder: Path, entries: int, *, client: LoadClient, seconds: float = 1.0
    ) -> None:
        self.entries = entries
        self.seconds = seconds
        self.folder = folder / str(entries)
        self.data = Data(self.folder / "data", entries)
        self.tls = certificate_files(self.folder)
        self._client = client
        self.client_folder: Path | None = client.folder
        """Where ldap-load is, if that is what loads."""
        self._stack = ExitStack()
        self._servers: dict[str, Server] = {}
        self._added: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def ours(
        self,
        durability: Durability = "normal",
        *,
        is_empty: bool = False,
        build: Path | None = None,
    ) -> Server:
        """This directory with the recipients, or with their base alone; ``build`` as run_ours."""
        kind = f"edgesync-{durability}{'-empty' * is_empty}{'-built' * (build is not None)}"
        return self._started(kind, lambda folder: run_ours(
            folder, self.data, self.tls, durability=durability, is_empty=is_empty,
            build=build))  # fmt: skip

    def slapd(
        self, *, fsync: bool = False, indexes: Indexes = "eq,sub", is_empty: bool = False
    ) -> Server:
        """OpenLDAP with the same.

        Raises:
            NotHere: when it is not installed.
        """
        kind = f"slapd-{fsync}-{indexes}{'-empty' * is_empty}"
        return self._started(kind, lambda folder: run_slapd(
            folder, self.data, self.tls, fsync=fsync, indexes=indexes,
            is_empty=is_empty))  # fmt: skip

    def _started(self, kind: str, run: _Run) -> Server:
        if kind not in self._servers:
            self._servers[kind] = self._stack.enter_context(run(self.folder / kind))
        return self._servers[kind]

    def load(
        self,
        server: Server,
        requests: str | Path,
        connections: int,
        depth: int,
        *,
        counts: str = "ops",
        in_order: bool = False,
        is_tls: bool = False,
        is_admin: bool = False,
        is_anonymous: bool = False,
        is_probed: bool = False,
        at_most: int = 0,
    ) -> Sample:
        """Load a server for a round and say what it did each second: ``ops`` or ``entries``.

        Requests are sent in random order, or ``in_order``; ``at_most`` ends a round after so many.
        The client binds as an ordinary account unless told otherwise; ``is_probed`` measures what
        another client notices meanwhile.
        """
        who = ("", "") if is_anonymous else (recipients.READER, recipients.READER_PASSWORD)
        if is_admin:
            who = (recipients.ADMIN, recipients.ADMIN_PASSWORD)
        path = requests if isinstance(requests, Path) else self.data.requests(requests)
        load = Load(
            port=server.tls_port if is_tls else server.port, requests=path,
            connections=connections, depth=depth, seconds=self.seconds, in_order=in_order,
            is_tls=is_tls, bind_dn=who[0], password=who[1], at_most=at_most,
        )  # fmt: skip
        before = cpu_seconds(server.pid)
        with server.watched() if is_probed else nullcontext() as watch:
            result = self._client.run(load)
        cpu = cpu_seconds(server.pid) - before
        done = result.operations if counts == "ops" else result.entries
        return Sample(
            figure=done / result.seconds,
            cpu_us=cpu * 1e6 / max(done, 1),
            p50_us=result.p50_us,
            p99_us=result.p99_us,
            stall_ms=watch.probe.longest_ms if watch else None,
            turn_ms=watch.turn_ms if watch else None,
            errors=result.errors,
        )

    def add(self, server: Server, connections: int, depth: int) -> Sample:
        """Load a server with adds of recipients that it does not have yet."""
        first = self._added.get(server.pid, self.entries)
        count = int(self.seconds * ADDS_PER_SECOND)
        path = self.data.adds(first, count)
        sample = self.load(server, path, connections, depth, in_order=True, is_admin=True)
        self._added[server.pid] = first + count
        return sample
