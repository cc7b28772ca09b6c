"""A machine store on disk: PEM files, keys readable by the owner only, and one index.

``my/<thumbprint>.pem`` and ``.key``, ``roots/<thumbprint>.pem``, ``ca/<thumbprint>.pem`` and
``index.json``, which is replaced last: files it does not name do not count.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from edgesync.certificates.certificate import (
    KeyProvider,
    RootCAType,
    TransportCertificate,
    parse_certificate,
    thumbprint,
)
from edgesync.certificates.keys import PrivateKey
from edgesync.certificates.private_files import (
    make_private_folder,
    remove_drafts,
    replace_private,
    sync_folder,
)
from edgesync.certificates.services import Services, parse_services
from edgesync.certificates.store_state import StoreState, TrustedRoot
from edgesync.errors import CertificateUnreadable, UsageError

SCHEMA = "edgesync.machine-store/1"
_INDEX = "index.json"
_FOLDERS = ("my", "roots", "ca")


def read_folder(folder: Path) -> StoreState:
    """The content kept in a folder; empty when there is none.

    A key file that is gone leaves the certificate without its key, as on a real machine.

    Raises:
        CertificateUnreadable: names the file that is not what the index says.
    """
    index = folder / _INDEX
    for place in (folder, *(folder / name for name in _FOLDERS)):
        remove_drafts(place)
    if not index.exists():
        return StoreState()
    try:
        document = json.loads(index.read_text("utf-8"))
        _require_schema(document["schema"])
        personal = [_read_entry(folder / "my", row) for row in document["personal"]]
        roots = tuple(
            TrustedRoot(_read_pem(folder / "roots", row["thumbprint"]), RootCAType(row["kind"]))
            for row in document["roots"]
        )
        authorities = tuple(_read_pem(folder / "ca", mark) for mark in document["intermediates"])
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise CertificateUnreadable(
            f"{index}: not the index of a machine store: {error}",
            "restore the lab from a snapshot, or issue the certificates again",
        ) from error
    return StoreState({entry.thumbprint: entry for entry in personal}, roots, authorities)


def write_folder(folder: Path, before: StoreState, after: StoreState) -> tuple[Path, ...]:
    """Bring the folder from one content to another; returns the files written and deleted."""
    written: list[Path] = []
    make_private_folder(folder)
    for mark, entry in after.personal.items():
        if mark in before.personal and before.personal[mark].key is entry.key:
            continue
        written.append(replace_private(folder / "my" / f"{mark}.pem", entry.certificate_pem()))
        if entry.key is not None:
            written.append(replace_private(folder / "my" / f"{mark}.key", entry.key_pem()))
    known = {root.thumbprint for root in before.roots}
    written += [
        _write_certificate(folder / "roots", root.certificate)
        for root in after.roots
        if root.thumbprint not in known
    ]
    written += [
        _write_certificate(folder / "ca", authority)
        for authority in after.intermediates
        if authority not in before.intermediates
    ]
    text = json.dumps(_document(after), indent=1) + "\n"
    written.append(replace_private(folder / _INDEX, text.encode()))
    _sync_folders(folder)
    gone = [
        folder / "my" / f"{mark}{suffix}"
        for mark in before.personal
        if mark not in after.personal
        for suffix in (".key", ".pem")
    ]
    gone += [
        folder / "my" / f"{mark}.key"
        for mark, entry in after.personal.items()
        if entry.key is None and mark in before.personal and before.personal[mark].key is not None
    ]
    for path in gone:
        path.unlink(missing_ok=True)
    return (*written, *gone)


def _require_schema(schema: object) -> None:
    if schema != SCHEMA:
        raise ValueError(f"schema is {schema!r}")


def _document(state: StoreState) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "personal": [
            {
                "thumbprint": entry.thumbprint,
                "services": list(entry.services.words),
                "friendly_name": entry.friendly_name,
                "exportable": entry.exportable,
                "network_service": entry.network_service,
                "key_provider": entry.key_provider.value,
                "request": base64.b64encode(entry.request).decode() if entry.request else None,
            }
            for entry in state.personal.values()
        ],
        "roots": [{"thumbprint": r.thumbprint, "kind": r.kind.value} for r in state.roots],
        "intermediates": [_mark(authority) for authority in state.intermediates],
    }


def _read_entry(folder: Path, row: dict[str, Any]) -> TransportCertificate:
    mark = str(row["thumbprint"])
    request = row["request"]
    return TransportCertificate(
        _read_pem(folder, mark),
        _read_key(folder / f"{mark}.key"),
        services=parse_services(row["services"]) if row["services"] else Services.NONE,
        friendly_name=str(row["friendly_name"]),
        exportable=bool(row["exportable"]),
        network_service=bool(row["network_service"]),
        key_provider=KeyProvider(row["key_provider"]),
        request=base64.b64decode(request) if request else None,
    )


def _read_pem(folder: Path, mark: str) -> x509.Certificate:
    path = folder / f"{mark}.pem"
    try:
        certificate = parse_certificate(path.read_bytes(), str(path))
    except FileNotFoundError as error:
        raise CertificateUnreadable(
            f"{path} is missing", "restore it, or the lab from a snapshot"
        ) from error
    if _mark(certificate) != mark:
        raise CertificateUnreadable(
            f"{path} holds another certificate", "restore it, or the lab from a snapshot"
        )
    return certificate


def _read_key(path: Path) -> PrivateKey | None:
    try:
        # Our own file, written from a valid key: checking the primes again costs 40 ms each.
        key = load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CertificateUnreadable(
            f"{path} is not a private key", "restore it, or delete it to go on without the key"
        ) from error
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise CertificateUnreadable(f"{path} holds a key of another kind", "delete the file")
    return key


def _mark(certificate: x509.Certificate) -> str:
    return thumbprint(certificate.public_bytes(Encoding.DER))


def _write_certificate(folder: Path, certificate: x509.Certificate) -> Path:
    data = certificate.public_bytes(Encoding.PEM)
    return replace_private(folder / f"{_mark(certificate)}.pem", data)


def _sync_folders(folder: Path) -> None:
    for place in (*(folder / name for name in _FOLDERS), folder):
        if place.is_dir():
            sync_folder(place)
