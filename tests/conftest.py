"""For every test: how Hypothesis searches, which are peers, that CI skips nothing for a tool."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from directory.build import running_build
from tests.support.peers import BY_DESIGN, MISSING_DATA

# No deadlines: the cores are shared, and how long an example takes says nothing about the code.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _patient, derandomize=True, database=None)
settings.register_profile("quick", settings.get_profile("default"), max_examples=25)
settings.register_profile("explore", _patient, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_report_header() -> str:
    """Which build of the directory is tested."""
    return f"directory: {running_build()}"


_PEERS = Path(__file__).parent / "peers"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test below tests/peers talks to a program other people wrote."""
    for item in items:
        if _PEERS in item.path.parents:
            item.add_marker("peers")


def _refused_in_ci(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Why this skip may not happen in CI; None where it may."""
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return None
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if reason.startswith((BY_DESIGN, MISSING_DATA)):
        return None
    return f"skipped in CI, where nothing may be skipped for want of a tool: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip for want of a tool into a failure when CI=true."""
    report = yield
    if refusal := _refused_in_ci(report):
        report.outcome = "failed"
        report.longrepr = refusal
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself as a whole."""
    report = yield
    if refusal := _refused_in_ci(report):
        report.outcome = "failed"
        report.longrepr = refusal
    return report
