"""Starting and stopping a lab: the commands that run the show rather than answer a question."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Annotated, Literal

import typer

from directory.clock import SystemClock
from directory.entropy import SystemEntropy
from edgesync.cli.options import Options
from edgesync.cli.output import write_outcome
from edgesync.errors import ExitCode, LabError, LabInUse, NoSuchThing
from edgesync.lab.control import Running, find_running, remove_run_file, write_run_file

STOP_TIMEOUT_S = 30.0
"""Longest wait for a lab to stop: it finishes the batch it is in."""

START_TIMEOUT_S = 60.0
"""Longest wait for a detached lab to pass its self-test."""

POLL_S = 0.05
_LOG_FILE = "up.log"

Ports = Annotated[
    Literal["free", "exchange"],
    typer.Option(help="any free ports, or Exchange's own on addresses below 127/8"),
]


def register(app: typer.Typer, options: Options, ended: list[ExitCode]) -> None:
    """Add ``lab up`` and ``lab down``."""

    @app.command("up")
    def up(
        ports: Ports = "free",
        detach: Annotated[bool, typer.Option("--detach", help="return once it serves")] = False,
    ) -> None:
        """Start every listener on loopback; returns or prints once each passed its self-test."""
        ended.append(_detach(options, ports) if detach else serve(options, ports))

    @app.command("down")
    def down() -> None:
        """Stop the running lab cleanly."""
        ended.append(stop(options))


def register_web(app: typer.Typer, options: Options, ended: list[ExitCode]) -> None:
    """Add ``web``."""

    @app.command("web")
    def web(
        ports: Ports = "free",
        port: Annotated[int, typer.Option(help="port of the console; 0 means any free one")] = 0,
    ) -> None:
        """Console and control API of the lab: starts the lab unless it is up."""
        running = find_running(options.lab)
        if running is not None:
            print(running.control)
            ended.append(ExitCode.OK)
            return
        ended.append(serve(options, ports, control_port=port))


def serve(options: Options, ports: str, *, control_port: int = 0) -> ExitCode:
    """Run a lab in the foreground until SIGTERM or SIGINT."""
    from edgesync.console.server import ControlServer
    from edgesync.lab.allocator import keep_little
    from edgesync.lab.folder import open_lab
    from edgesync.lab.realtime import RealtimeRunner
    from edgesync.operations.lab import status_document
    from edgesync.operations.registry import Outcome, find_operation

    if find_running(options.lab) is not None:
        raise LabInUse(
            f"the lab at {options.lab} is up already", "edgesync lab status shows its addresses"
        )
    keep_little()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with open_lab(options.lab) as lab:
        runner = RealtimeRunner(lab, SystemClock(), ports)
        runner.start()
        token = SystemEntropy().token_bytes(32).hex()
        control = ControlServer(lab, token, port=control_port, stop=stopping.set)
        try:
            control.start()
            lab.control = control.url
            running = Running(os.getpid(), control.url, token, lab.addresses)
            write_run_file(options.lab, running)
            outcome = Outcome(status_document(lab))
            write_outcome(find_operation("lab.status"), outcome, options)
            sys.stdout.flush()
            stopping.wait()
        finally:
            remove_run_file(options.lab)
            control.stop()
            runner.stop()
    return ExitCode.OK


def _detach(options: Options, ports: str) -> ExitCode:
    """Start a lab in a process of its own and wait until it serves."""
    if not options.lab.exists():
        raise NoSuchThing(f"no lab at {options.lab}", "make one: edgesync lab new")
    log = options.lab / _LOG_FILE
    words = [sys.executable, "-m", "edgesync", "lab", "up", "--ports", ports]
    words += ["--lab", str(options.lab), "-o", options.output]
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own program with our own words
            words, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    waiting = threading.Event()
    waited = 0.0
    while waited < START_TIMEOUT_S:
        code = process.poll()
        if code is not None:
            text = log.read_text("utf-8", "replace")
            sys.stderr.write(text)
            return ExitCode(code) if code in set(ExitCode) else ExitCode.FAILED
        if find_running(options.lab) is not None:
            break
        waiting.wait(POLL_S)
        waited += POLL_S
    else:
        process.terminate()
        raise LabError(f"the lab did not serve within {START_TIMEOUT_S:.0f} s", f"see {log}")
    from edgesync.cli.invoke import invoke
    from edgesync.operations.registry import find_operation

    return invoke(find_operation("lab.status"), {}, options)


def stop(options: Options) -> ExitCode:
    """Stop a running lab and wait until it has let go of everything."""
    folder = Path(options.lab)
    if not (folder / "lab.json").exists():
        raise NoSuchThing(f"no lab at {folder}", "make one: edgesync lab new")
    running = find_running(folder)
    if running is None:
        remove_run_file(folder)
        if not options.quiet:
            print("note: the lab was down already", file=sys.stderr)
        return ExitCode.OK
    os.kill(running.pid, signal.SIGTERM)
    waiting = threading.Event()
    waited = 0.0
    while find_running(folder) is not None:
        if waited >= STOP_TIMEOUT_S:
            raise LabError(
                f"the lab (process {running.pid}) did not stop within {STOP_TIMEOUT_S:.0f} s",
                f"end it with: kill -9 {running.pid}; its journals are safe",
            )
        waiting.wait(POLL_S)
        waited += POLL_S
    return ExitCode.OK
