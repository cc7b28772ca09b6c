"""Machines of a test organisation on real sockets, and Postfix as a neighbour."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edgesync.lab.stream_endpoint import SMTP, StreamEndpoint
from edgesync.transport.connector_choice import open_receiver
from edgesync.trust.tls import TlsIdentity
from tests.support.mail_bench import Machine
from tests.support.peers import require_tool

WAIT_S = 20.0
"""How long a test waits for a neighbour; a pause is a tenth of a second."""


@contextmanager
def listening(machine: Machine, port: int = 25) -> Iterator[tuple[str, int]]:
    """A machine's SMTP service on a loopback socket, in a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    endpoint = StreamEndpoint(
        lambda local, remote: open_receiver(machine.host, local=local, remote=remote, port=port),
        manners=SMTP,
    )
    asyncio.run_coroutine_threadsafe(endpoint.start(), loop).result(WAIT_S)
    try:
        yield endpoint.address
    finally:
        asyncio.run_coroutine_threadsafe(endpoint.stop(), loop).result(WAIT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_S)
        loop.close()


def write_pem(identity: TlsIdentity, folder: Path, name: str) -> tuple[Path, Path]:
    """Certificate and key as files, for programs that read files."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    chain = (identity.certificate, *identity.chain)
    certificate.write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in chain))
    key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, key


def wait_for(condition: object) -> None:
    """Wait until a callable answers true."""
    assert callable(condition)
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("what was waited for did not happen")
        time.sleep(0.05)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Postfix:
    """A Postfix of its own: configuration, queue and log in one folder, nothing of the system's."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self._postfix = require_tool("postfix")
        etc = folder / "etc"
        etc.mkdir()
        for name in ("queue", "data"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        base = {
            "compatibility_level": "3.6", "queue_directory": f"{folder}/queue",
            "data_directory": f"{folder}/data", "maillog_file": f"{folder}/log",
            "maillog_file_prefixes": str(folder), "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4", "myhostname": "mail.partner.test", "mydestination": "",
            "mynetworks": "", "alias_maps": "", "alias_database": "", "local_recipient_maps": "",
            "smtp_dns_support_level": "disabled", "smtp_host_lookup": "native",
            "default_transport": "discard", "smtp_tls_loglevel": "1", "smtpd_tls_loglevel": "1",
        }  # fmt: skip
        lines = [f"{name} = {value}" for name, value in {**base, **settings}.items()]
        (etc / "main.cf").write_text("\n".join(lines) + "\n")
        (etc / "master.cf").write_text(_MASTER.format(port=self.port))
        self._etc = etc

    def start(self) -> None:
        """Start and wait until it answers."""
        self._run("start")
        wait_for(self._answers)

    def stop(self) -> None:
        """Stop this Postfix."""
        with suppress(AssertionError):
            self._run("stop")

    def send(self, sender: str, recipient: str, message: str) -> None:
        """Put a message into its queue."""
        sendmail = shutil.which("sendmail", path="/usr/sbin") or "sendmail"
        subprocess.run(
            [sendmail, "-C", str(self._etc), "-f", sender, recipient],
            input=message, text=True, check=True, timeout=30,
        )  # fmt: skip

    @property
    def log(self) -> str:
        """What it logged."""
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as link:
            return link.recv(4).startswith(b"220")
        return False

    def _run(self, word: str) -> None:
        done = subprocess.run(
            [self._postfix, "-c", str(self._etc), word], capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + self.log


@contextmanager
def postfix(settings: dict[str, str]) -> Iterator[Postfix]:
    """A running Postfix with these settings; needs root, as Postfix does."""
    require_tool("postfix")
    if os.geteuid() != 0:
        pytest.skip("by design: Postfix starts as root only")
    folder = Path(tempfile.mkdtemp(prefix="edgesync-postfix-"))
    folder.chmod(0o755)
    server = Postfix(folder, settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
