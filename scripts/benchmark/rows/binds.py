"""Simple binds beside slapd, with passwords kept equally well.

{SSHA}, which both know, measures what a bind costs besides hashing. What keeps a password well is a
hash that needs time and memory: scrypt (N = 2^14, r = 8, 16 MB) is what we make of a password, and
Argon2id (slappasswd's defaults) the best slapd has. We remember for a while that a password was
right, under the stored hash itself, so that another password ends that at once; slapd does not.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from directory.model import messages
from directory.model.dn import DN
from directory.model.entry import Entry
from scripts.benchmark import recipients
from scripts.benchmark.bench import Bench
from scripts.benchmark.data import write_requests
from scripts.benchmark.reader import reader
from scripts.benchmark.row import Contenders, NotHere, Row, Sample, at_least
from scripts.benchmark.rows.searches import beside_slapd
from scripts.benchmark.servers import Server
from tests.support.peers import find_tool
from tests.support.slapd import MODULES

ACCOUNT = f"cn=Well Kept,ou=Services,{recipients.SUFFIX}"
PASSWORD = "correct horse battery staple"


@contextmanager
def _well_kept(bench: Bench) -> Iterator[Contenders]:
    requests = bench.folder / "well-kept.req"
    credentials = messages.SimpleCredentials(PASSWORD.encode())
    write_requests(requests, [messages.BindRequest(3, ACCOUNT, credentials)])

    def load(server: Server) -> Callable[[], Sample]:
        return lambda: bench.load(server, requests, 16, 1, is_anonymous=True)

    ours = bench.ours()
    _add_account(ours, PASSWORD.encode())
    found = {"edgesync": load(ours)}
    with suppress(NotHere):
        theirs = bench.slapd()
        _add_account(theirs, _argon2())
        found["slapd"] = load(theirs)
    yield found


def _add_account(server: Server, password: bytes) -> None:
    entry = Entry(DN.parse(ACCOUNT), {"objectClass": (b"person",), "cn": (b"Well Kept",),
                                      "sn": (b"Kept",), "userPassword": (password,)})  # fmt: skip
    who = (recipients.ADMIN, recipients.ADMIN_PASSWORD)
    with reader(server.port, who) as client:
        client.ask(messages.AddRequest(entry))


def _argon2() -> bytes:
    program = find_tool("slappasswd")
    if program is None or not Path(MODULES, "argon2.so").exists():
        raise NotHere("slapd's argon2 module")
    command = [program, "-o", f"module-path={MODULES}", "-o", "module-load=argon2",
               "-h", "{ARGON2}", "-s", PASSWORD, "-n"]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True).stdout.strip()


ROWS = (
    Row("simple bind, scrypt and Argon2, 16 connections", "binds/s", _well_kept,
        at_least(1, times="slapd")),
    Row("simple bind, {SSHA} on both, 16 connections", "binds/s",
        beside_slapd("bind", 16, 1, is_anonymous=True)),
)  # fmt: skip
