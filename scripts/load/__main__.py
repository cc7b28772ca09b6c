"""``python -m scripts.load``: attack a server, ask it something meanwhile, say what it cost.

    python -m scripts.load [--on ldap|smtp|http]... [--attack NAME]... [--entries 10000]
                           [--seconds 20] [--json FILE]

A table on stdout; exit code 3 when a bound on memory was passed or the probe went unanswered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.load.attacks import HTTP_ATTACKS, LDAP_ATTACKS, SMTP_ATTACKS, Attack
from scripts.load.gauge import Gauge, look
from scripts.load.servers import ROOT, Target, directory, lab
from scripts.load.strangers import Met, come

SCHEMA = "edgesync.load/1"
SETTLE_S = 3.0
"""After an attack, before the server is looked at again."""

ATTACKS = {"ldap": LDAP_ATTACKS, "smtp": SMTP_ATTACKS, "http": HTTP_ATTACKS}


@dataclass(frozen=True, slots=True)
class Result:
    """What an attack cost, and whether anybody else noticed."""

    attack: str
    connections: int
    dropped: int
    """Strangers the server hung up on, or did not let in."""
    growth: int
    """Most additional memory while it lasted, bytes."""
    growth_max: int
    descriptors: int
    answers: int
    p50_ms: float
    p99_ms: float
    most_ms: float
    unanswered: int

    @property
    def is_within(self) -> bool:
        """Whether the bound held and the probe was always answered."""
        return self.growth <= self.growth_max and not self.unanswered and self.answers > 0


def main() -> int:
    """Attack, tell."""
    options = argparse.ArgumentParser(prog="python -m scripts.load", description=__doc__)
    options.add_argument("--on", action="append", choices=list(ATTACKS), default=[])
    options.add_argument("--attack", action="append", default=[])
    options.add_argument("--entries", type=int, default=10_000)
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    results: list[Result] = []
    print(f"{'attack':20} {'from':>5} {'dropped':>8} {'growth MiB':>11} {'bound':>6} "
          f"{'asked':>6} {'p50 ms':>8} {'p99 ms':>8} {'most':>8}")  # fmt: skip
    for kind in given.on or list(ATTACKS):
        for attack in ATTACKS[kind]:
            if given.attack and attack.name not in given.attack:
                continue
            place = directory(given.entries) if kind == "ldap" else lab()
            with place as target:
                result = _attacked(target, kind, attack, given.seconds)
            results.append(result)
            _tell(result)
    if given.json:
        document = {
            "schema": SCHEMA, "machine": machine(), "entries": given.entries,
            "seconds": given.seconds, "results": [asdict(result) for result in results],
        }  # fmt: skip
        given.json.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return 0 if all(result.is_within for result in results) else 3


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    cpu = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.processor(),
    )  # fmt: skip
    return {
        "cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
        "python": platform.python_version(), "load": os.getloadavg()[0],
    }  # fmt: skip


def _attacked(target: Target, kind: str, attack: Attack, seconds: float) -> Result:
    before = look(target.pid)
    host, port = target.addresses[kind]
    words = [sys.executable, "-m", "scripts.load.probe", kind, f"{host}:{port}", str(seconds)]
    probe = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert probe.stdout is not None
    probe.stdout.readline()  # the probe is a client that was there before the strangers came
    with Gauge(target.pid) as gauge:
        met: Met = asyncio.run(
            come(*target.addresses[attack.at], attack.connections, attack.manner, seconds)
        )
        said, _ = probe.communicate(timeout=seconds + 120)
        time.sleep(SETTLE_S)
    asked: dict[str, Any] = json.loads(said) if said.strip() else {"waits_s": [], "unanswered": 1}
    waits: list[float] = sorted(asked["waits_s"]) or [0.0]
    return Result(
        attack.name, attack.connections, met.dropped + met.refused,
        gauge.most_resident - before.resident, attack.growth_max, gauge.most_descriptors,
        len(asked["waits_s"]), _ms(waits, 0.5), _ms(waits, 0.99), _ms(waits, 1.0),
        asked["unanswered"],
    )  # fmt: skip


def _ms(waits: list[float], share: float) -> float:
    return round(waits[min(len(waits) - 1, int(len(waits) * share))] * 1000, 2)


def _tell(result: Result) -> None:
    mark = "" if result.is_within else "  !"
    print(
        f"{result.attack:20} {result.connections:5} {result.dropped:8} "
        f"{result.growth / 2**20:11.1f} {result.growth_max / 2**20:6.0f} {result.answers:6} "
        f"{result.p50_ms:8.2f} {result.p99_ms:8.2f} {result.most_ms:8.1f}{mark}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
