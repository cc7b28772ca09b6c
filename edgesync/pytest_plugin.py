"""pytest fixtures for projects that test against a lab; costs nothing where they are not used.

``edgesync_lab`` is a fork of a lab that is built once for each set of options and each worker: a
test may do to it what it likes. Listeners bind port 0, so any number of workers run side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from edgesync.ldap_server import RunningDirectory
    from edgesync.python_api import Lab

MARKER = (
    "edgesync(preset='contoso', seed=7, **size) or edgesync(scenario='not-published', steps=None): "
    "which lab edgesync_lab gives; size is sites, hubs, edges, recipients, version"
)
DEFAULT_SEED = 7
LABS = pytest.StashKey[list["Lab"]]()
"""The labs a test uses, for the evidence of its failure."""

EVENTS_SHOWN = 15
LINES_SHOWN = 30
"""Protocol lines and events that join the report of a failure."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, so that --strict-markers accepts it."""
    config.addinivalue_line("markers", MARKER)


class _Originals:
    """Labs built once in this process; tests get forks."""

    def __init__(self) -> None:
        self._labs: dict[tuple[tuple[str, str], ...], Lab] = {}

    def fork(
        self, preset: str, seed: int | None, scenario: str | None, size: dict[str, Any]
    ) -> Lab:
        """A fresh copy of the lab with these options."""
        from edgesync.errors import UsageError
        from edgesync.python_api import Lab

        steps = size.pop("steps", None)
        if scenario is not None and size:
            raise UsageError("a scenario says how large its lab is", f"leave out {min(size)}")
        if scenario is None and steps is not None:
            raise UsageError("steps are those of a scenario", "name one, or leave steps out")
        given = {"preset": preset, "seed": seed, "scenario": scenario, "steps": steps, **size}
        key = tuple(sorted((name, str(value)) for name, value in given.items()))
        if key not in self._labs:
            self._labs[key] = (
                Lab.new(preset, seed=DEFAULT_SEED if seed is None else seed, **size)
                if scenario is None
                else Lab.after(scenario, steps=steps, seed=seed)
            )
        return self._labs[key].fork()

    def close(self) -> None:
        """Let every lab go."""
        for lab in self._labs.values():
            lab.close()


@pytest.fixture(scope="session")
def edgesync_originals() -> Iterator[_Originals]:
    """What edgesync_lab forks; use edgesync_lab."""
    originals = _Originals()
    yield originals
    originals.close()


@pytest.fixture
def edgesync_lab_factory(
    request: pytest.FixtureRequest, edgesync_originals: _Originals
) -> Iterator[Callable[..., Lab]]:
    """Makes labs: ``edgesync_lab_factory(hubs=4, edges=3)``; all are closed after the test."""
    made: list[Lab] = []
    request.node.stash[LABS] = made

    def make(
        preset: str = "contoso",
        *,
        seed: int | None = None,
        scenario: str | None = None,
        **size: Any,
    ) -> Lab:
        lab = edgesync_originals.fork(preset, seed, scenario, size)
        made.append(lab)
        return lab

    yield make
    for lab in made:
        lab.close()


@pytest.fixture
def edgesync_lab(request: pytest.FixtureRequest, edgesync_lab_factory: Callable[..., Lab]) -> Lab:
    """A lab of this test's own, as ``@pytest.mark.edgesync`` describes it; virtual time."""
    marker = request.node.get_closest_marker("edgesync")
    options = dict(marker.kwargs) if marker is not None else {}
    if marker is not None and marker.args:
        options["preset"] = marker.args[0]
    return edgesync_lab_factory(**options)


@pytest.fixture
def ldap_server(request: pytest.FixtureRequest) -> Iterator[RunningDirectory]:
    """An LDAP server on a free port: ``.url``, ``.admin_dn``, ``.password``, ``.connect()``.

    An indirect parameter says which: ``{"profile": "ad", "suffix": "DC=contoso,DC=test"}``.
    """
    from edgesync.ldap_server import running_directory

    with running_directory(**getattr(request, "param", {})) as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what the labs of a failed test can say about it."""
    report = yield
    if report.failed:
        labs: list[Lab] = item.stash.get(LABS, [])
        for number, lab in enumerate(labs, 1):
            name = "edgesync lab" if number == 1 else f"edgesync lab {number}"
            report.sections.append((name, evidence(lab)))
    return report


def evidence(lab: Lab) -> str:
    """What went wrong between the lab's servers, in words; never raises."""
    parts = [f"clock {lab.clock.now:%Y-%m-%dT%H:%M:%SZ}"]
    told = (("faults", _faults), ("", _distrust), ("events", _events), ("protocol", _protocol))
    for title, tell in told:
        try:
            lines = tell(lab)
        except Exception as error:  # noqa: BLE001 - evidence must not hide the failure itself
            lines = [f"no {title or 'explanation'}: {error}"]
        if lines:
            parts += [f"-- {title} --" if title else "", *lines]
    return "\n".join(part for part in parts if part)


def _distrust(lab: Lab) -> list[str]:
    """The explanation of the first pair that should trust and does not."""
    cells = lab.trust.matrix()["cells"]
    bad = [c for c in cells if c["verdict"] not in {"trusted", "not_applicable"}]
    if not bad:
        return ["every pair that applies is trusted"]
    lines = [f"{c['verifier']} -> {c['peer']} {c['path']}: {c['reason']}" for c in bad]
    first = bad[0]
    told = lab.trust.explain(first["verifier"], first["peer"], path=first["path"])
    return [*lines, *str(told).splitlines()]


def _faults(lab: Lab) -> list[str]:
    """Faults on the lab's lines, which may be what the test is about, or was not meant to meet."""
    found = lab.faults.list()
    return str(lab.run("fault.list")).splitlines() if found else []


def _events(lab: Lab) -> list[str]:
    return [
        f"{event.at:%H:%M:%S} {event.server} {event.kind.name} {event.text}"
        for event in lab.events()[-EVENTS_SHOWN:]
    ]


def _protocol(lab: Lab) -> list[str]:
    return lab.protocol_lines(LINES_SHOWN)
