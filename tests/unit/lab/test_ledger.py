import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgesync.errors import LabError
from edgesync.events import CERTIFICATE_STORED, Event
from edgesync.lab.ledger import Ledger

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)


def test_what_was_remembered_is_there_after_reopening(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "lab.db")
    ledger.set(now="x", generation=3)
    ledger.begin_command(NOW, "edgesync cert renew EDGE01")
    ledger.emit(Event(CERTIFICATE_STORED, NOW, "EDGE01", {"thumbprint": "AB", "server": "EDGE01"}))
    ledger.close()

    again = Ledger(tmp_path / "lab.db")

    assert (again.get("now"), again.get("generation"), again.get("none")) == ("x", 3, None)
    assert [c.text for c in again.commands()] == ["edgesync cert renew EDGE01"]
    [(number, event)] = again.events(server="edge01")
    again.close()
    assert number == 1
    assert event.text == "Certificate AB stored on EDGE01."


def test_a_copy_is_independent() -> None:
    ledger = Ledger(None)
    ledger.begin_command(NOW, "one")
    twin = ledger.copy()
    twin.begin_command(NOW, "two")

    assert [c.text for c in ledger.commands()] == ["one"]
    assert [c.text for c in twin.commands()] == ["one", "two"]
    ledger.close()
    twin.close()


def test_strange_bytes_are_a_clear_error_and_stay_untouched(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    path.write_bytes(b"not a database at all" * 100)

    with pytest.raises(LabError) as caught:
        Ledger(path)

    assert "snapshot" in caught.value.hint
    assert path.read_bytes().startswith(b"not a database")


def test_the_file_is_plain_sqlite(tmp_path: Path) -> None:
    Ledger(tmp_path / "lab.db").close()

    connection = sqlite3.connect(tmp_path / "lab.db")
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()

    assert {"command", "event", "state"} <= names
