"""What seeds can meet: the swarm reaches every kind of fault, and each of them strikes."""

from collections import Counter

import pytest

from edgesync.operations.performer import perform
from edgesync.simulation.coverage import STRUCK, coverage, kind_of
from edgesync.simulation.fault_table import FAULTS
from edgesync.simulation.outcome import Played
from edgesync.simulation.play import play
from edgesync.simulation.scenario import LabOptions, Scenario
from edgesync.simulation.world import world

WORDS_OF_THE_ISSUE = {
    "partitions": "fault cut",
    "lost acknowledgements": "fault lose-ack",
    "duplicated acknowledgements": "fault repeat",
    "crashes at any write": "fault crash-write",
    "restarts": "fault crash",
    "skewed clocks": "fault skew",
    "slow clocks": "fault drift",
    "DC failover": "fault failover-dc",
    "restore from backup": "restore AD",
    "restore of an Edge": "restore ADAM",
    "full disk": "fault disk-full",
    "stripped STARTTLS": "fault strip-tls",
    "man in the middle": "fault resign-tls",
    "certificate changes at random moments": "cert renew",
    "operators making the documented mistakes": "cert enable",
    "a subscription removed on one side": "subscription remove",
    "two Hubs at once": "race",
}


@pytest.fixture(scope="module")
def kinds() -> Counter[str]:
    """In how many of 200 worlds each kind of step comes."""
    found: Counter[str] = Counter()
    for seed in range(200):
        found.update({kind_of(step) for step in world(seed).steps})
    return found


@pytest.mark.parametrize("word", WORDS_OF_THE_ISSUE)
def test_two_hundred_seeds_reach_each_word(word: str, kinds: Counter[str]) -> None:
    assert kinds[WORDS_OF_THE_ISSUE[word]] >= 10


def test_two_hundred_seeds_reach_every_fault_there_is(kinds: Counter[str]) -> None:
    assert [fault.name for fault in FAULTS if not kinds[f"fault {fault.name}"]] == []


def test_certificates_change_in_the_middle_of_runs_too() -> None:
    meanwhile = [
        s for seed in range(200) for s in world(seed).steps if s.startswith("fault during")
    ]

    assert any("cert renew" in step for step in meanwhile)
    assert any("sync run" in step for step in meanwhile)


BEFORE = ("subscribe EDGE01", "advance 5m")
SYNC = ("hire jane", "advance 5h")
BOTH_WAYS = ("send inbound", "send outbound", "advance 1h")

STRIKING = {
    "cut": ("fault cut HUB01 EDGE01", *SYNC),
    "lose-request": ("fault lose-request HUB01 EDGE01 1", *SYNC),
    "lose-ack": ("fault lose-ack HUB01 EDGE01 1", *SYNC),
    "repeat": ("fault repeat HUB01 EDGE01 1", *SYNC),
    "crash": ("fault crash HUB01 EDGE01 1", *SYNC),
    "crash-after": ("fault crash-after HUB01 EDGE01 1", *SYNC),
    "during": ("fault during HUB01 EDGE01 1 cert renew HUB01 --yes", *SYNC, "subscribe EDGE01"),
    "crash-write": ("fault crash-write EDGE01 2 within", *SYNC),
    "skew": ("fault skew HUB01 2h", *SYNC),
    "drift": ("fault drift HUB01 900", *SYNC),
    "failover-dc": ("fault failover-dc", *SYNC),
    "disk-full": ("fault disk-full EDGE01", *SYNC),
    "strip-tls": ("fault strip-tls HUB01 EDGE01", *BOTH_WAYS),
    "garble-tls": ("fault garble-tls HUB01 EDGE01", *BOTH_WAYS),
    "resign-tls": ("fault resign-tls HUB01 EDGE01", *BOTH_WAYS),
    "impostor": ("fault impostor HUB01", *BOTH_WAYS),
    "break-mail": ("fault break-mail EDGE01 HUB01 3", *BOTH_WAYS),
    "lose-mail-ack": ("fault lose-mail-ack EDGE01 HUB01 6", *BOTH_WAYS),
}
NEVER_COUNTED = {"skew", "drift"}
"""They are there as long as the clock is wrong."""


def played(*steps: str, hubs: int = 1) -> Played:
    lab = LabOptions(sites=1, hubs=hubs, edges=1, recipients=3, durable=True)
    return play(Scenario("s", "s", "s", (*BEFORE, *steps), lab=lab), perform)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault.name for fault in FAULTS])
def test_a_fault_strikes_and_all_is_well_once_it_is_gone(fault: str) -> None:
    found = played(*STRIKING[fault], "settle", "expect trusted", "expect in-sync", "expect queue 0")

    assert [f"{f.checker}: {f.detail}" for f in found.failures] == []
    assert fault in NEVER_COUNTED or found.met[STRUCK + fault] >= 1


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "within", "after"])
@pytest.mark.parametrize(("directory", "at"), [("AD", 0), ("AD", 1), ("EDGE01", 3), ("EDGE01", 17)])
def test_everything_may_die_at_any_write_of_a_journal(directory: str, at: int, moment: str) -> None:
    found = played(
        f"fault crash-write {directory} {at} {moment}", "cert renew HUB01 --yes => any",
        "domain tailspin2.test => any", "hire jane => any", "advance 5h", "subscribe EDGE01 => any",
        "subscribe EDGE01", "advance 70m", "settle", "expect trusted", "expect in-sync",
    )  # fmt: skip

    assert [f"{f.checker}: {f.detail}" for f in found.failures] == []
    assert found.met[STRUCK + "crash-write"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("at", range(0, 12, 3))
def test_a_second_hub_may_run_between_any_two_writes_of_the_first(at: int) -> None:
    found = played(
        "subscribe EDGE01", f"fault during HUB01 EDGE01 {at} sync run --edge EDGE01 --hub HUB02",
        "advance 5m", "race EDGE01 HUB01 HUB02", "advance 70m", "settle", "expect trusted", hubs=2,
    )  # fmt: skip

    assert found.failures == ()
    assert found.met[STRUCK + "during"] == 1
    assert found.met[STRUCK + "race"] >= 1


def test_coverage_adds_worlds_up() -> None:
    met = list(coverage([
        {"fault cut": 2, "struck cut": 7, "hire": 1},
        {"fault cut": 1, "hire": 3},
    ]))  # fmt: skip

    assert [(m.kind, m.worlds, m.times, m.struck) for m in met] == [
        ("fault cut", 2, 3, 7),
        ("hire", 2, 4, None),
    ]
