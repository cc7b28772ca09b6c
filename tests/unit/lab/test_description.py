"""A lab's description that was edited by hand is read, or refused where it is named."""

from __future__ import annotations

from typing import Any

import pytest

from edgesync.errors import InputInvalid
from edgesync.lab.description import LabDescription, contoso


@pytest.mark.parametrize(
    "change",
    [
        {"policy": "set"}, {"policy": {"no_such_policy": "x"}}, {"policy": {"trust": 1}},
        {"servers": [{"name": "HUB01", "role": "hb", "fqdn": "hub01.test"}]},
        {"servers": [{"name": 1, "role": "hub", "fqdn": "hub01.test"}]}, {"servers": [7]},
        {"sites": [7]}, {"forest": None}, {"recipients": "many"}, {"started": "soon"},
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputInvalid, match="lab description"):
        LabDescription.from_document(contoso().document() | change)


def test_a_description_reads_back_from_its_own_document() -> None:
    assert LabDescription.from_document(contoso().document()) == contoso()
