"""The control API called as its OpenAPI document allows, by a generator that knows only that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from edgesync import Lab
from edgesync.console.api import served_operations
from edgesync.console.openapi import document
from edgesync.console.reading import reaches_outside
from edgesync.operations.registry import Operation
from tests.console.conftest import TOKEN, Site, serve

pytestmark = pytest.mark.slow

EXAMPLES = 5
"""Calls tried for each path and method.

One check is left out: that every call the schema allows succeeds. Which servers there are, and
that a thumbprint has digits, is known to the lab and not to the schema.
"""


TAKES_LONG = frozenset({"simulate.run", "simulate.replay", "sync.watch", "lab.advance"})
"""What a generated number could keep busy for minutes; each has tests of its own."""


def without_outside(operation: Operation) -> Operation | None:
    """The operation without parameters that name files or hosts; None when it needs one.

    Generated text must not make a lab write a file or call a host.
    """
    outside = [p for p in operation.parameters if reaches_outside(p) and p.name not in _HARMLESS]
    if operation.name in TAKES_LONG or any(p.is_required for p in outside):
        return None
    kept = tuple(p for p in operation.parameters if p not in outside)
    return replace(operation, parameters=kept)


_HARMLESS = frozenset({"do", "retry"})
"""Steps run on a fork, inside a folder of their own; a retry sends what waits in the lab."""

SCHEMA = schemathesis.openapi.from_dict(
    document(filter(None, map(without_outside, served_operations())), "http://127.0.0.1")
)
CALLED = SCHEMA.exclude(path="/api/v1/events")  # a stream has no end; test_streams has it


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch, Lab.new(recipients=5) as lab:
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        lab.subscribe("EDGE01")
        lab.lab.addresses = {"AD": {"ldap": "ldap://127.0.0.1:1"}}  # so that /healthz says yes
        yield from serve(lab)


@CALLED.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_an_answer_is_what_the_document_says(case: Case[Any], site: Site) -> None:
    answer = case.call(base_url=site.origin, headers={"Authorization": f"Bearer {TOKEN}"})
    case.validate_response(answer, excluded_checks=[positive_data_acceptance])
