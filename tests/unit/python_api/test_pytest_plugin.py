"""The fixtures from inside: labs of one's own, servers that serve, evidence that never hides."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from edgesync import Lab, pytest_plugin
from edgesync.errors import UsageError
from edgesync.ldap_server import RunningDirectory, running_directory


def test_the_lab_is_as_new_for_the_first_test(edgesync_lab: Lab) -> None:
    assert len(edgesync_lab.run("cert.list", server="HUB01")["certificates"]) == 1
    edgesync_lab.run("cert.renew", server="HUB01")


def test_the_lab_is_as_new_for_the_second_test(edgesync_lab: Lab) -> None:
    assert len(edgesync_lab.run("cert.list", server="HUB01")["certificates"]) == 1


@pytest.mark.edgesync("contoso", seed=3, hubs=1, edges=0, recipients=0)
def test_the_marker_chooses(edgesync_lab: Lab) -> None:
    assert edgesync_lab.lab.description.seed == 3
    assert edgesync_lab.lab.servers("edge") == ()


@pytest.mark.edgesync(scenario="not-published", steps=5)
def test_a_scenario_is_where_the_test_begins(edgesync_lab: Lab) -> None:
    result = edgesync_lab.trust.matrix()
    assert "not_published" in {cell["reason"] for cell in result["cells"]}


def test_a_scenario_brings_its_own_size(edgesync_lab_factory: Callable[..., Lab]) -> None:
    with pytest.raises(UsageError, match="how large"):
        edgesync_lab_factory(scenario="expired", hubs=3)


def test_a_factory_makes_many(edgesync_lab_factory: Callable[..., Lab]) -> None:
    labs = [edgesync_lab_factory(recipients=0) for _ in range(3)]
    assert len({id(lab.lab) for lab in labs}) == 3


def test_the_server_serves_ldap_and_ldaps(ldap_server: RunningDirectory) -> None:
    connection = ldap_server.connect()
    assert connection.search(ldap_server.suffix, "(objectClass=*)")
    assert ldap_server.ldaps_url.startswith("ldaps://127.0.0.1:")
    assert ldap_server.password not in repr(ldap_server)


def test_the_server_is_gone_after_the_test() -> None:
    with running_directory() as server:
        port = int(server.url.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


@pytest.mark.parametrize("suffix", ["dc=example,dc=test", "o=Example", "ou=people", "cn=x"])
def test_any_suffix_has_its_entry(suffix: str) -> None:
    with running_directory(suffix=suffix) as server:
        assert server.connect().search(suffix, "(objectClass=*)", "BASE")


def test_evidence_tells_the_distrust_the_events_and_the_protocol() -> None:
    with Lab.new(recipients=0) as lab:
        lab.subscribe("EDGE01")
        lab.sync.run(edge="EDGE01")
        lab.run("cert.renew", server="EDGE01")
        lab.faults.add("reset", "HUB01", at=9)
        told = pytest_plugin.evidence(lab)
    assert "HUB01 -> EDGE01 smtp: mismatch" in told
    assert "-- events --" in told
    assert "at 9" in told.partition("-- faults --")[2]
    assert "CertificatePublished" in told


def test_evidence_of_a_lab_that_cannot_tell_is_a_line_and_no_error() -> None:
    lab = Lab.new(recipients=0)
    lab.lab.ledger.close()
    assert "no events:" in pytest_plugin.evidence(lab)


def test_the_plugin_costs_no_import() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import edgesync.pytest_plugin; "
        "new = sorted(set(sys.modules) - before); "
        "assert new == ['edgesync', 'edgesync.pytest_plugin'], new"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
