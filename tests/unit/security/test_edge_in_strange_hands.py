"""An Edge in the perimeter is taken over: its ADAM says whatever the intruder likes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.model.messages import DeleteRequest, ModifyRequest
from directory.model.modification import replace
from edgesync.port.port import find
from edgesync.sync.report import Result
from tests.support.forest import Forest, small_forest

STATE = ("msExchEdgeSyncCookies", "msExchEdgeSyncLease", "msExchEdgeSyncStatus")


def subscribed() -> Forest:
    forest = small_forest(recipients=2)
    forest.subscribe("EDGE01")
    forest.sync()
    return forest


def written_in_ad(forest: Forest) -> int:
    return forest.agent.store.committed_usn


def plant(forest: Forest, attribute: str, *values: bytes) -> None:
    machine = forest.edges["EDGE01"]
    dn = machine.names.server("EDGE01")
    machine.port.modify(ModifyRequest(dn, (replace(attribute, *values),)))


@given(attribute=st.sampled_from(STATE), value=st.binary(min_size=1, max_size=300))
def test_invented_state_costs_a_full_run_and_writes_nothing_in_ad(
    attribute: str, value: bytes
) -> None:
    forest = subscribed()
    before = written_in_ad(forest)
    if attribute == "msExchEdgeSyncStatus":
        value = value.hex().encode()  # its syntax is text
    plant(forest, attribute, value)
    runs = forest.sync().runs
    assert {run.result for run in runs} <= {Result.SUCCESS, Result.SKIPPED}
    assert written_in_ad(forest) == before


@pytest.mark.fact("edgesync-facts 4.1")
def test_whatever_is_done_to_adam_flows_back_to_nobody(forest: Forest) -> None:
    before = written_in_ad(forest)
    machine = forest.edges["EDGE01"]
    replicas = find(machine.port, machine.names.recipients)
    for entry in replicas[1:]:
        machine.port.delete(DeleteRequest(entry.dn))
    plant(forest, "msExchServerInternalTLSCert", b"\x30\x03\x02\x01\x01")
    runs = forest.sync(full=True).runs
    assert all(run.result is Result.SUCCESS for run in runs), runs
    assert written_in_ad(forest) == before
    assert len(find(machine.port, machine.names.recipients)) == len(replicas)


@pytest.fixture
def forest() -> Forest:
    return subscribed()
