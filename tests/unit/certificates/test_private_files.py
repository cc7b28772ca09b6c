"""A file written in pieces takes another's place as a whole, or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from edgesync.certificates.private_files import written_beside
from tests.support.peers import BY_DESIGN


def test_until_the_last_piece_the_old_file_is_there(tmp_path: Path) -> None:
    path = tmp_path / "all.ldif"
    path.write_bytes(b"old")
    with written_beside(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_goes_wrong_in_between_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "all.ldif"
    path.write_bytes(b"old")

    def fail_half_way() -> None:
        with written_beside(path) as file:
            file.write(b"half of it")
            raise ConnectionError("the directory went away")

    with pytest.raises(ConnectionError):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "all.ldif", tmp_path / "latest.ldif"
    path.write_bytes(b"old")
    try:
        link.symlink_to(path)
    except OSError:
        pytest.skip(f"{BY_DESIGN}this system lets nobody make links")
    with written_beside(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason=f"{BY_DESIGN}no named pipes here")
def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with written_beside(pipe) as file:
        file.write(b"new")
    reader.join()
    assert read == [b"new"]
    assert pipe.is_fifo()
