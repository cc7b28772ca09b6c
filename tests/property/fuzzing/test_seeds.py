"""Fuzzing starts from the same inputs on every machine and every day."""

from __future__ import annotations

import hashlib
import subprocess
import sys

from scripts.fuzzing.targets import NAMES, find_target
from tests.support.peers import ROOT

PRINT = """
import hashlib
from scripts.fuzzing.targets import NAMES, find_target
for name in NAMES:
    seeds = b"|".join(find_target(name).seeds())
    print(name, hashlib.sha256(seeds).hexdigest())
"""


def test_seeds_are_the_same_in_another_process() -> None:
    here = [
        f"{name} {hashlib.sha256(b'|'.join(find_target(name).seeds())).hexdigest()}"
        for name in NAMES
    ]
    there = subprocess.run(
        [sys.executable, "-c", PRINT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert there.stdout.split("\n")[:-1] == here
