"""Where the figures come from: the machine and the versions, named beside them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

from directory.build import running_build
from tests.support.peers import find_tool


def describe() -> dict[str, str]:
    """Processor, memory, system, versions, and how busy the machine was before we came."""
    found = {
        "processor": f"{os.cpu_count()} × {_processor()}",
        "memory": f"{_memory_octets() / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "build": running_build(),
        "uvloop": _version("uvloop"),
        "openssl": ssl.OPENSSL_VERSION,
        "slapd": _slapd_version(),
    }
    with suppress(OSError):
        found["load"] = f"{os.getloadavg()[0]:.1f} before the run"
    return found


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _memory_octets() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _version(package: str) -> str:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return "none"


def _slapd_version() -> str:
    program = find_tool("slapd")
    if program is None:
        return "none"
    said = subprocess.run([program, "-VV"], capture_output=True, text=True, check=False).stderr
    return next((w for w in said.split() if w[:1].isdigit() and "." in w), "unknown version")
