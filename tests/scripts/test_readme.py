"""The session in the README is what the commands print, and the files it names are there.

``EDGESYNC_WRITE_README=1 pytest tests/scripts/test_readme.py`` writes the session anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.program import ROOT

README = ROOT / "README.md"
SESSION = re.compile(
    r"(<!-- session -->\n```console\n)(.*?)(```\n<!-- end of session -->)", re.DOTALL
)
COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)
MEASURED = re.compile(r" +(?:\d+\.\d+|0)$", re.MULTILINE)
"""A duration at the end of a line, with the spaces that align it: no two runs take as long."""


def _print(folder: Path, line: str) -> str:
    """What one line of the session prints; ``| head`` and ``| tail`` work as in a shell."""
    command, *filters = line.split(" | ")
    words = shlex.split(command)
    assert words[0] == "edgesync"
    done = subprocess.run(
        [sys.executable, "-m", "edgesync", *words[1:]], cwd=folder, capture_output=True, text=True,
        timeout=60, check=False, env={**os.environ, "PYTHONPATH": str(ROOT), "EDGESYNC_LAB": "lab"},
    )  # fmt: skip
    assert done.returncode in {0, 3}, f"{line}\n{done.stderr}"
    lines = done.stdout.splitlines(keepends=True)
    for step in filters:
        name, option = shlex.split(step)
        count = int(option.removeprefix("-"))
        lines = lines[:count] if name == "head" else lines[-count:]
    return "".join(lines)


def test_the_session_in_the_readme_is_what_the_commands_print(tmp_path: Path) -> None:
    readme = README.read_text("utf-8")
    match = SESSION.search(readme)
    assert match is not None
    shown = "".join(f"$ {line}\n{_print(tmp_path, line)}" for line in COMMAND.findall(match[2]))

    if os.environ.get("EDGESYNC_WRITE_README"):
        README.write_text(readme[: match.start(2)] + shown + readme[match.end(2) :], "utf-8")
        return
    assert MEASURED.sub(" #", shown) == MEASURED.sub(" #", match[2])


def test_every_file_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README.read_text("utf-8"))

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
