"""What strangers ask of a lab's directory is counted, whichever way it is answered."""

from __future__ import annotations

from typing import Any, cast

import pytest

from directory.model import filter as f
from directory.model.messages import (
    BindResponse,
    CompareRequest,
    DeleteRequest,
    ModifyRequest,
    Request,
    SearchRequest,
)
from directory.model.modification import add, replace
from edgesync.lab.wire_counts import CountedAgent, WireCounts
from tests.support.directories import PASSWORD, SUFFIX, generic
from tests.support.listener import Client, serve

NAME = SUFFIX.child("cn", "a")


@pytest.mark.parametrize(
    ("request_", "operation", "result"),
    [
        (SearchRequest(SUFFIX, filter=f.Equality("cn", b"a")), "search", "success"),
        (SearchRequest(SUFFIX), "search", "success"),
        (SearchRequest(SUFFIX.child("cn", "nobody")), "search", "no_such_object"),
        (CompareRequest(NAME, "sn", b"x"), "compare", "compare_true"),
        (CompareRequest(NAME, "sn", b"y"), "compare", "compare_false"),
        (CompareRequest(NAME, "title", b"y"), "compare", "no_such_attribute"),
        (ModifyRequest(NAME, (replace("title", b"new"),)), "modify", "success"),
        (ModifyRequest(NAME, (add("title", b"new"),)), "modify", "success"),
        (ModifyRequest(NAME, (replace("nothing", b"x"),)), "modify", "undefined_attribute_type"),
        (DeleteRequest(NAME), "delete", "success"),
    ],
)
def test_each_request_is_counted_once(request_: Request, operation: str, result: str) -> None:
    made = generic()
    made.add(NAME, objectClass="inetOrgPerson", sn="x")
    counts = WireCounts(cast("Any", None))
    with serve(CountedAgent(made.agent, "AD", counts)) as server, Client(server.address) as client:
        bound = client.bind(f"cn=admin,{SUFFIX}", PASSWORD).operation
        assert isinstance(bound, BindResponse)
        assert not bound.result.code
        client.ask(request_)
    assert counts.counted() == {("AD", "bind", "success"): 1, ("AD", operation, result): 1}
