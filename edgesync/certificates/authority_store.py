"""The certification authorities of a lab, kept: certificates, keys, and what was revoked.

Two by convention (:func:`found_authorities`): ``enterprise``, which the machines of the domain
trust, and ``public``, which issues under ``public-root``, trusted by everybody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from directory.clock import Clock
from directory.entropy import Entropy
from edgesync.certificates.authority import Authority, Revoked, make_authority
from edgesync.certificates.certificate import RootCAType, parse_certificate
from edgesync.certificates.crl import CrlSource
from edgesync.certificates.keys import KeySource
from edgesync.certificates.names import show_name
from edgesync.certificates.private_files import (
    make_private_folder,
    remove_drafts,
    replace_private,
    sync_folder,
)
from edgesync.errors import CertificateUnreadable, NoSuchThing

SCHEMA = "edgesync.authorities/1"
_INDEX = "index.json"


class AuthorityStore:
    """Authorities by name. In a folder every change is written through, the index last."""

    def __init__(
        self, authorities: Mapping[str, Authority] | None = None, folder: Path | None = None
    ) -> None:
        self._authorities = dict(authorities or {})
        self._folder = folder

    @classmethod
    def open(cls, folder: Path) -> AuthorityStore:
        """The authorities kept in a folder; none when there is no such folder yet.

        Raises:
            CertificateUnreadable: when a file is damaged; names it.
        """
        index = folder / _INDEX
        remove_drafts(folder)
        if not index.exists():
            return cls({}, folder)
        try:
            document = json.loads(index.read_text("utf-8"))
            authorities: dict[str, Authority] = {}
            for row in document["authorities"]:
                authorities[row["name"]] = _read(folder, row, authorities)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise CertificateUnreadable(
                f"{index}: the authorities cannot be read: {error}",
                "restore the lab from a snapshot",
            ) from error
        return cls(authorities, folder)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the authorities, issuers before what they issued."""
        return tuple(self._authorities)

    def get(self, name: str) -> Authority:
        """One authority.

        Raises:
            NoSuchThing: when there is none of that name.
        """
        if name not in self._authorities:
            known = ", ".join(self._authorities) or "none yet"
            raise NoSuchThing(f"no certification authority {name!r}", f"known are {known}")
        return self._authorities[name]

    def issuer_of(self, issuer: str) -> str | None:
        """Name of the authority with this subject, as certificates show it."""
        for name, authority in self._authorities.items():
            if show_name(authority.certificate.subject) == issuer:
                return name
        return None

    def put(self, **authorities: Authority) -> None:
        """Add or change authorities; those below a changed one see the change."""
        changed = {**self._authorities}
        for key, authority in authorities.items():
            changed[key.replace("_", "-")] = authority
        for name, authority in changed.items():
            if authority.parent is not None:
                mine = authority.parent.certificate
                above = next((a for a in changed.values() if a.certificate == mine), None)
                changed[name] = replace(authority, parent=above or authority.parent)
        if self._folder:
            _write(self._folder, self._authorities, changed)
        self._authorities = changed

    def crls(self, clock: Clock) -> CrlSource:
        """Answers for every authority's list, current at the clock's time."""

        def fetch(url: str) -> bytes | None:
            for authority in self._authorities.values():
                if authority.crl_url == url:
                    return authority.crl(now=clock.now())
            return None

        return fetch

    def fork(self) -> AuthorityStore:
        """An independent copy in memory."""
        return AuthorityStore(self._authorities)


@dataclass(frozen=True, slots=True)
class Founding:
    """What the authorities of an organisation are named after."""

    organization: str
    dns_domain: str


def found_authorities(
    store: AuthorityStore, founding: Founding, *, now: datetime, entropy: Entropy, keys: KeySource
) -> None:
    """Make the enterprise and the public authority, unless they are there already."""
    if store.names:
        return
    domain = founding.dns_domain
    context = ", ".join(f"DC={label}" for label in domain.split("."))
    enterprise = make_authority(
        f"CN={founding.organization} Enterprise CA, {context}",
        keys.next_key("enterprise"),
        now=now,
        entropy=entropy,
        kind=RootCAType.ENTERPRISE,
        crl_url=f"http://crl.{domain}/enterprise.crl",
    )
    root = make_authority(
        "CN=Lab Public Root CA, O=Lab Public Trust, C=NL",
        keys.next_key("public-root"),
        now=now,
        entropy=entropy,
        kind=RootCAType.THIRD_PARTY,
        crl_url="http://crl.public.test/public-root.crl",
    )
    public = make_authority(
        "CN=Lab Public Issuing CA, O=Lab Public Trust, C=NL",
        keys.next_key("public"),
        now=now,
        entropy=entropy,
        kind=RootCAType.THIRD_PARTY,
        crl_url="http://crl.public.test/public.crl",
        parent=root,
    )
    store.put(enterprise=enterprise, public_root=root, public=public)


def _write(folder: Path, before: Mapping[str, Authority], after: Mapping[str, Authority]) -> None:
    make_private_folder(folder)
    for name, authority in after.items():
        if name in before and before[name].certificate == authority.certificate:
            continue
        key = authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem = authority.certificate.public_bytes(Encoding.PEM)
        replace_private(folder / f"{name}.pem", pem)
        replace_private(folder / f"{name}.key", key)
    rows = [_row(name, authority, after) for name, authority in after.items()]
    text = json.dumps({"schema": SCHEMA, "authorities": rows}, indent=1) + "\n"
    replace_private(folder / _INDEX, text.encode())
    sync_folder(folder)


def _row(name: str, authority: Authority, known: Mapping[str, Authority]) -> dict[str, Any]:
    above = authority.parent
    parent = next((n for n, a in known.items() if above and a.certificate == above.certificate), "")
    return {
        "name": name,
        "kind": authority.kind.value,
        "crl_url": authority.crl_url,
        "parent": parent,
        "revoked": [{"serial": f"{r.serial:X}", "at": r.at.isoformat()} for r in authority.revoked],
    }


def _read(folder: Path, row: dict[str, Any], known: Mapping[str, Authority]) -> Authority:
    name = str(row["name"])
    key = load_pem_private_key(
        (folder / f"{name}.key").read_bytes(), None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{name}.key holds no RSA key")
    return Authority(
        parse_certificate((folder / f"{name}.pem").read_bytes(), f"{name}.pem"),
        key,
        RootCAType(row["kind"]),
        str(row["crl_url"]),
        known[row["parent"]] if row["parent"] else None,
        tuple(
            Revoked(int(r["serial"], 16), datetime.fromisoformat(r["at"])) for r in row["revoked"]
        ),
    )
