"""What docs/recovery.md promises: damage is found and named, nothing gets worse, there is a way."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edgesync.lab.folder import new_lab, open_lab
from edgesync.lab.paths import LabFolder
from edgesync.lab.restoring import NOTE_FILE
from scripts.crash.content import command, content
from tests.support.peers import BY_DESIGN, ROOT, require_tool
from tests.support.program import TIMEOUT_S

PAGE = 4096


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab with a snapshot called good; nobody changes it."""
    lab = tmp_path_factory.mktemp("kept") / "lab"
    ok(lab, "lab", "new", "--recipients", "3", "--hubs", "1", "--sites", "1", "--edges", "1")
    ok(lab, "lab", "snapshot", "good")
    return lab


@pytest.fixture
def lab(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "lab"))


def ok(lab: Path, *words: str) -> str:
    code, said = command(*words, "--lab", str(lab))
    assert code == 0, said
    return said


def overwritten_page(lab: Path) -> None:
    path = lab / "directories/AD.db"
    data = bytearray(path.read_bytes())
    middle = len(data) // PAGE // 2 * PAGE
    data[middle : middle + 2 * PAGE] = b"\xaa" * 2 * PAGE
    path.write_bytes(data)


def truncated_journal(lab: Path) -> None:
    os.truncate(lab / "directories/AD.db", 5 * PAGE + 100)


def empty_journal(lab: Path) -> None:
    (lab / "directories/AD.db").write_bytes(b"not a database at all, but as long as a header" * 30)


def emptied_journal(lab: Path) -> None:
    (lab / "directories/AD.db").write_bytes(b"")


def later_format(lab: Path) -> None:
    with closing(sqlite3.connect(lab / "directories/AD.db")) as database, database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'format'")


def lost_journal(lab: Path) -> None:
    (lab / "directories/EDGE01.db").unlink()


def damaged_ledger(lab: Path) -> None:
    (lab / "lab.db").write_bytes(b"junk" * 1000)


def half_description(lab: Path) -> None:
    (lab / "lab.json").write_text('{"schema": ')


def lost_certificate(lab: Path) -> None:
    next((lab / "machines/HUB01/my").glob("*.pem")).unlink()


DAMAGE = [
    (overwritten_page, "AD.db"), (truncated_journal, "AD.db"), (empty_journal, "AD.db"),
    (emptied_journal, "AD.db is empty"), (later_format, "format 99"),
    (lost_journal, "EDGE01.db is missing"), (damaged_ledger, "lab.db"),
    (half_description, "lab.json"), (lost_certificate, "HUB01"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "named"), DAMAGE, ids=lambda value: getattr(value, "__name__", "")
)
def test_damage_is_named_with_a_hint_and_a_snapshot_mends_it(
    lab: Path, damage: Callable[[Path], None], named: str
) -> None:
    before = content(lab, volatile=True)
    damage(lab)
    files = {path: path.read_bytes() for path in lab.glob("directories/*.db")}
    code, said = command("directory", "verify", "--lab", str(lab))
    assert code == 1
    assert named in said.partition("hint:")[0]
    assert "hint: " in said
    assert "fault of the tool" not in said
    assert {path: path.read_bytes() for path in files} == files, "nothing is made worse"
    ok(lab, "lab", "restore", "good")
    ok(lab, "directory", "verify")
    assert content(lab, volatile=True) == before


@pytest.mark.peers
def test_what_is_left_of_a_damaged_journal_can_be_read_with_sqlites_own_tool(lab: Path) -> None:
    """The way out that docs/recovery.md names for a lab without a snapshot."""
    sqlite = require_tool("sqlite3")
    overwritten_page(lab)
    done = subprocess.run(
        [sqlite, "-readonly", lab / "directories/AD.db", ".dump"],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    names = re.findall(r"INSERT INTO entry VALUES\(\d+,\d+,'(\w+=[^']*)'", done.stdout)
    assert len(names) > 20, "two pages of fifteen are gone"
    assert any(name.startswith("CN=Alan Abbott") for name in names)


def test_an_exported_organisation_outlives_its_lab(lab: Path, tmp_path: Path) -> None:
    """The other way out: what was written as LDIF goes into a new lab."""
    saved = tmp_path / "saved.ldif"
    people = content(lab)["AD"]
    ok(lab, "directory", "export", str(saved), "--base", "CN=Users,DC=contoso,DC=test")
    truncated_journal(lab)
    again = tmp_path / "again"
    ok(again, "lab", "new", "--recipients", "0", "--hubs", "1", "--sites", "1", "--edges", "1")
    ok(again, "lab", "import", "--ldif", str(saved))
    found = content(again)["AD"]
    assert {dn for dn in people if "CN=Users" in dn} <= found.keys()


def test_damage_in_the_past_alone_is_found_by_verify_and_the_present_still_works(
    lab: Path,
) -> None:
    ok(lab, "cert", "renew", "HUB01", "--yes")
    with closing(sqlite3.connect(lab / "directories/AD.db")) as database, database:
        database.execute("UPDATE change SET before = x'30FF01' WHERE before IS NOT NULL")
    code, said = command("directory", "verify", "--lab", str(lab))
    assert code == 3, said
    assert "replaced cannot be read" in said
    ok(lab, "directory", "search", "(cn=HUB01)")
    code, said = command("directory", "log", "--lab", str(lab))
    assert code in {0, 1}
    assert "Traceback" not in said


def test_a_torn_log_of_the_last_changes_leaves_a_whole_directory(lab: Path) -> None:
    """Cutting the -wal file takes the newest changes away, each of them entirely."""
    journal = lab / "directories/AD.db"
    keeper = sqlite3.connect(journal)  # an open reader keeps SQLite from folding the log in
    keeper.execute("SELECT count(*) FROM entry").fetchone()
    ok(lab, "cert", "renew", "HUB01", "--yes")
    log = journal.with_name("AD.db-wal")
    torn = log.read_bytes()[: log.stat().st_size // 2]
    keeper.close()
    shutil.copy(lab.parent / "lab/directories/AD.db", lab.parent / "base.db")
    log.write_bytes(torn)
    ok(lab, "directory", "verify")


def test_without_its_ledger_a_lab_goes_on_and_repeats_no_identity(lab: Path) -> None:
    ok(lab, "cert", "renew", "HUB01", "--yes")
    with open_lab(lab) as opened:
        changed = max(e.changed_at for e in opened.ad.agent.store.dit.entries if e is not None)
    for left in lab.glob("lab.db*"):
        left.unlink()
    ldif = lab.parent / "people.ldif"
    ldif.write_text(
        "version: 1\n\ndn: CN=New,CN=Users,DC=contoso,DC=test\nobjectClass: user\ncn: New\n"
        "sAMAccountName: new\n"
    )
    with open_lab(lab) as opened:
        before = opened.clock.now()
        assert before.timestamp() == changed
        guids = set(opened.ad.agent.store.guids)
    ok(lab, "directory", "import", str(ldif))
    with open_lab(lab) as opened:
        assert opened.clock.now() >= before
        assert len(set(opened.ad.agent.store.guids) - guids) == 1
    ok(lab, "directory", "verify")


@pytest.mark.parametrize("step", ["aside", "place"])
def test_a_restore_cut_short_is_finished_by_the_next_command(lab: Path, step: str) -> None:
    wanted = content(lab, volatile=True)
    ok(lab, "cert", "renew", "HUB01", "--yes")
    copy, aside = lab / "snapshot.restoring", lab / "lab.replaced"
    shutil.copytree(lab / "snapshots/good", copy)
    aside.mkdir()
    (lab / "machines").rename(aside / "machines")
    if step == "place":
        for name in ("directories", "lab.db", "lab.json"):
            (lab / name).rename(aside / name)
        (copy / "machines").rename(lab / "machines")
    (lab / NOTE_FILE).write_text(f'{{"next": "{step}"}}')
    ok(lab, "directory", "verify")
    assert content(lab, volatile=True) == wanted
    assert not copy.exists()
    assert not aside.exists()


def test_a_lab_that_was_never_finished_is_made_anew_without_force(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    LabFolder(lab).create(force=False)
    (lab / "directories/AD.db").write_bytes(b"half")
    assert command("lab", "status", "--lab", str(lab))[0] == 4
    ok(lab, "lab", "new", "--recipients", "1", "--hubs", "1", "--sites", "1", "--edges", "0")
    ok(lab, "directory", "verify")


def test_a_folder_that_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    code, _ = command("lab", "new", "--lab", str(tmp_path))
    assert code == 6
    assert (tmp_path / "thesis.txt").exists()


def test_a_server_whose_setup_was_cut_short_can_be_added_again(lab: Path) -> None:
    (lab / "machines/EDGE09").mkdir()
    shutil.copy(lab / "directories/EDGE01.db", lab / "directories/EDGE09.db")
    ldif = lab.parent / "nobody.ldif"
    ldif.write_text("version: 1\n")
    ok(lab, "lab", "import", "--ldif", str(ldif), "--edge", "EDGE09")
    ok(lab, "directory", "verify")
    with open_lab(lab) as opened:
        assert "EDGE09" in opened.edges


def test_a_file_size_limit_is_a_full_disk_and_no_fault_of_the_tool(lab: Path) -> None:
    size = (lab / "directories/AD.db").stat().st_size
    ldif = lab.parent / "people.ldif"
    ldif.write_text("version: 1\n" + "".join(
        f"\ndn: CN=P{n},CN=Users,DC=contoso,DC=test\nobjectClass: user\ncn: P{n}\n"
        f"sAMAccountName: p{n}\ndescription: {'x' * 1000}\n" for n in range(1000)
    ))  # fmt: skip
    before = content(lab)
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size * 2}, {size * 2}));"
        "from edgesync.cli.main import entry; entry()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "directory", "import", str(ldif), "--lab", str(lab)],
        capture_output=True, text=True, timeout=TIMEOUT_S, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "hint: " in done.stderr
    assert "fault of the tool" not in done.stderr
    assert content(lab) == before
    ok(lab, "directory", "import", str(ldif))
    ok(lab, "directory", "verify")


def test_a_read_only_disk_is_called_so_and_not_a_lab_in_use(lab: Path, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "--bind", str(lab), str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"{BY_DESIGN}only root can mount a disk read-only")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
        code, said = command("directory", "verify", "--lab", str(place))
        assert code == 1
        assert "Read-only file system" in said
        assert "in use" not in said
    finally:
        subprocess.run(["umount", str(place)], check=True)
    ok(lab, "directory", "verify")


def test_a_failed_opening_leaves_nothing_locked(lab: Path) -> None:
    (lab / "directories/EDGE01.db").write_bytes(b"junk" * 2000)
    for _ in range(2):
        code, said = command("directory", "verify", "--lab", str(lab))
        assert code == 1
        assert "EDGE01.db" in said, "the second time it is the damage again, not a lock"


def test_a_new_lab_in_memory_needs_no_folder() -> None:
    from edgesync.lab.description import PRESETS

    with new_lab(PRESETS["contoso"](sites=1, hubs=1, edges=0, recipients=0)) as lab:
        assert lab.root is None
