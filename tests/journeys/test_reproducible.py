"""Same seed, same options: the same bytes, whatever the process's hash seed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.support.program import Program


def fingerprint(lab: Path) -> dict[str, str]:
    return {
        str(path.relative_to(lab)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(lab.rglob("*"))
        if path.is_file() and not path.name.startswith("lab.db")
    }


def test_two_labs_of_one_seed_are_the_same_bytes(tmp_path: Path) -> None:
    for name, hash_seed in (("one", "1"), ("two", "2")):
        done = Program(tmp_path / name).run(
            "lab", "new", "--recipients", "20", environment={"PYTHONHASHSEED": hash_seed}
        )
        assert done.code == 0, done.err

    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")


def test_another_seed_makes_other_certificates(tmp_path: Path) -> None:
    prints = []
    for seed in ("7", "8"):
        program = Program(tmp_path / seed)
        program.ok("lab", "new", "--recipients", "0", "--seed", seed)
        prints.append(program.json("cert", "list", "HUB01")["certificates"][0]["thumbprint"])

    assert prints[0] != prints[1]
