"""The map leads to what is there."""

from __future__ import annotations

import re

import pytest

from tests.support.peers import ROOT

DOCUMENT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
TABLE = DOCUMENT.partition("## Where to find what")[2].partition("\n## ")[0]
PLACES = sorted(
    {place for place in re.findall(r"`([^`]+)`", TABLE) if "/" in place or "." in place}
)


@pytest.mark.parametrize("place", PLACES)
def test_a_place_on_the_map_exists(place: str) -> None:
    if "<" in place:
        place = place.partition("<")[0]
    assert any((ROOT / top / place).exists() for top in ("", "edgesync"))


def test_every_layer_of_the_picture_is_a_package_or_module() -> None:
    picture = DOCUMENT.partition("```\n")[2].partition("```")[0]
    for line in picture.splitlines():
        for name in re.split(r"\s*│\s*", line.strip().split("   ")[0]):
            if not re.fullmatch(r"[a-z_]+", name):
                continue
            places = (ROOT / top / name for top in ("edgesync", "directory"))
            assert any(p.is_dir() or p.with_suffix(".py").is_file() for p in places), name
