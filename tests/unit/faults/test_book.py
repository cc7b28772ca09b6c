"""The list of a lab's faults: what strikes when, what is remembered, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgesync import Lab
from edgesync.errors import NoSuchThing, RefusedByRule, UsageError
from edgesync.lab.faults import book as module
from edgesync.lab.faults.book import FaultBook, Wire
from edgesync.lab.faults.fault import Fault, FaultKind
from edgesync.lab.folder import fork_lab
from edgesync.lab.network import Network

EDGE_LDAPS = Wire("EDGE01", "ldaps")
SMALL: dict[str, Any] = {"hubs": 1, "edges": 1, "recipients": 3, "sites": 1}


@pytest.fixture
def book() -> FaultBook:
    return Lab.new(**SMALL).lab.service(FaultBook)


def fault(kind: FaultKind = FaultKind.RESET, server: str = "EDGE01", **more: object) -> Fault:
    return Fault(0, kind, server, **more)  # type: ignore[arg-type]  # each test gives what it means


def struck(
    book: FaultBook, count: int, wire: Wire = EDGE_LDAPS, operation: str = "add"
) -> list[int]:
    return [n for n in range(1, count + 1) if book.request(wire, operation)]


def test_a_script_strikes_the_requests_it_names(book: FaultBook) -> None:
    book.add(fault(at=(2, 5)))
    assert struck(book, 8) == [2, 5]


def test_chance_is_the_same_in_every_run_and_another_with_another_seed() -> None:
    runs = []
    for seed in (7, 7, 8):
        made = Lab.new(seed=seed, **SMALL).lab.service(FaultBook)
        made.add(fault(probability=0.3))
        runs.append(struck(made, 400))
    assert runs[0] == runs[1] != runs[2]
    assert 80 < len(runs[0]) < 160


def test_times_end_a_fault(book: FaultBook) -> None:
    book.add(fault(times=2))
    assert struck(book, 6) == [1, 2]
    assert [(c.seen, c.struck) for c in book.listed()] == [(6, 2)]


def test_only_the_requests_asked_for_are_counted(book: FaultBook) -> None:
    book.add(fault(request="modify", at=(1,)))
    assert struck(book, 3, operation="add") == []
    assert struck(book, 1, operation="modify") == [1]


def test_a_refused_bind_strikes_binds_alone(book: FaultBook) -> None:
    book.add(fault(FaultKind.REFUSE_BIND))
    assert struck(book, 2, operation="search") == []
    assert struck(book, 1, operation="bind") == [1]
    assert struck(book, 1, Wire("EDGE01", "smtp"), "AUTH") == [1]
    assert struck(book, 1, Wire("EDGE01", "https"), "") == []


@pytest.mark.parametrize(
    ("caller", "wire", "hit"),
    [
        ("", Wire("EDGE01", "ldaps"), True),  # a stranger at the listener
        ("", Wire("EDGE01", "ldaps", "HUB01", is_at_listener=False), False),  # the listener has it
        ("", Wire("EDGE01", "ldaps", "HUB01"), True),  # in memory both places are one
        ("", Wire("HUB01", "smtp"), False),
        ("HUB01", Wire("EDGE01", "ldaps"), False),
        ("HUB01", Wire("EDGE01", "ldaps", "HUB01", is_at_listener=False), True),
        ("HUB01", Wire("EDGE01", "ldaps", "EDGE01", is_at_listener=False), False),
    ],
)
def test_a_fault_lies_in_one_place(book: FaultBook, caller: str, wire: Wire, *, hit: bool) -> None:
    book.add(fault(caller=caller))
    assert book.is_hit(wire) is hit
    assert bool(book.request(wire, "search")) is hit


def test_faults_and_their_counts_outlive_the_process(tmp_path: Path) -> None:
    with Lab.new(path=tmp_path / "lab", **SMALL) as lab:
        kept = lab.lab.service(FaultBook)
        number = kept.add(fault(server="edge01", at=(3,), caller="hub01")).id
        struck(kept, 2, Wire("EDGE01", "ldaps", "HUB01"))
    with Lab.open(tmp_path / "lab") as lab:
        again = lab.lab.service(FaultBook)
        assert [(c.fault.server, c.fault.caller, c.seen) for c in again.listed()] == [
            ("EDGE01", "HUB01", 2)
        ]
        assert struck(again, 1, Wire("EDGE01", "ldaps", "HUB01")) == [1]
        assert again.remove(number).id == number
        assert again.add(fault()).id > number
    with Lab.open(tmp_path / "lab") as lab:
        assert lab.lab.service(FaultBook).clear() == 1


def test_a_fork_has_the_faults_and_counts_for_itself(book: FaultBook) -> None:
    book.add(fault(at=(2,)))
    twin = fork_lab(book._lab).service(FaultBook)
    assert struck(twin, 2) == [2]
    assert struck(book, 2) == [2]
    twin.clear()
    assert len(book.listed()) == 1


def test_a_fork_has_the_cut_wires_of_its_lab(book: FaultBook) -> None:
    lab = book._lab
    lab.service(Network).cut.add(frozenset(("hub01", "edge01")))
    twin = fork_lab(lab)
    assert twin.service(Network).cut == lab.service(Network).cut
    twin.service(Network).cut.clear()
    assert lab.service(Network).cut


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (fault(service="gopher"), "gopher"),
        (fault(FaultKind.REFUSE_BIND, service="https"), "cannot happen"),
        (fault(FaultKind.STRIP_TLS, service="ldaps"), "cannot happen"),
        (fault(FaultKind.STRIP_TLS, request="MAIL"), "connections"),
        (fault(FaultKind.DELAY), "seconds"),
        (fault(seconds=1.0), "seconds"),
        (fault(probability=0.0), "probability"),
        (fault(probability=1.5), "probability"),
        (fault(at=(0,)), "from 1"),
        (fault(at=(1,), probability=0.5), "script"),
        (fault(times=-1), "negative"),
    ],
)
def test_what_cannot_be_is_refused_and_named(book: FaultBook, wrong: Fault, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        book.add(wrong)
    assert book.listed() == []


def test_an_unknown_server_or_number_is_named(book: FaultBook) -> None:
    with pytest.raises(NoSuchThing, match="EDGE09"):
        book.add(fault(server="EDGE09"))
    with pytest.raises(NoSuchThing, match="99"):
        book.remove(99)


def test_there_are_only_so_many(book: FaultBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAULTS_MAX", 2)
    book.add(fault())
    book.add(fault())
    with pytest.raises(RefusedByRule):
        book.add(fault())
