"""Whatever a lab keeps is its owner's only, from its first byte on, whatever the umask is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import Program

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="by design: Windows has no such modes"),
]

SITE = "Default-First-Site-Name"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_every_file_and_folder_of_a_lab_is_its_owners_only(tmp_path: Path) -> None:
    program = Program(tmp_path / "lab")
    program.ok("lab", "new", "--recipients", "3", "--version", "exchange-2016")
    file = str(tmp_path / "EDGE01.xml")
    program.ok("subscription", "export", "EDGE01", "--file", file, "--yes")
    program.ok("subscription", "import", file, "--site", SITE)
    program.ok("sync", "config", "--site", SITE, "--log-level", "High")
    program.ok("sync", "run")
    program.ok("cert", "new", "HUB01", "--services", "SMTP", "--yes")
    program.run("mail", "send", "--from", "a@fabrikam.test", "--to", "nobody@contoso.test")
    program.ok("lab", "snapshot", "one")
    program.ok("lab", "up", "--detach")
    try:
        wrong = _readable_by_others(tmp_path)
    finally:
        program.ok("lab", "down")
    assert wrong | _readable_by_others(tmp_path) == set()
    assert {path.name for path in (tmp_path / "lab").iterdir()} >= {"logs", "snapshots", "machines"}


def _readable_by_others(folder: Path) -> set[str]:
    return {
        f"{stat.S_IMODE(path.stat().st_mode):o} {path.relative_to(folder)}"
        for path in folder.rglob("*")
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    }


def test_a_snapshot_is_not_named_out_of_its_folder(tmp_path: Path) -> None:
    program = Program(tmp_path / "lab")
    program.ok("lab", "new", "--recipients", "0")
    before = set(tmp_path.rglob("*"))
    for name in ("../elsewhere", "a/b", "..", str(tmp_path / "elsewhere"), "a\\b", ""):
        for verb in ("snapshot", "restore"):
            assert program.run("lab", verb, name).code != 0, name
    assert {path for path in tmp_path.rglob("*") if path.is_file()} <= before
