"""A process that runs for long keeps its memory in one arena, where the C library has such."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from edgesync.lab.allocator import keep_one_arena
from tests.support.peers import BY_DESIGN

ARENAS = """
import ctypes, sys, tempfile, threading
from edgesync.lab.allocator import keep_one_arena

if sys.argv[1] == "one":
    assert keep_one_arena()
ready, over = threading.Barrier(5), threading.Event()

def work():
    held = [bytes(2000) for _ in range(100)]
    ready.wait()
    over.wait()

for _ in range(4):
    threading.Thread(target=work).start()
ready.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    told = libc.fopen(file.name.encode(), b"w")
    libc.malloc_info(0, ctypes.c_void_p(told))
    libc.fclose(ctypes.c_void_p(told))
    print(file.read().count(b"<heap nr="))
over.set()
"""


def arenas(wanted: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", ARENAS, wanted], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason=f"{BY_DESIGN}only glibc has arenas")
def test_threads_share_one_arena() -> None:
    assert arenas("many") > 1
    assert arenas("one") == 1


def test_where_the_c_library_has_no_arenas_nothing_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert not keep_one_arena()
