"""The ``edgesync`` command as a user runs it: a process with its own streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Program:
    """The command with one lab."""

    lab: Path

    def run(self, *words: str, environment: Mapping[str, str] | None = None) -> Finished:
        """Run a command and wait for it."""
        done = subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=TIMEOUT_S, cwd=ROOT,
            stdin=subprocess.DEVNULL, check=False, env={**os.environ, **(environment or {})},
        )  # fmt: skip
        return Finished(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str) -> Finished:
        """Run a command that must succeed."""
        done = self.run(*words)
        assert done.code == 0, f"{words} ended with {done.code}:\n{done.out}\n{done.err}"
        return done

    def json(self, *words: str) -> Any:
        """The JSON of a command that must succeed."""
        return self.ok(*words, "-o", "json").document

    def command(self, *words: str) -> list[str]:
        """The words of the process."""
        return [sys.executable, "-m", "edgesync", *words, "--lab", str(self.lab)]
