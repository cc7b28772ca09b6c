"""One command in a process of its own: left alone, killed at a write, at a moment, or refused."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "truncate", "ftruncate",
    "fallocate", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
    "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "sendfile", "copy_file_range", "chmod",
    "fchmod", "fchmodat", "open", "openat",
)  # fmt: skip
"""System calls after which the disk is, or may be, different: the write boundaries. Of those that
open a file only what may make or empty one counts."""

_OPENING = frozenset(("open", "openat"))
_MAKING = ("O_CREAT", "O_TRUNC")

ATTACH_TIMEOUT_S = 20.0
RUN_TIMEOUT_S = 120.0

_CALL = re.compile(r"\s*(?P<pid>\d+)\s+(?P<call>\w+)\(")


@dataclass(frozen=True, slots=True)
class Boundary:
    """The n-th call of its kind, counted from 1."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call} {self.number}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a victim ended: exit code, or minus the signal; and what it said."""

    code: int
    said: str
    took_s: float

    @property
    def was_killed(self) -> bool:
        """Whether our signal found it alive."""
        return self.code == -signal.SIGKILL


Work = Callable[[], int]
"""What a victim does; the answer is its exit code."""


def run(work: Work, folder: Path, *, kill_after_s: float | None = None) -> Ended:
    """Let it run, or kill it after a time."""
    victim = _Victim(work, folder)
    victim.go()
    return victim.wait(kill_after_s)


def count(work: Work, folder: Path) -> tuple[Ended, list[Boundary]]:
    """Let it run, and note every write it made, in order."""
    trace = folder / "trace"
    victim = _Victim(work, folder)
    tracer = attach(victim.pid, "-o", str(trace), "-e", f"trace={','.join(CALLS)}")
    victim.go()
    ended = victim.wait()
    tracer.wait(ATTACH_TIMEOUT_S)
    seen: dict[str, int] = {}
    boundaries: list[Boundary] = []
    for line in trace.read_text("utf-8", "replace").splitlines():
        found = _CALL.match(line)
        if found and int(found["pid"]) == victim.pid:
            call = found["call"]
            seen[call] = seen.get(call, 0) + 1
            if call not in _OPENING or any(flag in line for flag in _MAKING):
                boundaries.append(Boundary(call, seen[call]))
    return ended, boundaries


def kill_at(work: Work, folder: Path, boundary: Boundary) -> Ended:
    """Kill it when it enters this call."""
    tamper = f"inject={boundary.call}:signal=KILL:when={boundary.number}"
    return _tampered(work, folder, tamper)


def refuse_from(work: Work, folder: Path, boundary: Boundary, error: str) -> Ended:
    """Refuse this call and all later ones of its kind with an error: a disk that is full."""
    tamper = f"inject={boundary.call}:error={error}:when={boundary.number}+"
    return _tampered(work, folder, tamper)


def _tampered(work: Work, folder: Path, tamper: str) -> Ended:
    victim = _Victim(work, folder)
    call = tamper.split("=")[1].split(":", maxsplit=1)[0]
    tracer = attach(victim.pid, "-o", "/dev/null", "-e", f"trace={call}", "-e", tamper)
    victim.go()
    ended = victim.wait()
    tracer.wait(ATTACH_TIMEOUT_S)
    return ended


class _Victim:
    """A child that waits for the word, then works, its output in a file."""

    def __init__(self, work: Work, folder: Path) -> None:
        self._said = folder / "said"
        self._said.write_bytes(b"")
        gate, self._gate = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._gate)
            self._live(work, gate)
        os.close(gate)
        self._started = time.monotonic()

    def _live(self, work: Work, gate: int) -> None:
        code = 70
        try:
            os.read(gate, 1)
            os.close(gate)
            said = os.open(self._said, os.O_WRONLY | os.O_APPEND)
            quiet = os.open(os.devnull, os.O_RDONLY)
            os.dup2(quiet, 0)
            os.dup2(said, 1)
            os.dup2(said, 2)
            code = work()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:  # noqa: BLE001 - a child must never return into its parent's code
            traceback.print_exc()
        finally:
            os._exit(code)

    def go(self) -> None:
        """Give the word."""
        self._started = time.monotonic()
        os.write(self._gate, b"!")
        os.close(self._gate)

    def wait(self, kill_after_s: float | None = None) -> Ended:
        """Wait for the end, or bring it about."""
        handle = os.pidfd_open(self.pid)
        try:
            patience = RUN_TIMEOUT_S if kill_after_s is None else kill_after_s
            if not select.select([handle], [], [], patience)[0]:
                os.kill(self.pid, signal.SIGKILL)
        finally:
            os.close(handle)
        _, status = os.waitpid(self.pid, 0)
        took_s = time.monotonic() - self._started
        said = self._said.read_text("utf-8", "replace")
        return Ended(os.waitstatus_to_exitcode(status), said, took_s)


def attach(pid: int, *options: str) -> subprocess.Popen[bytes]:
    """Strace on a waiting child; returns once it holds it.

    Raises:
        RuntimeError: when this machine does not let processes be traced.
    """
    tracer = subprocess.Popen(
        ["strace", "-f", "-q", "-p", str(pid), *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + ATTACH_TIMEOUT_S
    while time.monotonic() < deadline and tracer.poll() is None:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
        if "TracerPid:\t0\n" not in status:
            return tracer
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    tracer.kill()
    raise RuntimeError("strace could not attach: this machine does not let processes be traced")
