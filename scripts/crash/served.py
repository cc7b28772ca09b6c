"""``python -m scripts.crash.served``: kill a server under load, again and again; what is there?

    python -m scripts.crash.served [--kills 100] [--seed 12] [--clients 4] [--json FILE]

``python -m directory`` with its journal synced at every commit; each client asks far ahead. Every
other kill comes when the server enters a write of its journal or a send, as strace sees it, the
others at random moments; half of them while the log is copied and starts anew every few commits.
The journal stays from kill to kill. Exit code 3 when an acknowledged
change was missing, or something was there that is no state of what was asked.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path

from directory.clock import SystemClock
from directory.dsa.instance import local_session, open_directory
from directory.entropy import SystemEntropy
from directory.model.filter import parse_filter
from directory.model.messages import Scope, SearchRequest
from directory.net.serve import Serving
from edgesync.port.embedded import EmbeddedPort
from edgesync.port.port import iterate
from scripts.crash.victim import Boundary, attach
from scripts.crash.writers import SUFFIX, State, Writer, state_after
from tests.support.directory_process import ADMIN, PASSWORD, served
from tests.support.listener import Client

SCHEMA = "edgesync.served-crash-campaign/1"
SENDS = "write" if find_spec("uvloop") else "sendto"
"""How the event loop sends."""

PROGRAMS = ("directory", "scripts.crash.short_log")
"""What is served, in turn: as it is, and with a log that starts anew all the time."""

CALLS = {"pwrite64": 600, "fdatasync": 60, SENDS: 100}
"""System calls a server is killed at, and up to which of each: a second or two of load."""

LONGEST_S = 1.0
"""Random kills come within so long after the first answer; a call that does not come, after it."""

PEOPLE = "version: 1\n\ndn: dc=example,dc=com\nobjectClass: domain\ndc: example\n"


@dataclass(slots=True)
class Told:
    """What became of all kills."""

    kills: int = 0
    at_writes: int = 0
    """Kills by strace at a write, of those asked for there."""
    sent: int = 0
    answered: int = 0
    kept: int = 0
    """Requests whose effect was found: at least those answered, at most those sent."""
    entries: int = 0
    wrong: list[str] = field(default_factory=list)


def main() -> int:
    """Kill, open, compare, serve again."""
    options = argparse.ArgumentParser(prog="python -m scripts.crash.served", description=__doc__)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=12)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    chance = random.Random(given.seed)
    told = Told()
    settled: dict[str, State] = {}
    with tempfile.TemporaryDirectory(prefix="edgesync-crash-") as place:
        folder = Path(place)
        (folder / "people.ldif").write_text(PEOPLE, "utf-8")
        for number in range(given.kills):
            moment = _moment(chance) if number % 2 else chance.uniform(0.0, LONGEST_S)
            writers = _killed(folder, number, given.clients, moment, told)
            _judge(folder / "journal.db", writers, settled, told)
            if number % 10 == 9:
                print(f"{number + 1}: {told.answered} answered, {len(told.wrong)} wrong",
                      file=sys.stderr, flush=True)  # fmt: skip
    print(json.dumps(asdict(told), indent=2))
    if given.json:
        document = {"schema": SCHEMA, "seed": given.seed, "clients": given.clients, **asdict(told)}
        given.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 3 if told.wrong else 0


def _moment(chance: random.Random) -> Boundary:
    call = chance.choice(sorted(CALLS))
    return Boundary(call, chance.randint(1, CALLS[call]))


def _killed(
    folder: Path, number: int, clients: int, moment: Boundary | float, told: Told
) -> list[Writer]:
    """Serve, let clients write, kill."""
    database, people = str(folder / "journal.db"), str(folder / "people.ldif")
    first = ("--ldif", people) if number == 0 else ()
    program = PROGRAMS[number // 2 % len(PROGRAMS)]
    with served(folder, "--database", database, *first, program=("-m", program)) as server:
        writers = []
        for client in range(clients):
            connection = Client(("127.0.0.1", server.port))
            connection.bind(ADMIN, PASSWORD.encode())
            writers.append(Writer(f"k{number}c{client}", connection))
        with _tracing(server.process.pid, moment):
            for writer in writers:
                writer.start()
            _wait_for_the_end(server.process, writers, moment)
        told.kills += 1
        told.at_writes += server.process.poll() is not None and isinstance(moment, Boundary)
        server.process.kill()
        server.process.wait()
        for writer in writers:
            writer.join()
    return writers


@contextlib.contextmanager
def _tracing(pid: int, moment: Boundary | float) -> Iterator[None]:
    if not isinstance(moment, Boundary):
        yield
        return
    tamper = f"inject={moment.call}:signal=KILL:when={moment.number}"
    tracer = attach(pid, "-o", "/dev/null", "-e", f"trace={moment.call}", "-e", tamper)
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGTERM)
        tracer.wait()


def _wait_for_the_end(
    process: subprocess.Popen[bytes], writers: list[Writer], moment: Boundary | float
) -> None:
    deadline = time.monotonic() + 20 * LONGEST_S
    while not any(w.answered for w in writers) and time.monotonic() < deadline:
        if process.poll() is not None:
            return
        time.sleep(0.001)
    patience = 10 * LONGEST_S if isinstance(moment, Boundary) else moment
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)


def _judge(database: Path, writers: list[Writer], settled: dict[str, State], told: Told) -> None:
    """Open the journal as its owner would, and compare."""
    found: dict[str, State] = {writer.name: {} for writer in writers}
    agent = open_directory(
        Serving().configuration(), clock=SystemClock(), entropy=SystemEntropy(), path=database
    )
    try:
        told.wrong += [f"verify: {each}" for each in agent.store.verify()]
        port = EmbeddedPort(agent, local_session(agent))
        people = SearchRequest(SUFFIX, Scope.ONE, parse_filter("(uid=*)"))
        told.entries = 0
        for entry in iterate(port, people):
            told.entries += 1
            uid = entry.values("uid")[0].decode()
            if not {"cn", "sn", "mail"} <= {name.lower() for name in entry.attributes}:
                told.wrong.append(f"{uid} is not whole: {sorted(entry.attributes)}")
            state = found.setdefault(uid.rpartition("-")[0], {})
            state[uid] = entry.values("description")[0].decode()
    finally:
        agent.shutdown()
    for name, state in settled.items():
        if found.get(name, {}) != state:
            told.wrong.append(f"{name}, which was settled, is different now")
    for writer in writers:
        told.wrong += writer.refused
        told.sent += writer.sent
        told.answered += writer.answered
        settled[writer.name] = state = found[writer.name]
        kept = range(writer.answered, writer.sent + 1)
        # the most requests that lead there: a delete undoes what its add did
        count = next((n for n in reversed(kept) if state_after(writer.name, n) == state), None)
        if count is None:
            told.wrong.append(
                f"{writer.name}: {writer.answered} answered of {writer.sent}, but there is "
                f"{sorted(state.items())[-8:]}"
            )
        else:
            told.kept += count


if __name__ == "__main__":
    sys.exit(main())
