"""Who plays a campaign's worlds: processes of this machine, or a Dask cluster that is there."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from edgesync.errors import ConfigurationError, Unreachable
from edgesync.operations.performer import perform
from edgesync.simulation.campaign import Result, play_seed

DASK_TIMEOUT_S = 10
"""How long a scheduler may take to answer."""


def play_one(seed: int) -> Result:
    """What a worker does: importable by name, since it runs in another process."""
    return play_seed(seed, perform)


@contextmanager
def pool(workers: int, dask: str | None) -> Iterator[tuple[Executor, int]]:
    """An executor and how many worlds it plays at once.

    Raises:
        ConfigurationError: dask is asked for and not installed, or a senseless number.
        Unreachable: no scheduler answers.
    """
    if workers < 0:
        raise ConfigurationError(f"--workers {workers}", "0 means one per processor")
    if dask is not None:
        with _dask(dask) as found:
            yield found
        return
    size = workers or os.cpu_count() or 1
    # spawned, not forked: a world must not depend on what its parent had in memory
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(size, mp_context=context) as executor:
        yield executor, size


@contextmanager
def _dask(address: str) -> Iterator[tuple[Executor, int]]:
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigurationError(
            "--dask needs dask and distributed", "pip install 'edgesync-lab[dask]'"
        ) from error
    try:
        client = Client(address, timeout=DASK_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"no Dask scheduler at {address}: {error}", "start one: dask scheduler"
        ) from error
    with client:
        size = sum(client.nthreads().values()) or 1
        # threads of one worker share a process: pure plays do not mind
        yield client.get_executor(pure=False), size
