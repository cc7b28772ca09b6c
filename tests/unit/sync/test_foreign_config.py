"""The TOML of ``sync run --config``: what is refused names the key."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from edgesync.errors import ConfigurationError, InputInvalid, NoSuchThing, RefusedByRule
from edgesync.sync.foreign import run_foreign
from edgesync.sync.foreign_config import ForeignConfig, read_config

GOOD = """
[source]
url = "ldap://127.0.0.1"
bind_dn = "cn=reader"
password_file = "password"
[target]
url = "ldaps://127.0.0.1"
verify = false
[[job]]
name = "people"
source_base = "ou=people,o=a"
target_base = "ou=staff,o=b"
object_classes = ["top", "inetOrgPerson"]
key = "employeeNumber"
[job.attributes]
sn = "sn"
mail = { from = "mail", as = "hash" }
"""


def read(folder: Path, text: str) -> ForeignConfig:
    (folder / "password").write_bytes(b"secret\nsecond line")
    file = folder / "sync.toml"
    file.write_text(text, "utf-8")
    return read_config(file)


def test_a_good_file_becomes_the_engines_rows(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD)
    assert config.source.password == b"secret"
    assert "secret" not in repr(config)
    assert config.target.verification.is_off
    assert config.state == tmp_path / "sync.db"
    kind = config.jobs[0].kind
    assert kind.key == "employeeNumber"
    assert [(r.source, r.target, r.transformation) for r in kind.rules] == [
        ("sn", "sn", "copy"), ("mail", "mail", "hash"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('url = "ldap:', 'ulr = "ldap:', "source.ulr"),
        ('name = "people"', "", "job[0].name"),
        ('name = "people"', "name = 7", "job[0].name"),
        ("ou=people,o=a", "no dn", "job[0]"),
        ('key = "employeeNumber"', 'source_scope = "all"\nkey = "k"', "source_scope"),
        ('as = "hash"', 'as = "rot13"', "attributes.mail.as"),
        ("[[job]]", "recipient_hash = 1\n[[job]]", "target.recipient_hash"),
        ('["top", "inetOrgPerson"]', "[]", "object_classes"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert named in refused.value.message


def test_a_misspelt_key_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, GOOD.replace("bind_dn", "bind_nd"))
    assert "bind_dn" in refused.value.hint


def test_files_that_are_missing_or_no_toml(tmp_path: Path) -> None:
    with pytest.raises(NoSuchThing):
        read_config(tmp_path / "nowhere.toml")
    with pytest.raises(InputInvalid, match="line 1"):
        read(tmp_path, "= broken")
    with pytest.raises(NoSuchThing, match="password_file"):
        read(tmp_path, GOOD.replace('"password"', '"elsewhere"'))


def test_two_processes_never_run_one_configuration(tmp_path: Path) -> None:
    read(tmp_path, GOOD)
    with (tmp_path / "sync.db.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RefusedByRule, match="another process"):
            run_foreign(tmp_path / "sync.toml")
