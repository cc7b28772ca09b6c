"""Mutual-TLS handshakes by direct trust, beside the least a C server can do with OpenSSL."""

from __future__ import annotations

import datetime as dt
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from scripts.benchmark.bench import Bench
from scripts.benchmark.handshake.server import identity_of, published
from scripts.benchmark.replication import own_folder
from scripts.benchmark.row import Contenders, NotHere, Row, Sample, at_least, at_most
from scripts.benchmark.servers import cpu_seconds
from tests.support.peers import ROOT

HANDSHAKES = 600
"""Of one round: half a second of a server's CPU, which the system counts in hundredths."""
CLIENTS = 4
PUBLISHED = 10_000
LOOK_UPS = 100_000
CEILING = ROOT / "scripts/benchmark/handshake/ceiling.c"

Loop = Literal["uvloop", "asyncio"]


def rsa_files(folder: Path) -> tuple[Path, Path]:
    """A self-signed RSA-2048 certificate and its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "EDGE")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "edge.pem", folder / "edge.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@contextmanager
def _process(command: list[str]) -> Iterator[tuple[int, int]]:
    """A server that prints its port: pid and port."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def _ceiling(folder: Path) -> Path:
    """The C server, compiled.

    Raises:
        NotHere: without a compiler or OpenSSL's headers.
    """
    if shutil.which("cc") is None:
        raise NotHere("a C compiler")
    program = folder / "ceiling"
    command = ["cc", "-O2", "-o", str(program), str(CEILING), "-lssl", "-lcrypto"]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        raise NotHere("OpenSSL's headers")
    return program


def _load(pid: int, port: int, context: ssl.SSLContext) -> Sample:
    """Shake hands with a server; what it costs is its CPU."""

    def one(_number: int) -> bool:
        with (
            socket.create_connection(("127.0.0.1", port), 30) as raw,
            context.wrap_socket(raw) as secure,
        ):
            return secure.recv(1) == b"+"

    before = cpu_seconds(pid)
    with ThreadPoolExecutor(CLIENTS) as clients:
        trusted = sum(clients.map(one, range(HANDSHAKES)))
    cpu = cpu_seconds(pid) - before
    return Sample(HANDSHAKES / cpu, cpu * 1e6 / HANDSHAKES, errors=HANDSHAKES - trusted)


def _handshakes(version: str, loop: Loop) -> Callable[[Bench], AbstractContextManager[Contenders]]:
    @contextmanager
    def contenders(bench: Bench) -> Iterator[Contenders]:
        if loop == "uvloop":
            try:
                import uvloop  # noqa: F401, PLC0415 - an optional extra
            except ImportError as error:
                raise NotHere("uvloop") from error
        folder = own_folder(bench)
        files = rsa_files(folder)
        pem = [str(path) for path in files]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(*files)
        ours = [sys.executable, "-m", "scripts.benchmark.handshake.server"]
        commands = {"edgesync": [*ours, *pem, version, str(PUBLISHED), loop]}
        with ExitStack() as stack:
            with suppress(NotHere):
                commands["C"] = [str(_ceiling(folder)), *pem, version]
            running = {
                name: stack.enter_context(_process(command)) for name, command in commands.items()
            }
            yield {
                name: partial(_load, pid, port, context) for name, (pid, port) in running.items()
            }

    return contenders


@contextmanager
def _look_up(bench: Bench) -> Iterator[Contenders]:
    """0.2 % of a handshake of 0.85 ms, which is what it costs a C server, are 1.7 µs."""
    folder = own_folder(bench)
    identity = identity_of(*rsa_files(folder))
    anchors = published(PUBLISHED, identity.der)
    der = identity.der

    def look_up() -> Sample:
        started = time.process_time()
        for _ in range(LOOK_UPS):
            found = anchors.find(der)
        each = (time.process_time() - started) * 1e6 / LOOK_UPS
        return Sample(each, each, errors=not found)

    yield {"edgesync": look_up}


ROWS = (
    Row("handshakes, TLS 1.2, RSA-2048, uvloop", "per second of CPU",
        _handshakes("TLSv1.2", "uvloop"), at_least(0.8, times="C")),
    Row("handshakes, TLS 1.3, RSA-2048, uvloop", "per second of CPU",
        _handshakes("TLSv1.3", "uvloop"), at_least(0.8, times="C")),
    Row("handshakes, TLS 1.2, RSA-2048, asyncio", "per second of CPU",
        _handshakes("TLSv1.2", "asyncio"), at_least(0.6, times="C")),
    Row("handshakes, TLS 1.3, RSA-2048, asyncio", "per second of CPU",
        _handshakes("TLSv1.3", "asyncio"), at_least(0.6, times="C")),
    Row("direct-trust look-up among 10,000", "µs", _look_up, at_most(1.7)),
)  # fmt: skip
