"""Who holds a lab: the run file of a running one, and the client of its control API."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgesync.certificates.private_files import replace_private
from edgesync.errors import EdgeSyncError, ExitCode, PortUnavailable

RUN_FILE = "run.json"
RUN_SCHEMA = "edgesync.run/1"
TIMEOUT_S = 600.0
"""Longest wait for the next line of an answer; long work reports progress far sooner."""

LINE_MAX = 256 * 1024 * 1024
"""Longest answer line, bytes: a dump of 100,000 entries as JSON stays below."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running lab as its run file describes it."""

    pid: int
    control: str
    """``http://127.0.0.1:PORT``."""
    token: str = field(repr=False)
    servers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class RemoteError(EdgeSyncError):
    """An error the running lab reported; keeps the word and exit code it gave."""

    def __init__(self, code: str, message: str, hint: str, exit_code: int) -> None:
        super().__init__(message, hint)
        self._code = code
        self.exit_code = ExitCode(exit_code)

    @property
    def code(self) -> str:
        """The word the lab gave."""
        return self._code


def find_running(folder: Path) -> Running | None:
    """The running lab of a folder, or None. A run file whose process is gone does not count."""
    try:
        document = json.loads((folder / RUN_FILE).read_text("utf-8"))
        running = Running(
            document["pid"], document["control"], document["token"], document["servers"]
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError) as error:
        raise EdgeSyncError(
            f"{folder / RUN_FILE} is not a run file: {error}", "remove it when no lab is running"
        ) from error
    return running if _is_alive(running.pid) else None


def write_run_file(folder: Path, running: Running) -> None:
    """Announce a running lab, atomically and readable by its owner only."""
    document = {
        "schema": RUN_SCHEMA,
        "pid": running.pid,
        "control": running.control,
        "token": running.token,
        "servers": running.servers,
    }
    replace_private(folder / RUN_FILE, json.dumps(document, indent=2).encode())


def remove_run_file(folder: Path) -> None:
    """The lab is no longer up."""
    (folder / RUN_FILE).unlink(missing_ok=True)


def call(
    running: Running,
    operation: str,
    parameters: Mapping[str, Any],
    *,
    answer: bool | None,
    note: str,
    progress: Callable[[Mapping[str, Any]], None],
) -> dict[str, Any]:
    """Ask a running lab for an operation; returns ``{"outcome": ...}`` or ``{"question": ...}``.

    Raises:
        RemoteError: what the lab refused.
        PortUnavailable: when it cannot be reached.
    """
    body = json.dumps({"parameters": dict(parameters), "answer": answer, "note": note})
    host = running.control.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
    headers = {
        "Authorization": f"Bearer {running.token}",
        "Content-Type": "application/json",
        "Accept": "application/x-ndjson",
    }
    try:
        connection.request("POST", f"/api/v1/operations/{operation}", body, headers)
        response = connection.getresponse()
        while line := response.readline(LINE_MAX):
            message: dict[str, Any] = json.loads(line)
            if "progress" in message:
                progress(message["progress"])
                continue
            if "error" in message:
                error = message["error"]
                raise RemoteError(
                    error["code"], error["message"], error["hint"], error["exit_code"]
                )
            return message
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PortUnavailable(
            f"the running lab at {running.control} did not answer: {error}",
            "see edgesync lab status; edgesync lab down ends it",
        ) from error
    finally:
        connection.close()
    raise PortUnavailable(
        f"the running lab at {running.control} broke off its answer", "see edgesync lab status"
    )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
