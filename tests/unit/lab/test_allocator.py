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

MAPPED = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason=f"{BY_DESIGN}glibc tells this since 2.33",
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

libc = ctypes.CDLL(None)
if sys.argv[1] == "little":
    assert keep_little()
else:
    assert libc.mallopt(-3, 32 * 2**20)  # where glibc goes by itself once such blocks come and go
libc.malloc.restype = ctypes.c_void_p
FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()

class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]

libc.mallinfo2.restype = MallInfo
take = lambda: ctypes.c_void_p(libc.malloc(16 * 2**20))
libc.free(take())  # one alone could make glibc keep the next
before = libc.mallinfo2().hblkhd
large = take()
print(libc.mallinfo2().hblkhd - before)
libc.free(large)
assert libc.mallinfo2().hblkhd == before
"""
"""Prints how much more is mapped for itself (mallinfo(3)): what is not lies in the heap, and stays
there when something above it does."""


def printed(program: str, wanted: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", program, wanted], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@GLIBC
def test_threads_share_one_arena() -> None:
    assert printed(ARENAS, "much") > 1
    assert printed(ARENAS, "little") == 1


@MAPPED
def test_what_was_large_is_given_back() -> None:
    assert printed(LARGE, "much") == 0
    assert printed(LARGE, "little") >= 16 * MIB


def test_where_the_c_library_cannot_be_asked_nothing_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert not keep_little()
