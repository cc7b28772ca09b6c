"""The control API called as its OpenAPI document allows, by a generator that knows only that."""

from __future__ import annotations

from collections.abc import Iterator
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

EXAMPLES = 8
"""Calls tried for each path and method.

One check is left out: that every call the schema allows succeeds. Which servers there are, and
that a thumbprint has digits, is known to the lab and not to the schema.
"""


def stays_inside(operation: Operation) -> bool:
    """Whether no generated text can make it write a file or call a host, or take minutes."""
    if operation.noun in {"lab", "simulate"} or operation.name in {"trust.probe", "sync.watch"}:
        return False
    return not any(map(reaches_outside, operation.parameters))


SCHEMA = schemathesis.openapi.from_dict(
    document(filter(stays_inside, served_operations()), "http://127.0.0.1")
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
