"""``python -m scripts.load.soak``: a lab in mixed use for half an hour; is it as large afterwards?

    python -m scripts.load.soak --lab FOLDER [--minutes 30] [--json FILE] [--svg FILE]

LDAP clients search, add, modify and delete; strangers come and go in the middle of things; mail
arrives; pages of the console are read; EdgeSync runs over the control API. The first third is
warming up. Judged by the rest: exit code 3 when memory or descriptors grow.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import math
import smtplib
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ldap3

from edgesync.lab.directories import ADMIN_PASSWORD
from scripts.load.__main__ import machine
from scripts.load.attacks import CLIENT_HELLO, DUMP
from scripts.load.gauge import Gauge, Sample
from scripts.load.picture import draw
from scripts.load.servers import ROOT

SCHEMA = "edgesync.soak/1"
WARM_UP_SHARE = 1 / 3
EVERY_S = 5.0
DRIFT_MAX = 2 * 1024 * 1024
"""Bytes the line through the medians of its minutes may rise by from its beginning to its end. What
a directory has to keep is less: a tombstone for who was deleted, as in AD, and earlier versions of
what changed up to ``VERSIONS_BESIDE_JOURNAL``, a kilobyte each."""
MINUTE = 12
"""Samples in a minute. One that comes while a password is checked shows scrypt's 16 MiB as well;
the median of a minute does not."""
DESCRIPTORS_MAX = 2
"""Descriptors the medians of the first and last quarter may differ by: who is just connected."""

FILLING_PAUSE_S = 0.1
FILLING_SYNC_PAUSE_S = 2.0
"""Between changes, and between syncs, while warming up: what is kept up to a bound is to be full
when it ends, earlier versions in AD and in ADAM and the pages SQLite keeps of both files."""

COMINGS = 10
"""Of so many changes one is somebody who comes or goes; the others change who is there."""
PEOPLE = 40
"""Whom the changes are about."""

FAILURE_MAX = 160
"""Characters of a failure that is told: enough for a reply code and its text."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What the time after warming up says."""

    from_s: float
    drift: int
    """How much the line through the minutes' medians rises from end to end, bytes."""
    noise: int
    """Standard deviation of the medians from that line, bytes."""
    resident_first: int
    resident_last: int
    descriptors_first: float
    descriptors_last: float
    changes_per_hour: float


class Use:
    """What a lab is used for, each in a thread, until it is over."""

    def __init__(self, lab: Path) -> None:
        self._lab = lab
        run = json.loads((lab / "run.json").read_bytes())
        self.pid = int(run["pid"])
        self._token = run["token"]
        self._control = urlsplit(run["control"]).netloc
        self._ad = run["servers"]["AD"]["ldap"]
        self._ldaps = urlsplit(run["servers"]["AD"]["ldaps"])
        self._smtp = urlsplit(run["servers"]["EDGE01"]["smtp"])
        self.over = threading.Event()
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    @contextlib.contextmanager
    def going_on(self, warm_up_s: float) -> Iterator[None]:
        """Everybody at work; more changes and syncs than later for so long."""
        work: tuple[tuple[str, Callable[[int], None], float], ...] = (
            ("searches", self._search, 0.02), ("changes", self._change, 0.5),
            ("mails", self._mail, 1.0), ("pages", self._page, 0.3),
            ("strangers", self._stranger, 0.3), ("syncs", self._sync, 20.0),
            ("matrices", self._matrix, 60.0),
        )  # fmt: skip
        threads = [
            threading.Thread(target=self._repeat, args=each, daemon=True, name=each[0])
            for each in work
        ]
        filling = (("changes at first", self._change, FILLING_PAUSE_S, warm_up_s),
                   ("syncs at first", self._sync, FILLING_SYNC_PAUSE_S, warm_up_s))  # fmt: skip
        threads += [
            threading.Thread(target=self._repeat, args=each, daemon=True) for each in filling
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join(60)

    def _repeat(
        self, name: str, once: Callable[[int], None], pause_s: float, for_s: float = math.inf
    ) -> None:
        number, began = 0, time.monotonic()
        while time.monotonic() - began < for_s and not self.over.wait(pause_s):
            number += 1
            try:
                once(number)
                self.done[name] += 1
            except Exception as error:  # noqa: BLE001 - counted and told; the soak goes on
                self.failed[f"{name}: {type(error).__name__}: {error}"[:FAILURE_MAX]] += 1

    @contextlib.contextmanager
    def _bound(self) -> Iterator[Any]:  # ldap3 has no types for its own methods
        """A connection that is gone afterwards: ldap3 leaves open what was bound on the way in."""
        server = ldap3.Server(self._ad, get_info=ldap3.NONE)
        name = "CN=Administrator,CN=Users,DC=contoso,DC=test"
        connection: Any = ldap3.Connection(server, name, ADMIN_PASSWORD, receive_timeout=30)
        if not connection.bind():
            raise ConnectionError(f"the bind was refused: {connection.result}")
        try:
            yield connection
        finally:
            connection.unbind()

    def _search(self, number: int) -> None:
        with self._bound() as connection:
            for index in range(20):
                wanted = f"(proxyAddresses=smtp:user{(number + index) % 50}@contoso.test)"
                if not connection.search("DC=contoso,DC=test", wanted, attributes=["memberOf"]):
                    raise ConnectionError(f"nobody has {wanted}: {connection.result}")

    def _change(self, number: int) -> None:
        """People are described; one in ten times somebody comes, or goes who was there."""
        who = number // COMINGS % PEOPLE if number % COMINGS == 0 else number % PEOPLE
        dn = f"CN=soak{who},CN=Users,DC=contoso,DC=test"
        with self._bound() as ask:
            if number % COMINGS == 0 and ask.delete(dn):
                return
            if not ask.modify(dn, {"description": [(ldap3.MODIFY_REPLACE, [f"no. {number}"])]}):
                ask.add(dn, ["user"], {"sAMAccountName": f"soak{who}"})

    def _mail(self, number: int) -> None:
        host, port = str(self._smtp.hostname), int(self._smtp.port or 0)
        with smtplib.SMTP(host, port, timeout=30) as client:
            text = f"Subject: soak {number}\r\n\r\n" + "hello\r\n" * 50
            client.sendmail("someone@example.test", [f"user{number % 5}@contoso.test"], text)

    def _page(self, number: int) -> None:
        path = ("/", "/healthz", "/metrics", "/openapi.json")[number % 4]
        connection = http.client.HTTPConnection(self._control, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise ConnectionError(f"HTTP {answer.status}")
        finally:
            connection.close()

    def _stranger(self, number: int) -> None:
        """Somebody who leaves in the middle: of a handshake, a dump, a message, a request."""
        places = (
            (self._ldaps, CLIENT_HELLO), (urlsplit(self._ad), DUMP),
            (self._smtp, b"EHLO x\r\nMAIL FR"), (urlsplit(f"//{self._control}"), b"GET / HTT"),
        )  # fmt: skip
        place, words = places[number % len(places)]
        address = (str(place.hostname), int(place.port or 0))
        with socket.create_connection(address, 10) as connection:
            connection.sendall(words)
            time.sleep(0.1)

    def _sync(self, _number: int) -> None:
        self._operate("sync.run", {})

    def _matrix(self, _number: int) -> None:
        self._operate("trust.matrix", {})

    def _operate(self, name: str, parameters: dict[str, object]) -> None:
        connection = http.client.HTTPConnection(self._control, timeout=120)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            connection.request("POST", f"/api/v1/operations/{name}",
                               json.dumps({"parameters": parameters}), headers)  # fmt: skip
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise ConnectionError(f"HTTP {answer.status}: {body[:200]!r}")
        finally:
            connection.close()


def main() -> int:
    """Use a lab, look at it, tell."""
    options = argparse.ArgumentParser(prog="python -m scripts.load.soak", description=__doc__)
    options.add_argument("--minutes", type=float, default=30.0)
    options.add_argument("--lab", type=Path, required=True, help="folder for a lab of its own")
    options.add_argument("--json", type=Path)
    options.add_argument("--svg", type=Path)
    given = options.parse_args()
    lab: Path = given.lab
    _edgesync(lab, "lab", "new", "--hubs", "1", "--sites", "1", "--edges", "1",
              "--recipients", "50", "--force")  # fmt: skip
    file = str(lab / "EDGE01.xml")
    _edgesync(lab, "subscription", "export", "EDGE01", "--file", file, "--yes")
    _edgesync(lab, "subscription", "import", file, "--site", "Default-First-Site-Name")
    # an Edge that was never synchronized knows no recipients, and refuses mail to any
    _edgesync(lab, "sync", "run")
    _edgesync(lab, "lab", "up", "--detach")
    try:
        use = Use(lab)
        seconds = given.minutes * 60
        with Gauge(use.pid, EVERY_S) as gauge, use.going_on(seconds * WARM_UP_SHARE):
            time.sleep(seconds)
    finally:
        _edgesync(lab, "lab", "down")
    trend = _trend(gauge.samples, use.done["changes"])
    document = {
        "schema": SCHEMA, "machine": machine(), "minutes": given.minutes,
        "done": dict(use.done), "failed": dict(use.failed), "trend": asdict(trend),
        "samples": [asdict(sample) for sample in gauge.samples],
    }  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(document) + "\n", "utf-8")
    if given.svg:
        given.svg.write_text(draw(gauge.samples), "utf-8")
    print(json.dumps({k: v for k, v in document.items() if k != "samples"}, indent=2))
    flat = trend.drift <= DRIFT_MAX
    steady = trend.descriptors_last - trend.descriptors_first <= DESCRIPTORS_MAX
    return 0 if flat and steady else 3


def _trend(samples: Sequence[Sample], changes: int) -> Trend:
    warm = samples[int(len(samples) * WARM_UP_SHARE) :]
    minutes = [warm[first : first + MINUTE] for first in range(0, len(warm), MINUTE)]
    times = [statistics.median(s.at_s for s in minute) for minute in minutes]
    sizes = [float(statistics.median(s.resident for s in minute)) for minute in minutes]
    slope, start = statistics.linear_regression(times, sizes)
    off = [size - start - slope * at for at, size in zip(times, sizes, strict=True)]
    quarter = max(1, len(warm) // 4)
    first, last = warm[:quarter], warm[-quarter:]
    return Trend(
        warm[0].at_s, round(slope * (times[-1] - times[0])), round(statistics.pstdev(off)),
        round(sizes[0]), round(sizes[-1]),
        statistics.median(s.descriptors for s in first),
        statistics.median(s.descriptors for s in last),
        round(changes / samples[-1].at_s * 3600),
    )  # fmt: skip


def _edgesync(lab: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "edgesync", *words, "--lab", str(lab), "-q"],
        check=True, cwd=ROOT, stdout=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
