"""What-if happens on a fork: it says what would be, and the lab stays as it is to the last byte."""

from __future__ import annotations

import gc
import hashlib
from pathlib import Path

import pytest

from directory.clock import SystemClock
from edgesync.config import Version
from edgesync.errors import NoSuchThing, UsageError
from edgesync.lab.description import contoso
from edgesync.lab.folder import fork_lab, new_lab, open_lab
from edgesync.lab.lab import Lab
from edgesync.planning.planner import pace_of
from edgesync.planning.whatif import Rehearsal, rehearse
from tests.support.program import Program
from tests.support.trust_lab import runner, subscribe, trusting_lab


def what_if(lab: Lab, *commands: str) -> Rehearsal:
    with runner() as hands:
        return rehearse(
            lab, commands, fork=fork_lab, runner=hands, clock=SystemClock(), pace=pace_of(lab)
        )


def content(folder: Path) -> dict[str, str]:
    """Every file of a lab with its digest; -shm is SQLite's scratch memory, not content."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.name.endswith("-shm")
    }


def test_what_if_leaves_every_byte_of_the_lab_alone(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    with new_lab(contoso(recipients=3), folder) as lab:
        subscribe(lab)
    gc.collect()  # SQLite tidies its log when the first lab's connections go, not when it likes
    with open_lab(folder) as lab:
        before = content(folder)
        rehearsal = what_if(lab, "cert renew EDGE01 --yes", "subscription remove EDGE02 --yes")
        assert len(rehearsal.stages) == 4
        assert content(folder) == before


def test_the_classical_mistake_is_seen_before_it_is_made() -> None:
    with trusting_lab() as lab:
        rehearsal = what_if(lab, "cert renew EDGE01 --yes")
        before, after, later = rehearsal.stages
        assert not before.matrix.bad
        assert {c.reason for c in after.matrix.bad} == {"mismatch"}
        assert {c.reason for c in later.matrix.bad} == {"mismatch"}


@pytest.mark.fact("certificate-facts 4.7")
def test_a_renewed_hub_is_known_to_the_edges_after_the_next_scheduled_sync() -> None:
    with trusting_lab(Version.EXCHANGE_2019) as lab:
        after, later = what_if(lab, "cert renew HUB02 --yes").stages[1:]
        assert {c.reason for c in after.matrix.bad} == {"stale_replica", "credential_unreadable"}
        assert {c.reason for c in later.matrix.bad} == {"credential_unreadable"}


def test_mail_that_would_be_refused_for_good_is_called_lost() -> None:
    with trusting_lab(edges=1) as lab:
        assert what_if(lab, "cert renew EDGE01 --yes").last.lost


def test_mail_that_waits_is_counted_to_the_queues_next_try() -> None:
    name = "EDGE01\\Default internal receive connector EDGE01"
    with trusting_lab(edges=1) as lab:
        rehearsal = what_if(
            lab,
            f"connector set '{name}' --enabled false",
            f"connector set '{name}' --enabled true",
        )
        assert not rehearsal.last.lost
        # held for a minute; a Hub tries again after five, whoever sends to an Edge after ten
        assert rehearsal.last.delay_s == 600


def test_a_command_that_is_refused_on_the_fork_ends_the_rehearsal() -> None:
    with trusting_lab() as lab:
        rehearsal = what_if(
            lab, "cert enable EDGE01 DEADBEEFDEADBEEF --services SMTP", "cert renew HUB01 --yes"
        )
        failed = rehearsal.failed
        assert failed is not None
        assert failed.command.startswith("cert enable")
        assert len(rehearsal.stages) == 2


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("cert explode EDGE01", UsageError),
        ("fly to the moon", UsageError),
        ("cert renew EDGE77", NoSuchThing),
        ("sync run --edge EDGE77", NoSuchThing),
        ("lab destroy", UsageError),
        ("cert renew EDGE01 --nonsense", UsageError),
        ("cert renew 'EDGE01", UsageError),
        ("x" * 5000, UsageError),
    ],
)
def test_a_step_that_cannot_be_is_refused_before_anything_runs(
    step: str, error: type[Exception]
) -> None:
    with trusting_lab() as lab:
        ran: list[str] = []
        lab.listeners.append(lambda event: ran.append(event.kind.name))
        with pytest.raises(error) as caught:
            what_if(lab, "cert renew EDGE01 --yes", step)
        assert ran == []
        words = step.split()
        assert any(word in str(caught.value) for word in (words[-1], step, "too long"))


def test_files_of_a_rehearsal_are_gone_afterwards(tmp_path: Path) -> None:
    program = Program(tmp_path / "lab")
    program.ok("lab", "new", "--recipients", "3")
    before = set(Path.cwd().iterdir())
    done = program.run(
        "trust", "whatif",
        "--do", "subscription export EDGE01 --yes",
        "--do", "subscription import EDGE01.xml --site Default-First-Site-Name",
        "--do", "sync run --edge EDGE01", "-o", "json",
    )  # fmt: skip
    assert done.code in {0, 3}, done.err
    assert done.document["trusted"] is True
    assert set(Path.cwd().iterdir()) == before
