"""pytest fixtures for projects that test against a lab; costs nothing where they are not used."""

from __future__ import annotations

import pytest

MARKER = "edgesync(preset=..., scenario=..., seed=...): which lab the fixture edgesync_lab gives"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, so that --strict-markers accepts it."""
    config.addinivalue_line("markers", MARKER)
