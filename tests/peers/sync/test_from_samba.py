"""``sync run --config`` with a real domain controller as its source and a real slapd as target."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from uuid import UUID

import pytest

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality
from directory.model.messages import AddRequest
from edgesync.port.port import DirectoryPort, find
from edgesync.sync.cursor import RefreshReason
from edgesync.sync.foreign import run_foreign
from edgesync.sync.report import JobReport, Mode, Result
from tests.support import openldap, samba

pytestmark = pytest.mark.peers

USERS = DN.parse("CN=Users,DC=source,DC=test")
CREW = DN.parse("o=crew")

CONFIG = """
[source]
url = "ldaps://{controller.address}"
bind_dn = "Administrator@source.test"
password_file = "controller-password"
verify = false

[target]
url = "{target.url}"
bind_dn = "{target.admin}"
password_file = "target-password"

[[job]]
name = "people"
source_base = "CN=Users,DC=source,DC=test"
source_filter = "(employeeType=hired)"
target_base = "o=crew"
object_classes = ["top", "person", "organizationalPerson", "inetOrgPerson"]
key = "employeeNumber"

[job.attributes]
sn = "sn"
"""


def _hire(port: DirectoryPort, name: str) -> None:
    values = (name.encode(),)
    person = {"objectClass": (b"user",), "cn": values, "sn": values, "employeeType": (b"hired",)}
    port.add(AddRequest(Entry(USERS.child("cn", name), person)))


def _crew(target: openldap.Slapd) -> set[str]:
    with contextlib.closing(target.port()) as port:
        return {entry.text("cn") for entry in find(port, CREW, Equality("objectClass", b"person"))}


@pytest.mark.fact("edgesync-facts 4.2")
def test_a_controller_rolled_back_to_a_copy_is_compared_in_full(tmp_path: Path) -> None:
    """Copied back, it keeps its invocation id: only its lower USN tells (a USN rollback)."""
    forest, config = tmp_path / "forest", tmp_path / "crew.toml"
    (tmp_path / "controller-password").write_bytes(samba.PASSWORD)
    (tmp_path / "target-password").write_bytes(openldap.PASSWORD)

    def hire_and_run(*names: str) -> JobReport:
        with (
            samba.domain_controller(forest) as controller,
            contextlib.closing(controller.port()) as port,
        ):
            invocations.add(port.identity.invocation_id)
            config.write_text(CONFIG.format(controller=controller, target=target))
            for name in names:
                _hire(port, name)
            return run_foreign(config).runs[0]

    invocations: set[UUID | None] = set()
    with openldap.slapd(tmp_path / "target", "o=crew", provider=False) as target:
        with contextlib.closing(target.port()) as port:
            values = {"objectClass": (b"top", b"organization"), "o": (b"crew",)}
            port.add(AddRequest(Entry(CREW, values)))
        assert hire_and_run("anna").mode is Mode.FULL
        samba.copy_forest(forest, tmp_path / "copy")
        assert hire_and_run("bert").mode is Mode.INCREMENTAL
        assert _crew(target) == {"anna", "bert"}
        shutil.rmtree(forest)
        samba.copy_forest(tmp_path / "copy", forest)
        report = hire_and_run()
        assert (report.result, report.mode) == (Result.SUCCESS, Mode.FULL)
        assert report.reason == RefreshReason.SOURCE_BEHIND.sentence
        assert _crew(target) == {"anna"}
    assert len(invocations) == 1
    assert None not in invocations
