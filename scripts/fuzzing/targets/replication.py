"""The configuration of ``sync run --config``."""

from __future__ import annotations

from pathlib import Path

from edgesync.errors import ConfigurationError, InputInvalid, NoSuchThing
from edgesync.sync.foreign_config import parse_config
from scripts.fuzzing.target import Target, promise

_FOLDER = Path("/nonexistent")
"""Where no password file is: nothing of this machine is read."""


def run_sync_config(data: bytes) -> None:
    """Read a configuration: its jobs have names of their own."""
    found = parse_config(data.decode("utf-8", "replace"), _FOLDER / "sync.toml")
    names = [job.name for job in found.jobs]
    promise(len(set(names)) == len(names) > 0, "jobs without names of their own")


_CONFIG = (
    (b'cookie_valid_days = 3\nstate = "x.db"\n[source]\nurl = "ldap://a.test"\nstart_tls = true\n'
    b'[target]\nurl = "ldaps://[::1]"\nverify = false\nca_file = "ca"\n[[job]]\nname = "people"\n'
    b'source_base = "ou=people,o=a"\nsource_scope = "one"\nsource_filter = "(a=b)"\n'
    b'target_base = "o=b"\nobject_classes = ["top"]\nkey = "k"\nrdn = "cn"\nrdn_source = "uid"\n'
    b'[job.attributes]\nsn = "sn"\nmail = { from = "mail", as = "hash" }\n'),
)  # fmt: skip

SYNC_CONFIG = Target(
    "sync-config",
    "the configuration of sync run --config (TOML)",
    "every job has a name of its own",
    run_sync_config,
    (InputInvalid, ConfigurationError, NoSuchThing),
    lambda: _CONFIG,
    words=(
        b"[[job]]\n",
        b"[source]\n",
        b"[target]\n",
        b"[job.attributes]\n",
        b"name = ",
        b"{ from = ",
        b'as = "hash"',
        b"cookie_valid_days = ",
        b"inf",
        b"[[",
    ),
    growers={
        "a dotted key": lambda n: b"a" + b".a" * (n // 2) + b" = 1\n",
        "nested arrays": lambda n: b"a = " + b"[" * n,
        "a large number": lambda n: b"cookie_valid_days = " + b"9" * n + b"\n",
        "an unknown key": lambda n: b"k" * n + b" = 1\n",
        "many jobs": lambda n: b"[[job]]\n" * (n // 8),
    },
)

TARGETS = (SYNC_CONFIG,)
