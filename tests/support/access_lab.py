"""A lab with clients: commands run as typed, listeners up, a user who may log on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from directory.clock import SystemClock
from edgesync.client_access.http_session import HttpSession
from edgesync.client_access.http_values import HttpRequest, HttpResponse
from edgesync.config import Version
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.description import contoso
from edgesync.lab.folder import new_lab
from edgesync.lab.lab import Lab
from edgesync.lab.realtime import RealtimeRunner
from edgesync.operations.commands import parse_command
from edgesync.operations.context import Context

PASSWORD = "Secret-1"
USER = "CONTOSO\\user0"


def fresh_lab(version: Version = Version.EXCHANGE_2007, folder: Path | None = None) -> Lab:
    """A small lab of one's own."""
    return new_lab(contoso(version=version, recipients=3), folder)


def do(lab: Lab, command: str, folder: Path | None = None) -> dict[str, Any]:
    """Run a command as typed; its document, with the exit code."""
    outcome = parse_command(command).run(Context(lab, folder or Path(), note=command))
    return {**outcome.document, "exit": int(outcome.exit_code)}


def enable_user(lab: Lab, folder: Path, user: str = "user0") -> None:
    """Let a user log on with ``PASSWORD``."""
    file = folder / "password.txt"
    file.write_text(PASSWORD + "\n")
    do(lab, f"client account {user} --password-file {file}")


@contextmanager
def up(lab: Lab) -> Iterator[dict[str, dict[str, str]]]:
    """Every listener of a lab, while the block lasts."""
    runner = RealtimeRunner(lab, SystemClock())
    runner.start()
    try:
        yield lab.addresses
    finally:
        runner.stop()


def web(
    lab: Lab, target: str, *, secure: bool = True, method: str = "GET", **headers: str
) -> HttpResponse:
    """One request to CAS01's web site, without HTTP around it."""
    server = lab.service(ClientAccess).web_server("CAS01")
    return server.answer(HttpRequest(method, target, headers), is_secure=secure)


def http_bytes(lab: Lab, data: bytes) -> bytes:
    """What CAS01 answers to bytes on its plain HTTP port."""
    session = HttpSession(lab.service(ClientAccess).web_server("CAS01"), None)
    session.receive_data(data)
    return session.data_to_send()


def port_of(url: str) -> int:
    """The port of a listener's address."""
    return int(url.rpartition(":")[2])
