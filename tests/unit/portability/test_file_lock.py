"""One process at a time, on every system."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import pytest

from directory import file_lock

TRY = """
import sys
from directory import file_lock
with open(sys.argv[1], "a+") as file:
    try:
        file_lock.hold(file.fileno())
    except OSError:
        sys.exit(9)
"""


def another_process_holds_it(path: Path) -> bool:
    done = subprocess.run([sys.executable, "-c", TRY, str(path)], check=False)
    assert done.returncode in {0, 9}
    return done.returncode == 9


def test_a_held_file_is_refused_to_others_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a+") as file:
        file_lock.hold(file.fileno())
        assert another_process_holds_it(path)
    assert not another_process_holds_it(path)


def test_windows_has_its_own_call(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = ModuleType("msvcrt")
    vars(windows).update(locking=Mock(), LK_NBLCK=2)
    monkeypatch.setitem(sys.modules, "msvcrt", windows)
    monkeypatch.setitem(sys.modules, "fcntl", None)  # importing it fails
    try:
        importlib.reload(file_lock)
        file_lock.hold(7)
        vars(windows)["locking"].assert_called_once_with(7, 2, 1)
    finally:
        monkeypatch.undo()
        importlib.reload(file_lock)
