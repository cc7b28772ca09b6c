from datetime import UTC, datetime, timedelta

import pytest

from edgesync.lab.agenda import Activity, Agenda
from edgesync.lab.clock import LabClock

START = datetime(2026, 11, 2, 8, tzinfo=UTC)


class Repeating:
    def __init__(self, name: str, first: datetime, every: timedelta, seen: list[str]) -> None:
        self.name, self.due, self.every, self.seen = name, first, every, seen

    def run(self, now: datetime) -> None:
        self.seen.append(f"{self.name}@{(now - START).total_seconds():.0f}")
        self.due += self.every

    def source(self) -> list[Activity]:
        return [Activity(self.name, self.due, self.run)]


def test_activities_run_in_order_of_time_then_name() -> None:
    clock, seen = LabClock(START), list[str]()
    agenda = Agenda(clock)
    for name, every in (("b", 10), ("a", 10), ("c", 4)):
        span = timedelta(seconds=every)
        agenda.add_source(Repeating(name, START + span, span, seen).source)

    ran = agenda.advance(timedelta(seconds=12))

    assert seen == ["c@4", "c@8", "a@10", "b@10", "c@12"]
    assert ran == 5
    assert clock.now() == START + timedelta(seconds=12)


def test_an_activity_that_never_moves_on_is_a_broken_contract() -> None:
    agenda = Agenda(LabClock(START))
    agenda.add_source(lambda: [Activity("stuck", START, lambda _: None)])

    with pytest.raises(AssertionError, match="stuck"):
        agenda.advance(timedelta(seconds=1))


def test_the_clock_of_a_lab_never_goes_back() -> None:
    clock = LabClock(START)
    clock.set(START + timedelta(days=1))

    with pytest.raises(ValueError, match="cannot go back"):
        clock.set(START)
