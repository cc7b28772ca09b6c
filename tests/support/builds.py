"""Tests that look inside: what they put in place of a function, a compiled caller passes by."""

from __future__ import annotations

import pytest

from directory.build import COMPILED, running_build
from tests.support.peers import BY_DESIGN

plain_only = pytest.mark.skipif(
    running_build() == COMPILED, reason=f"{BY_DESIGN}compiled calls cannot be watched"
)
