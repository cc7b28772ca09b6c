"""The bounds a listener keeps, as one value; the defaults are those of ``directory.limits``."""

from __future__ import annotations

import os
from dataclasses import dataclass

from directory import limits

SLICE_REPLIES = 256
"""Most replies of one request sent before other connections have their turn."""

SLICE_REPLIES_BRIEF = 16
"""The same while a crowd waits: two thousand may ask for everything at once."""

SLICE_BYTES = 256 * 1024
"""Most bytes of one request's answer produced before other connections have their turn."""

SLICE_S = 0.005
"""Longest one request runs before other connections have their turn, seconds."""

TURN_S = 0.006
"""Longest all clients together work before the loop looks for new requests, seconds: with a commit
and a slice of each on top it stays below the 20 ms another client may have to wait."""

CROWD = 32
"""Clients that queue with unfinished work from which on each does a little at a time."""

CROWDED_TURN_S = 0.001
"""Longest the queue of a crowd works in one round of the loop: uvloop accepts one connection a
round, so rounds must be short when there are thousands."""

LARGE_REQUEST = 32 * 1024
"""Octets of a request from which on it queues behind others' questions, and a search is read and
executed in turns of their own: the 4,096 parts a filter may have take 10 ms to read and 10 to
prepare. Binds and updates are executed as they are read, for what follows depends on them. No
question of an everyday client and no entry without a picture is as large."""

QUICK_ANSWERS = 32
"""Quick answers between looks at the clock: a fifth of a millisecond's worth."""

BUSY_POLL_S = 0.0002
"""How long after an answer the event loop of a server with a process of its own looks for the next
question before it goes to sleep: twice what a client on another core takes that was asleep too."""

QUICK_QUESTIONS = 4
"""Questions in a row that must have come within that time before the loop polls at all."""

QUICK_QUESTIONS_MAX = 1024
"""The same after polling in vain again and again; each time doubles it. Of a server whose clients
ask now and then a thousandth of the questions is waited for."""

PREEMPTED_S = 0.0005
"""A turn of the loop that polls and took so long was interrupted: other programs want the core.
Longer than a turn that answers one question of each client, shorter than the kernel's slices."""

PREEMPTED_PAUSE_S = 0.1
"""How long nothing is polled for then: a slice of some 3 ms lost out of so much is no loss."""

HASHING_THREADS = max(1, (os.cpu_count() or 2) - 1)
"""Threads that hash passwords of binds: all cores but the one that serves."""

TLS_HANDSHAKE_TIMEOUT_S = 20.0
"""Longest TLS handshake: ten times what a slow client on a slow line needs."""

HELD_MAX = 256 * 1024 * 1024
"""Bytes that all clients together may make a server keep, in answers they do not read and requests
they do not finish. Beyond it who holds most is cut off: each client's own bounds, times their
number, would be gigabytes. What arrives between two sweeps comes on top."""

UNFINISHED_TIMEOUT_S = 120.0
"""Longest time for one request to arrive; the largest needs 134 kB/s."""

SWEEP_S = 1.0
"""Between two looks at all clients: short, since memory fills in seconds."""

TOGETHER = 64
"""Adds or modifies of one client carried out in a row: some 2 ms, so that the turn can end between
two runs."""

ADDS_GATHERED = 256
"""Adds of several clients that wait for each other: as many as are carried out at once, 7 ms."""

BACKLOG = 1024
"""Connections the kernel may queue while the loop is busy."""


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """Per-connection and per-server bounds."""

    connections: int = limits.CONNECTIONS_MAX
    requests_in_flight: int = limits.REQUESTS_IN_FLIGHT_MAX
    message_size: int = limits.MESSAGE_SIZE_MAX
    message_size_anonymous: int = limits.MESSAGE_SIZE_ANONYMOUS_MAX
    output_buffer: int = limits.OUTPUT_BUFFER_MAX
    idle_timeout_s: float = limits.IDLE_TIMEOUT_S
    stalled_timeout_s: float = limits.STALLED_OUTPUT_TIMEOUT_S
    unfinished_timeout_s: float = UNFINISHED_TIMEOUT_S
    held: int = HELD_MAX
    busy_poll_s: float = 0.0
    """How long to look for the next question after an answer (``busy_poll``); 0 goes to sleep."""
