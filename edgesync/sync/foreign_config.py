"""The TOML of ``sync run --config``: read, checked, turned into the engine's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from directory.errors import ParseError
from directory.model.dn import DN
from directory.model.filter import And, Equality, Present, parse_filter
from directory.model.messages import Scope
from edgesync.config import Policy
from edgesync.errors import ConfigurationError, InputInvalid, NoSuchThing
from edgesync.organization.address_hash import ADDRESS_HASHES
from edgesync.port.ldap import Verification
from edgesync.sync.kinds import AttributeRule, Identity, ReplicatedKind
from edgesync.sync.transform import TRANSFORMATIONS, Setting
from edgesync.toml import parse_toml

_SCOPES = {"one": Scope.ONE, "subtree": Scope.SUBTREE, "base": Scope.BASE}
_TOP = {"source", "target", "job", "state", "cookie_valid_days", "recipient_hash"}
_ENDPOINT = {"url", "bind_dn", "password_file", "start_tls", "ca_file", "verify"}
_JOB = {
    "name", "source_base", "source_scope", "source_filter", "target_base", "object_classes",
    "key", "rdn", "rdn_source", "attributes",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the two directories."""

    url: str
    bind_dn: str = ""
    password: bytes = field(default=b"", repr=False)
    start_tls: bool = False
    verification: Verification = field(default_factory=Verification)


@dataclass(frozen=True, slots=True)
class ForeignJob:
    """One job: its name and what it replicates."""

    name: str
    kind: ReplicatedKind


@dataclass(frozen=True, slots=True)
class ForeignConfig:
    """The whole file."""

    source: Endpoint
    target: Endpoint
    jobs: tuple[ForeignJob, ...]
    state: Path
    cookie_valid: timedelta


def read_config(path: Path) -> ForeignConfig:
    """Read and check a file; relative paths in it start at its folder.

    Raises:
        NoSuchThing: there is no such file.
        InputInvalid: not TOML. ConfigurationError: a key or value that cannot be; names it.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise NoSuchThing(f"no file {path}", "give the path of a file that exists") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{path}: {error}", "see docs/sync.md for an example") from error
    return parse_config(text, path)


def parse_config(text: str, path: Path) -> ForeignConfig:
    """Check a file's text; ``path`` is where it lies.

    Raises:
        InputInvalid, ConfigurationError: as ``read_config``. NoSuchThing: a password file is not
            there.
    """
    try:
        given = parse_toml(text)
    except ValueError as error:
        raise InputInvalid(f"{path}: {error}", "see docs/sync.md for an example") from error
    _known(given, _TOP, "")
    folder = path.parent
    days = _value(given, "cookie_valid_days", int, "", 21)
    word = _value(given, "recipient_hash", str, "", Policy().recipient_hash)
    if word not in ADDRESS_HASHES:
        raise _wrong("recipient_hash", f"use one of {', '.join(ADDRESS_HASHES)}")
    jobs = tuple(
        _job(item, f"job[{number}]", word)
        for number, item in enumerate(_value(given, "job", list, ""))
    )
    names = [job.name for job in jobs]
    if len(set(names)) != len(names) or not names:
        raise _wrong("job", "at least one, each with a name of its own")
    return ForeignConfig(
        _endpoint(_value(given, "source", dict, ""), "source", folder),
        _endpoint(_value(given, "target", dict, ""), "target", folder),
        jobs,
        folder / _value(given, "state", str, "", path.stem + ".db"),
        timedelta(days=days),
    )


def _endpoint(given: Mapping[str, Any], where: str, folder: Path) -> Endpoint:
    _known(given, _ENDPOINT, where)
    password = b""
    if "password_file" in given:
        file = folder / _value(given, "password_file", str, where)
        try:
            password = file.read_bytes().split(b"\n")[0].rstrip(b"\r")
        except OSError as error:
            raise NoSuchThing(
                f"{where}.password_file: {file}: {error.strerror}", "put the password in it"
            ) from error
    ca_file = _value(given, "ca_file", str, where, "")
    verification = Verification(
        ca_file=folder / ca_file if ca_file else None,
        is_off=not _value(given, "verify", bool, where, True),
    )
    return Endpoint(
        _value(given, "url", str, where),
        _value(given, "bind_dn", str, where, ""),
        password,
        _value(given, "start_tls", bool, where, False),
        verification,
    )


def _job(given: Mapping[str, Any], where: str, hash_word: str) -> ForeignJob:
    _known(given, _JOB, where)
    name = _value(given, "name", str, where)
    classes = tuple(str(c) for c in _value(given, "object_classes", list, where))
    if not classes:
        raise _wrong(f"{where}.object_classes", "name the classes of the target's entries")
    scope = _value(given, "source_scope", str, where, "subtree")
    if scope not in _SCOPES:
        raise _wrong(f"{where}.source_scope", f"use one of {', '.join(_SCOPES)}")
    try:
        source_base = DN.parse(_value(given, "source_base", str, where))
        target_base = DN.parse(_value(given, "target_base", str, where))
        source_filter = parse_filter(
            _value(given, "source_filter", str, where, "(objectClass=person)")
        )
    except ParseError as error:
        raise _wrong(where, str(error)) from error
    rdn = _value(given, "rdn", str, where, "cn")
    key = _value(given, "key", str, where)
    kind = ReplicatedKind(
        name=name,
        job=name,
        source_base=source_base,
        source_scope=_SCOPES[scope],
        source_filter=source_filter,
        target_base=target_base,
        classes=tuple(c.encode() for c in classes),
        rules=tuple(_rules(_value(given, "attributes", dict, where), f"{where}.attributes")),
        identity=Identity.GUID_ATTRIBUTE,
        setting=Setting(((source_base, target_base),), ADDRESS_HASHES[hash_word]),
        # Only entries with a key are replicas; others below the base belong to somebody else.
        target_filter=And((Equality("objectClass", classes[-1].encode()), Present(key))),
        key=key,
        key_is_text=True,
        rdn=rdn,
        rdn_source=_value(given, "rdn_source", str, where, rdn),
    )
    return ForeignJob(name, kind)


def _rules(given: Mapping[str, Any], where: str) -> list[AttributeRule]:
    """``target = "source"``, or ``target = { from = "source", as = "hash" }``."""
    rules = []
    for target, origin in given.items():
        if isinstance(origin, str):
            rules.append(AttributeRule(origin, target))
            continue
        if not isinstance(origin, dict):
            raise _wrong(f"{where}.{target}", "write the source attribute's name")
        _known(origin, {"from", "as"}, f"{where}.{target}")
        word = _value(origin, "as", str, where, "copy")
        if word not in TRANSFORMATIONS:
            raise _wrong(f"{where}.{target}.as", f"use one of {', '.join(TRANSFORMATIONS)}")
        rules.append(AttributeRule(_value(origin, "from", str, where), target, word))
    return rules


_REQUIRED = object()


def _value(
    given: Mapping[str, Any], key: str, kind: type, where: str, default: Any = _REQUIRED
) -> Any:
    name = f"{where}.{key}" if where else key
    if key not in given:
        if default is _REQUIRED:
            raise ConfigurationError(f"{name} is missing", "see docs/sync.md for an example")
        return default
    value = given[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _wrong(name, f"it must be a {kind.__name__}")
    return value


def _known(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigurationError(f"unknown key {where + '.' if where else ''}{key}", hint)


def _wrong(name: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{name} cannot be as it is", hint)
