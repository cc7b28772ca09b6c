"""A copy of the package ``directory`` with its hot modules compiled."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from scripts.compiled.modules import MODULES

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "compiled"
"""Where it goes unless told otherwise; git ignores ``build/``."""

COMPILE_TIMEOUT_S = 900.0
"""Far above the minute it takes: a compiler that waits for something should not wait for ever."""

EAGER = "Treating generator comprehension as list"
"""mypyc's warning where the two languages differ: a generator expression that sees what comes
while it is read would, compiled, be a list of what was there before."""

LINES_SHOWN = 20
"""The last lines of a compiler that failed: they say why."""

_IMPORT_ALL = """
import importlib, sys
for name in sys.argv[2:]:
    file = importlib.import_module(name).__file__
    if not (file.startswith(sys.argv[1]) and file.endswith(('.so', '.pyd'))):
        sys.exit(f'{name} came from {file}')
"""


class CompileFailed(Exception):
    """There is no compiled build; says why. What was there before is as it was."""


def build(folder: Path = FOLDER, *, level: str = "3") -> None:
    """Compile into a folder, in place of what was built there before.

    Raises:
        CompileFailed: no compiler, an error in the source, or a difference mypyc only warns of.
    """
    with tempfile.TemporaryDirectory(prefix="compiled-") as name:
        made = Path(name) / "made"
        shutil.copytree(
            ROOT / "directory", made / "directory", ignore=shutil.ignore_patterns("__pycache__")
        )
        compile_modules(made, Path(name) / "c", level=level)
        _import_all(made)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, folder)


def compile_modules(
    out: Path,
    c_folder: Path,
    *,
    level: str = "3",
    root: Path = ROOT,
    modules: Sequence[str] = MODULES,
) -> list[Path]:
    """Compile modules of the source tree into a folder; the files that became of them.

    Raises:
        CompileFailed: as ``build``.
    """
    program = Path(__file__).with_name("compiler.py")
    command = [sys.executable, str(program), str(out), str(c_folder), level]
    command += [f"directory/{module}" for module in modules]
    said = _run(command, dict(os.environ), root)
    differs = [line for line in said if EAGER in line]
    if differs:
        raise CompileFailed(
            "\n".join((*differs, "hint: write a generator with yield, or a list where it is one"))
        )
    suffix = EXTENSION_SUFFIXES[0]
    made = [out / "directory" / Path(module).with_suffix(suffix) for module in modules]
    made.append(out / f"directory__mypyc{suffix}")
    missing = [str(path) for path in made if not path.exists()]
    if missing:
        raise CompileFailed(f"the compiler did not write {', '.join(missing)}")
    return made


def _import_all(made: Path) -> None:
    """See that each module can be imported, and is the compiled one: mypyc may err there."""
    names = [f"directory.{module.removesuffix('.py').replace('/', '.')}" for module in MODULES]
    _run([sys.executable, "-c", _IMPORT_ALL, str(made), *names], environment(made), ROOT)


def _run(command: list[str], environ: dict[str, str], folder: Path) -> list[str]:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, check=False,
            timeout=COMPILE_TIMEOUT_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompileFailed(str(error)) from error
    said = (done.stdout + done.stderr).splitlines()
    if done.returncode:
        raise CompileFailed("\n".join(said[-LINES_SHOWN:]))
    return said


def is_current(folder: Path = FOLDER) -> bool:
    """Whether a folder has a build of the source as it is now."""
    mine, theirs = ROOT / "directory", folder / "directory"
    files = [path.relative_to(mine) for path in mine.rglob("*.py")]
    return (
        any(folder.glob("directory__mypyc.*"))
        and all((theirs / path).exists() for path in files)
        and all(filecmp.cmp(mine / path, theirs / path, shallow=False) for path in files)
    )


def environment(folder: Path = FOLDER) -> dict[str, str]:
    """The environment in which Python imports what was built, and the rest from the source tree."""
    path = os.pathsep.join((str(folder), str(ROOT)))
    # without the second, "python -m" would find the source tree's package first
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
