"""One generic directory for the strangers of a module, over LDAP, LDAPS and StartTLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.directory_process import Served, served
from tests.support.tls import certificate_files

PEOPLE = Path(__file__).parents[2] / "support" / "people.ldif"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The server's self-signed certificate and key."""
    return certificate_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def directory(
    tmp_path_factory: pytest.TempPathFactory, authority: tuple[Path, Path]
) -> Iterator[Served]:
    """A generic directory with a few people in it."""
    folder = tmp_path_factory.mktemp("directory")
    certificate, key = map(str, authority)
    with served(
        folder, "--ldif", str(PEOPLE), "--listen-tls", "127.0.0.1:0",
        "--certificate", certificate, "--key", key,
    ) as server:  # fmt: skip
        yield server
