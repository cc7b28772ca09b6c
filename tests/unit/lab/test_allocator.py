"""A process that runs for long keeps little memory it does not use, where the C library can."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from edgesync.lab.allocator import keep_little
from tests.support.peers import BY_DESIGN

MIB = 1024 * 1024
GLIBC = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason=f"{BY_DESIGN}only glibc can be asked"
)

ARENAS = """
import ctypes, sys, tempfile, threading
from edgesync.lab.allocator import keep_little

if sys.argv[1] == "little":
    assert keep_little()
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

LARGE = """
import ctypes, sys
from edgesync.lab.allocator import keep_little

if sys.argv[1] == "little":
    assert keep_little()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def take(size):
    place = ctypes.c_void_p(libc.malloc(size))
    ctypes.memset(place, 1, size)
    return place

libc.free(take(16 * 2**20))  # glibc learns from the first that such are wanted
before = resident()
large = take(16 * 2**20)
small = take(512 * 1024)  # keeps the heap from shrinking: no gap below holds as much
libc.free(large)
print(resident() - before)
"""


def printed(program: str, wanted: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", program, wanted], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@GLIBC
def test_threads_share_one_arena() -> None:
    assert printed(ARENAS, "much") > 1
    assert printed(ARENAS, "little") == 1


@GLIBC
def test_what_was_large_is_given_back() -> None:
    assert printed(LARGE, "much") > 8 * MIB
    assert printed(LARGE, "little") < MIB


def test_where_the_c_library_cannot_be_asked_nothing_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert not keep_little()
