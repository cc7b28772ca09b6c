"""The hot modules compile from the same source, and answer as the plain ones do.

What is compiled here is not optimised, which takes the C compiler half the time: the optimised
build has the same differences from Python, if any.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from directory.build import COMPILED, PLAIN, running_build
from scripts.compiled.build import (
    ROOT,
    CompileFailed,
    build,
    compile_modules,
    environment,
    is_current,
)
from tests.support.peers import require_tool

QUICK = {"HYPOTHESIS_PROFILE": "quick"}
COMPILE_S = 400
TESTS_S = 400

LANES = ("quick_search", "quick_add", "quick_modify", "bulk_add")
DECISIVE = (
    *(f"tests/property/dsa/test_{name}.py" for name in LANES),
    "tests/property/wire/test_quick.py", "tests/property/store/test_derived_indexes.py",
    "tests/model/store", "tests/unit/store/test_copies.py", "tests/unit/wire", "tests/unit/net",
)  # fmt: skip
"""The fast lanes beside the plain path, the store beside a dictionary, the wire; and small tests of
both."""

MODULE = """
from collections.abc import Iterator


def cut(data: bytes, start: int, end: int) -> bytes:
    return data[start:end]
"""

LAZY = """

def even(numbers: list[int]) -> Iterator[int]:
    return (number for number in numbers if number % 2 == 0)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_tool("gcc")
    folder = tmp_path_factory.mktemp("compiled") / "build"
    build(folder, level="0")
    return folder


def _python(folder: Path, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment(folder) | QUICK,
        capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip


@pytest.mark.timeout(COMPILE_S + TESTS_S)
def test_the_decisive_tests_pass_against_the_compiled_build(built: Path) -> None:
    done = _python(
        built, "-m", "pytest", "-p", "no:cacheprovider", "-o", f"pythonpath={built}",
        "-o", "timeout=120", *DECISIVE, timeout=TESTS_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"directory: {COMPILED}" in done.stdout
    assert " passed" in done.stdout


@pytest.mark.timeout(COMPILE_S)
def test_a_build_says_that_it_is_one_and_is_current_until_the_source_changes(built: Path) -> None:
    assert running_build() in {PLAIN, COMPILED}
    program = "from edgesync.cli.main import main; raise SystemExit(main(['--version']))"
    said = _python(built, "-c", program)
    assert said.stdout.endswith(f"(directory: {COMPILED})\n"), said.stderr
    assert is_current(built)
    file = built / "directory" / "limits.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text + "\n", encoding="utf-8")
    assert not is_current(built)
    file.write_text(text, encoding="utf-8")


def test_nothing_compiled_is_left_beside_the_source() -> None:
    assert not [*Path(ROOT, "directory").rglob(f"*{EXTENSION_SUFFIXES[0]}")]


def _project(folder: Path, text: str) -> Path:
    (folder / "directory").mkdir(parents=True)
    (folder / "directory" / "__init__.py").touch()
    (folder / "directory" / "sample.py").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.timeout(COMPILE_S)
def test_a_slice_of_octets_is_what_it_is_in_python_wherever_its_ends_lie(tmp_path: Path) -> None:
    require_tool("gcc")
    project, out = _project(tmp_path / "project", MODULE), tmp_path / "out"
    made = compile_modules(out, tmp_path / "c", level="0", root=project, modules=("sample.py",))
    (out / "directory" / "__init__.py").touch()
    assert made[0].exists()
    check = (
        f"import sys; sys.path.insert(0, {str(out)!r})\n"
        "from directory.sample import cut, __file__ as file\n"
        "assert not file.endswith('.py')\n"
        "ends = range(-7, 8)\n"
        "assert all(cut(b'abcde', a, b) == b'abcde'[a:b] for a in ends for b in ends)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", check],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(COMPILE_S)
def test_a_generator_expression_that_would_become_a_list_is_refused(tmp_path: Path) -> None:
    require_tool("gcc")
    project = _project(tmp_path / "project", MODULE + LAZY)
    with pytest.raises(CompileFailed, match=r"sample\.py:10.*\n.*hint: write a generator"):
        compile_modules(
            tmp_path / "out", tmp_path / "c", level="0", root=project, modules=("sample.py",)
        )


@pytest.mark.timeout(COMPILE_S)
def test_without_a_compiler_there_is_no_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "/bin/false")
    project = _project(tmp_path / "project", MODULE)
    with pytest.raises(CompileFailed):
        compile_modules(
            tmp_path / "out", tmp_path / "c", level="0", root=project, modules=("sample.py",)
        )
    assert not [*(tmp_path / "out").rglob(f"*{EXTENSION_SUFFIXES[0]}")]
