"""The machine store: what is on disk, who may read it, and what survives a crash."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from edgesync.certificates.certificate import RootCAType
from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.cmdlets.outcome import Answer
from edgesync.certificates.cmdlets.request import new_request
from edgesync.certificates.cmdlets.setup import setup_certificate
from edgesync.certificates.store import MachineStore
from edgesync.errors import CertificateUnreadable

from .bench import Bench, bench


def on_disk(tmp_path: Path) -> Bench:
    made = bench(store=MachineStore.open(tmp_path / "machine"))
    setup_certificate(made.host)
    return made


def test_an_empty_folder_is_an_empty_store(tmp_path: Path) -> None:
    store = MachineStore.open(tmp_path / "nothing")
    assert store.certificates == ()
    assert not (tmp_path / "nothing").exists()


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    made = on_disk(tmp_path)
    new(made.host, NewCertificate(private_key_exportable=True, friendly_name="Ünïcode"))
    new_request(made.host)
    made.host.store.add_intermediate(made.host.store.certificates[0].certificate)
    again = MachineStore.open(tmp_path / "machine")
    assert len(again.certificates) == 3
    for before, after in zip(made.host.store.certificates, again.certificates, strict=True):
        assert after.key_pem() == before.key_pem()
        assert replace(after, key=None) == replace(before, key=None)
    assert again.roots == made.host.store.roots
    assert again.intermediates == made.host.store.intermediates


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    on_disk(tmp_path)
    modes = {
        path.relative_to(tmp_path): stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "machine").rglob("*")
    }
    assert {mode for path, mode in modes.items() if path.suffix} == {0o600}
    assert {mode for path, mode in modes.items() if not path.suffix} == {0o700}
    assert stat.S_IMODE((tmp_path / "machine").stat().st_mode) == 0o700


def test_keys_are_in_key_files_and_nowhere_else(tmp_path: Path) -> None:
    made = on_disk(tmp_path)
    for path in (tmp_path / "machine").rglob("*"):
        if path.is_file():
            assert ("PRIVATE KEY" in path.read_text()) == (path.suffix == ".key")
    item = made.host.store.certificates[0]
    secret = item.key_pem().decode().splitlines()[2]
    for text in (repr(item), repr(made.host.store.state), str(item), repr(made.host)):
        assert secret not in text
        assert "PRIVATE" not in text
        assert "RSAPrivateKey" not in text


def test_a_mutation_says_what_it_wrote(tmp_path: Path) -> None:
    made = on_disk(tmp_path)
    outcome = new(made.host, answer=Answer.NO)
    mark = outcome.certificate.thumbprint
    assert outcome.change.stored == (mark,)
    assert {p.name for p in outcome.change.files} == {f"{mark}.pem", f"{mark}.key", "index.json"}
    removed = made.host.store.remove(mark)
    assert removed.removed == (mark,)
    assert not list((tmp_path / "machine" / "my").glob(f"{mark}*"))
    assert made.host.store.remove(mark).removed == ()


def test_a_crash_before_the_index_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = on_disk(tmp_path)
    before = [c.thumbprint for c in made.host.store.certificates]
    real = Path.replace

    def crash(self: Path, target: Path) -> Path:
        if Path(target).name == "index.json":
            raise OSError("the power went")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(OSError, match="power"):
        new(made.host, answer=Answer.NO)
    monkeypatch.undo()
    assert [c.thumbprint for c in made.host.store.certificates] == before
    assert [c.thumbprint for c in MachineStore.open(tmp_path / "machine").certificates] == before
    assert new(made.host, answer=Answer.NO)


def test_a_lost_key_file_leaves_the_certificate_without_its_key(tmp_path: Path) -> None:
    made = on_disk(tmp_path)
    mark = made.host.store.certificates[0].thumbprint
    (tmp_path / "machine" / "my" / f"{mark}.key").unlink()
    assert not MachineStore.open(tmp_path / "machine").certificates[0].has_private_key


@pytest.mark.parametrize("damage", ["cut", "schema", "words", "missing", "swapped", "key"])
def test_damage_is_named_by_file(tmp_path: Path, damage: str) -> None:
    made = on_disk(tmp_path)
    other = new(made.host, answer=Answer.NO).certificate.thumbprint
    mark = made.host.store.certificates[0].thumbprint
    folder = tmp_path / "machine"
    index = folder / "index.json"
    pem, key = folder / "my" / f"{mark}.pem", folder / "my" / f"{mark}.key"
    document = json.loads(index.read_text())
    if damage == "cut":
        index.write_text(index.read_text()[:-20])
    elif damage == "schema":
        index.write_text(json.dumps({**document, "schema": "edgesync.machine-store/9"}))
    elif damage == "words":
        document["personal"][0]["services"] = ["FTP"]
        index.write_text(json.dumps(document))
    elif damage == "missing":
        pem.unlink()
    elif damage == "swapped":
        pem.write_bytes((folder / "my" / f"{other}.pem").read_bytes())
    else:
        key.write_text("not a key")
    with pytest.raises(CertificateUnreadable) as caught:
        MachineStore.open(folder)
    assert str(folder) in caught.value.message
    assert caught.value.hint


def test_a_fork_goes_its_own_way(tmp_path: Path) -> None:
    made = on_disk(tmp_path)
    twin = made.host.store.fork()
    twin.remove(twin.certificates[0].thumbprint)
    twin.trust(made.host.store.roots[0].certificate, RootCAType.ENTERPRISE)
    assert len(made.host.store.certificates) == 1
    assert made.host.store.roots[0].kind is RootCAType.REGISTRY
    assert len(MachineStore.open(tmp_path / "machine").certificates) == 1


def test_restoring_brings_earlier_content_back_on_disk_too(tmp_path: Path) -> None:
    made = on_disk(tmp_path)
    before = made.host.store.state
    made.host.store.remove(made.host.store.certificates[0].thumbprint)
    change = made.host.store.restore(before)
    assert change.stored == tuple(before.personal)
    (item,) = MachineStore.open(tmp_path / "machine").certificates
    assert item.has_private_key


def test_nothing_is_ever_readable_by_others_even_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = os.open

    def watched(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            seen.append(mode)
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", watched)
    old = os.umask(0)
    try:
        on_disk(tmp_path)
    finally:
        os.umask(old)
    assert set(seen) == {0o600}
