"""The commands that are killed: what they start from, and what must be true of what they leave."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgesync.cli.main import main
from scripts.crash.content import PRIVATE, Content, command, content, expect, known
from scripts.crash.people import PEOPLE, write_people

SITE = "Default-First-Site-Name"
NEW = ("lab", "new", "--recipients", "4", "--hubs", "1", "--sites", "1", "--edges", "1")
Complaints = Iterator[str]


@dataclass(frozen=True, slots=True)
class Workload:
    """One command. ``case`` is a folder with the lab in ``lab`` and the files it needs beside."""

    name: str
    prepare: Callable[[Path], None]
    """Make the case the command starts from."""
    words: Callable[[Path], tuple[str, ...]]
    """The command, for a case."""
    survived: Callable[[Path, Path], Complaints]
    """(case, the case before): what is wrong before anything is continued."""
    go_on: Callable[[Path, Path], Complaints]
    """(case, a case in which nothing was killed): finish the work; what is wrong then."""
    opens: bool = True
    """Whether there must be a lab to verify at every moment."""
    one_in: int = 1
    """Of its boundaries one in so many is taken: what is not in the issue's list, a sample of."""

    def act(self, case: Path) -> int:
        """Run the command."""
        return main(self.words(case))


def _lab(case: Path) -> tuple[str, ...]:
    return ("--lab", str(case / "lab"))


def _ok(*words: str) -> None:
    code, said = command(*words)
    if code:
        raise RuntimeError(f"{words} ended with {code}: {said}")


def _new(case: Path) -> None:
    _ok(*NEW, *_lab(case))


def _exported(case: Path) -> None:
    _new(case)
    _ok("subscription", "export", "EDGE01", "--file", str(case / "EDGE01.xml"), "--yes",
        *_lab(case))  # fmt: skip


def _subscribed(case: Path) -> None:
    _exported(case)
    _ok("subscription", "import", str(case / "EDGE01.xml"), "--site", SITE, *_lab(case))


def _synchronized(case: Path) -> None:
    _subscribed(case)
    _ok("sync", "run", *_lab(case))


# import: one file, all of it or nothing --------------------------------------------------------


def _to_import(case: Path) -> None:
    _new(case)
    write_people(case / "people.ldif", case / "lab")


def _people(found: dict[str, Content]) -> dict[str, dict[str, tuple[bytes, ...]]]:
    return {dn: entry for dn, entry in found["AD"].items() if "imported" in dn}


def _import_survived(case: Path, before: Path) -> Complaints:
    found, old = content(case / "lab"), known(before / "lab")
    people = _people(found)
    if len(people) not in {0, PEOPLE}:
        yield f"{len(people)} of {PEOPLE} people of one transaction are there"
    rest = {dn: entry for dn, entry in found["AD"].items() if dn not in people}
    yield from _differences("what was there before", rest, old["AD"])


def _import_goes_on(case: Path, whole: Path) -> Complaints:
    if not _people(content(case / "lab")):
        yield from expect(0, "directory", "import", str(case / "people.ldif"), *_lab(case))
    yield from _same(case, whole)


# load: each entry for itself -------------------------------------------------------------------


def _load_survived(case: Path, before: Path) -> Complaints:
    people = _people(content(case / "lab"))
    marks = sorted(dn.partition(",")[0] for dn in people)
    if marks != [f"CN=imported{n:03}" for n in range(len(marks))]:
        yield f"an acknowledged entry is missing: there are {marks}"
    for dn, entry in people.items():
        if not {"mail", "proxyAddresses", "displayName"} <= entry.keys():
            yield f"{dn} is not whole: {sorted(entry)}"
    yield from _import_rest(case, before)


def _import_rest(case: Path, before: Path) -> Complaints:
    found, old = content(case / "lab"), known(before / "lab")
    missing = old["AD"].keys() - found["AD"].keys()
    yield from (f"{dn} is gone" for dn in missing)


def _load_goes_on(case: Path, whole: Path) -> Complaints:
    yield from expect(0, "lab", "import", "--ldif", str(case / "people.ldif"), *_lab(case))
    yield from _same(case, whole)


# ldif: a file is there when all of it is -------------------------------------------------------


def _ldif_survived(case: Path, before: Path) -> Complaints:
    file = case / "all.ldif"
    if file.exists():
        whole = len(known(before / "lab")["AD"])
        records = file.read_text("utf-8").count("\ndn:")
        if records != whole:
            yield f"{file.name} has {records} of {whole} entries"
        if file.stat().st_mode & PRIVATE:
            yield f"{file.name} can be read by others"


def _ldif_goes_on(case: Path, whole: Path) -> Complaints:
    file = str(case / "all.ldif")
    yield from expect(0, "directory", "export", file, "--overwrite", *_lab(case))
    yield from _ldif_survived(case, whole)
    yield from _same(case, whole)


# subscription ----------------------------------------------------------------------------------


def _export_survived(case: Path, before: Path) -> Complaints:
    yield from _differences("AD", content(case / "lab")["AD"], known(before / "lab")["AD"])


def _export_goes_on(case: Path, whole: Path) -> Complaints:
    del whole
    file = case / "EDGE01.xml"
    yield from expect(0, "subscription", "export", "EDGE01", "--file", str(file), "--force",
                      "--yes", *_lab(case))  # fmt: skip
    yield from expect(0, "subscription", "import", str(file), "--site", SITE, *_lab(case))
    yield from _synchronizes(case)


def _subscribe_survived(case: Path, before: Path) -> Complaints:
    yield from _differences(
        "EDGE01", content(case / "lab")["EDGE01"], known(before / "lab")["EDGE01"]
    )


def _subscribe_goes_on(case: Path, whole: Path) -> Complaints:
    file = str(case / "EDGE01.xml")
    yield from expect(0, "subscription", "import", file, "--site", SITE, *_lab(case))
    yield from _same(case, whole)
    yield from _synchronizes(case)


def _synchronizes(case: Path) -> Complaints:
    yield from expect(0, "sync", "run", *_lab(case))
    code, said = command("sync", "verify", "--full", "-o", "json", *_lab(case))
    states = [edge["sync_status"] for edge in json.loads(said)["edges"]] if not code else []
    if states != ["Normal"]:
        yield f"sync verify --full ended with {code} and {states}: {said[-300:]}"


# sync, renew -----------------------------------------------------------------------------------


def _sync_survived(case: Path, before: Path) -> Complaints:
    yield from _differences("AD", content(case / "lab")["AD"], known(before / "lab")["AD"])


def _sync_goes_on(case: Path, whole: Path) -> Complaints:
    yield from _synchronizes(case)
    yield from _same(case, whole)


def _renew_survived(case: Path, before: Path) -> Complaints:
    """A certificate that is published has its key, and the old one is still there."""
    code, said = command("cert", "list", "HUB01", "-o", "json", *_lab(case))
    if code:
        yield f"cert list ended with {code}: {said[-300:]}"
    old = {path.name for path in (before / "lab/machines/HUB01/my").glob("*.key")}
    there = {path.name for path in (case / "lab/machines/HUB01/my").glob("*.key")}
    yield from (f"the key {name} is gone" for name in old - there)


def _renew_goes_on(case: Path, whole: Path) -> Complaints:
    del whole
    yield from expect(0, "cert", "renew", "HUB01", "--yes", *_lab(case))
    # credentials were encrypted for the old key (edgesync-facts 5): subscribe again
    file = str(case / "again.xml")
    yield from expect(0, "subscription", "export", "EDGE01", "--file", file, "--yes", *_lab(case))
    yield from expect(0, "subscription", "import", file, "--site", SITE, *_lab(case))
    yield from _synchronizes(case)
    yield from expect(0, "trust", "matrix", *_lab(case))


# snapshot, restore, new ------------------------------------------------------------------------


def _to_restore(case: Path) -> None:
    _synchronized(case)
    _ok("lab", "snapshot", "before", *_lab(case))
    write_people(case / "people.ldif", case / "lab")
    _ok("directory", "import", str(case / "people.ldif"), *_lab(case))
    _ok("cert", "renew", "HUB01", "--yes", *_lab(case))


def _restore_survived(case: Path, before: Path) -> Complaints:
    found = content(case / "lab", volatile=True)
    old = known(before / "lab", volatile=True)
    kept = known(before / "lab/snapshots/before", volatile=True)
    if found not in (old, kept):
        yield "the lab is neither as it was nor as the snapshot is"
    keys = {p.name for p in (case / "lab/machines/HUB01/my").glob("*.key")}
    if (found == old and len(keys) != 2) or (found == kept and len(keys) != 1):
        yield f"the directories are of one time, the certificates of another: {keys}"


def _restore_goes_on(case: Path, whole: Path) -> Complaints:
    yield from expect(0, "lab", "restore", "before", *_lab(case))
    found = content(case / "lab", volatile=True)
    for server, entries in known(whole / "lab", volatile=True).items():
        yield from _differences(server, found[server], entries)


def _snapshot_survived(case: Path, before: Path) -> Complaints:
    yield from _differences("AD", content(case / "lab")["AD"], known(before / "lab")["AD"])


def _snapshot_goes_on(case: Path, whole: Path) -> Complaints:
    del whole
    listed = command("lab", "snapshot", *_lab(case))[1]
    if "second" not in listed:
        yield from expect(0, "lab", "snapshot", "second", *_lab(case))
    yield from expect(0, "lab", "restore", "second", *_lab(case))
    yield from expect(0, "directory", "verify", *_lab(case))


def _new_survived(case: Path, before: Path) -> Complaints:
    del before
    if (case / "lab/lab.json").exists():
        yield from expect(0, "directory", "verify", *_lab(case))


def _new_goes_on(case: Path, whole: Path) -> Complaints:
    if not (case / "lab/lab.json").exists():
        yield from expect(0, *NEW, *_lab(case))
    yield from _same(case, whole)


def _destroy_goes_on(case: Path, whole: Path) -> Complaints:
    del whole
    if (case / "lab/lab.json").exists():
        yield from expect(0, "lab", "destroy", "--yes", *_lab(case))
    if (case / "lab/lab.json").exists():
        yield "the lab is still there"
    yield from expect(0, *NEW, *_lab(case))


def _destroy_survived(case: Path, before: Path) -> Complaints:
    if (case / "lab/lab.json").exists():
        yield from _snapshot_survived(case, before)
    else:
        yield from expect(4, "lab", "status", *_lab(case))


# comparing -------------------------------------------------------------------------------------


def _same(case: Path, whole: Path) -> Complaints:
    found = content(case / "lab")
    for server, entries in known(whole / "lab").items():
        yield from _differences(server, found[server], entries)


def _differences(what: str, found: Content, wanted: Content) -> Complaints:
    if found == wanted:
        return
    missing, more = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    other = sorted(dn for dn in found.keys() & wanted.keys() if found[dn] != wanted[dn])
    yield f"{what}: missing {missing[:3]}, too many {more[:3]}, different {other[:3]}"


def _nothing(case: Path) -> None:
    case.mkdir(exist_ok=True)


WORKLOADS = (
    Workload(
        "import", _to_import,
        lambda case: ("directory", "import", str(case / "people.ldif"), *_lab(case)),
        _import_survived, _import_goes_on,
    ),
    Workload(
        "load", _to_import,
        lambda case: ("lab", "import", "--ldif", str(case / "people.ldif"), *_lab(case)),
        _load_survived, _load_goes_on,
    ),
    Workload(
        "ldif", _new,
        lambda case: ("directory", "export", str(case / "all.ldif"), *_lab(case)),
        _ldif_survived, _ldif_goes_on,
    ),
    Workload(
        "export", _new,
        lambda case: ("subscription", "export", "EDGE01", "--file", str(case / "EDGE01.xml"),
                      "--yes", *_lab(case)),
        _export_survived, _export_goes_on,
    ),
    Workload(
        "subscribe", _exported,
        lambda case: ("subscription", "import", str(case / "EDGE01.xml"), "--site", SITE,
                      *_lab(case)),
        _subscribe_survived, _subscribe_goes_on,
    ),
    Workload(
        "sync", _subscribed, lambda case: ("sync", "run", *_lab(case)),
        _sync_survived, _sync_goes_on,
    ),
    Workload(
        "renew", _synchronized, lambda case: ("cert", "renew", "HUB01", "--yes", *_lab(case)),
        _renew_survived, _renew_goes_on,
    ),
    Workload(
        "restore", _to_restore, lambda case: ("lab", "restore", "before", *_lab(case)),
        _restore_survived, _restore_goes_on,
    ),
    Workload(
        "snapshot", _to_restore, lambda case: ("lab", "snapshot", "second", *_lab(case)),
        _snapshot_survived, _snapshot_goes_on, one_in=4,
    ),
    Workload(
        "new", _nothing, lambda case: (*NEW, *_lab(case)), _new_survived, _new_goes_on, opens=False,
        one_in=20,
    ),
    Workload(
        "destroy", _synchronized, lambda case: ("lab", "destroy", "--yes", *_lab(case)),
        _destroy_survived, _destroy_goes_on, opens=False, one_in=2,
    ),
)  # fmt: skip


def copy_case(source: Path, target: Path) -> Path:
    """A case of one's own."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target
