"""Runs that take turns: one operation of a directory session each, in an order drawn from a seed.

Exactly one of them moves at any time, so two runs of one seed are alike. Threads are what Python
has for a piece of code that is stopped in its middle; nothing here depends on how they are
scheduled.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

STALL_S = 60.0
"""How long a turn may take before the race is called broken: real runs take milliseconds."""


class Interleaver:
    """Plays tasks together. Each calls ``switch`` wherever another one may come in."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._gates: list[threading.Event] = []
        self._alive: list[int] = []
        self._current = 0
        self._failure: BaseException | None = None
        self.switches = 0
        """How often the turn went from one task to another."""

    def play(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run all to their ends; a failure of one ends them all and is raised here.

        Raises:
            BaseException: whatever a task raised first.
        """
        self._gates = [threading.Event() for _ in tasks]
        self._alive = list(range(len(tasks)))
        threads = [
            threading.Thread(target=self._run, args=(number, task), daemon=True)
            for number, task in enumerate(tasks)
        ]
        for thread in threads:
            thread.start()
        self._current = self._draw.choice(self._alive)
        self._gates[self._current].set()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def switch(self) -> None:
        """Somebody goes on: perhaps the one who asks, perhaps another."""
        me = self._current
        self._check()
        chosen = self._draw.choice(self._alive)
        if chosen != me:
            self.switches += 1
            self._hand_to(chosen)
            self._wait(me)
            self._check()

    def _run(self, number: int, task: Callable[[], None]) -> None:
        self._wait(number)
        try:
            self._check()
            task()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever plays
            self._failure = self._failure or error
        self._alive.remove(number)
        if self._alive:
            self._hand_to(self._draw.choice(self._alive))

    def _hand_to(self, number: int) -> None:
        self._current = number
        self._gates[number].set()

    def _wait(self, number: int) -> None:
        if not self._gates[number].wait(STALL_S):
            raise AssertionError(f"task {number} never got its turn")
        self._gates[number].clear()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
