"""Check this machine and the lab."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgesync.errors import EdgeSyncError, ExitCode
from edgesync.operations.registry import Document, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.operations.context import Context

PACKAGES = ("ldap3", "cryptography", "pyOpenSSL", "sqlite-utils", "typer", "starlette", "uvicorn")
STRANGERS = ("ldapsearch", "openssl", "swaks", "slapd")


def _render(document: Document) -> Iterable[str]:
    rows = [("ok" if c["ok"] else c["weight"], c["what"], c["detail"]) for c in document["checks"]]
    return columns(("", "Check", "Found"), rows)


@operation(
    "doctor", render=_render, rows="checks", needs_lab=False, remote=False,
    example="edgesync doctor",
)  # fmt: skip
def doctor(context: Context) -> Outcome:
    """Check versions, libraries, other people's tools and the lab's files."""
    checks = [_check("Python", sys.version_info >= (3, 11), platform.python_version())]
    checks += [_package(name) for name in PACKAGES]
    checks.append(_tls())
    checks += [
        _check(name, bool(path := shutil.which(name)), path or "not installed", "optional")
        for name in STRANGERS
    ]
    checks += _lab(context)
    failed = any(not c["ok"] and c["weight"] == "FAIL" for c in checks)
    document = {"schema": "edgesync.doctor/1", "checks": checks}
    return Outcome(document, ExitCode.NO if failed else ExitCode.OK)


def _check(what: str, ok: bool, detail: str, weight: str = "FAIL") -> Document:
    return {"what": what, "ok": ok, "detail": detail, "weight": weight}


def _package(name: str) -> Document:
    try:
        return _check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return _check(name, False, "not installed")


def _tls() -> Document:
    import ssl

    return _check("OpenSSL", ssl.HAS_TLSv1_2, ssl.OPENSSL_VERSION)


def _lab(context: Context) -> list[Document]:
    from edgesync.lab.control import find_running
    from edgesync.lab.folder import open_lab

    path = context.lab_path
    if not (path / "lab.json").exists():
        return [_check("lab", True, f"none at {path}", "optional")]
    running = find_running(path)
    if running is not None:
        return [_check("lab", True, f"up at {running.control}")]
    try:
        lab = open_lab(path)
    except EdgeSyncError as error:
        return [_check("lab", False, f"{error.message}; {error.hint}")]
    try:
        found = [_check("lab", True, f"{path}, {lab.description.version.value}, down")]
        for directory in lab.directories:
            problems = [str(item) for item in directory.agent.store.verify()]
            detail = problems[0] if problems else "journal, memory and indexes agree"
            found.append(_check(f"directory {directory.name}", not problems, detail))
        return found
    finally:
        lab.close()
