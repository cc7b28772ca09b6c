"""Plans run as they stand, and leave every cell trusted with no mail lost."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from directory.clock import SystemClock
from edgesync.config import Version
from edgesync.errors import RefusedByRule, UsageError
from edgesync.lab.description import contoso
from edgesync.lab.folder import fork_lab, new_lab
from edgesync.lab.lab import Lab
from edgesync.planning.planner import RenewalPlan, pace_of, plan_renewal
from tests.support.program import ROOT, Program
from tests.support.trust_lab import inquire, run, runner, trusting_lab


def plan(lab: Lab, *servers: str, certificate: str = "") -> RenewalPlan:
    with runner() as hands:
        return plan_renewal(
            lab, servers, fork=fork_lab, runner=hands, clock=SystemClock(), pace=pace_of(lab),
            certificate=certificate,
        )  # fmt: skip


def named(lab: Lab, server: str) -> bytes | None:
    return lab.host(server).published()


@pytest.mark.slow
@pytest.mark.parametrize("version", [Version.EXCHANGE_2007, Version.EXCHANGE_2019])
@pytest.mark.parametrize(
    ("hubs", "edges", "servers"),
    [
        (1, 1, ("EDGE01",)),
        (1, 1, ("HUB01",)),
        (2, 2, ("EDGE01",)),
        (2, 2, ("HUB02",)),
        (2, 2, ("EDGE01", "EDGE02")),
        (2, 1, ("HUB01", "EDGE01")),
    ],
)
def test_a_plans_commands_run_as_they_stand_and_leave_every_cell_trusted(
    version: Version, hubs: int, edges: int, servers: tuple[str, ...]
) -> None:
    with trusting_lab(version, hubs=hubs, edges=edges) as lab:
        before = {server: named(lab, server) for server in servers}
        found = plan(lab, *servers)
        assert {server: named(lab, server) for server in servers} == before, "planning changed it"

        run(lab, *(step.command for step in found.steps))

        assert not inquire(lab).matrix().bad
        for server in servers:
            assert named(lab, server) != before[server]
            ders = {c.der for c in lab.store(server).certificates}
            assert before[server] not in ders, "the old certificate is still there"


def test_with_two_edges_an_edge_is_renewed_without_any_delay() -> None:
    with trusting_lab() as lab:
        found = plan(lab, "EDGE01")
        assert found.mail_delay_s == 0
        assert not found.worst.lost
        last = found.rehearsal.last if found.rehearsal else None
        assert last is not None
        assert (last.delay_s, last.lost) == (0, False)


def test_with_one_edge_no_order_is_free_of_delay_and_the_least_is_given() -> None:
    with trusting_lab(edges=1) as lab:
        found = plan(lab, "EDGE01")
        assert found.mail_delay_s == 600
        assert not found.worst.lost
        last = found.rehearsal.last if found.rehearsal else None
        assert last is not None
        assert last.delay_s == found.mail_delay_s, "the search and the rehearsal disagree"


def test_the_obvious_order_is_named_and_is_worse() -> None:
    with trusting_lab() as lab:
        found = plan(lab, "EDGE01")
        by_title = {r.why.partition(":")[0]: r for r in found.rejected}
        again = by_title["renew, then subscribe again"]
        assert "refused for good" in again.why
        assert by_title["renew and wait for the schedule"].mail_delay_s is None


def test_a_certificate_from_elsewhere_can_be_what_the_plan_goes_over_to() -> None:
    with trusting_lab() as lab:
        run(lab, "cert new EDGE01 --services None --no")
        waiting = lab.store("EDGE01").certificates[-1]
        found = plan(lab, "EDGE01", certificate=waiting.thumbprint)
        run(lab, *(step.command for step in found.steps))
        assert named(lab, "EDGE01") == waiting.der
        assert not inquire(lab).matrix().bad


@pytest.mark.parametrize("server", ["EDGE01", "HUB01"])
def test_where_nothing_is_subscribed_a_renewal_needs_no_order(server: str) -> None:
    with new_lab(contoso(recipients=1)) as lab:
        before = named(lab, server)
        found = plan(lab, server)
        assert (found.mail_delay_s, len(found.steps)) == (0, 2)
        run(lab, *(step.command for step in found.steps))
        assert named(lab, server) != before


def test_a_plan_starts_only_where_trust_holds() -> None:
    with trusting_lab() as lab:
        run(lab, "cert renew EDGE02 --yes")
        with pytest.raises(RefusedByRule, match="EDGE02"):
            plan(lab, "EDGE01")


@pytest.mark.parametrize("servers", [("CAS01",), (), ("HUB01", "HUB02", "EDGE01", "EDGE02")])
def test_a_plan_that_cannot_be_made_is_refused_with_the_reason(servers: tuple[str, ...]) -> None:
    with trusting_lab() as lab, pytest.raises(UsageError):
        plan(lab, *servers)


@pytest.mark.slow
def test_a_plan_is_a_script_for_the_shell(tmp_path: Path) -> None:
    program = Program(tmp_path / "lab")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def shell(line: str) -> None:
        words = program.command(*shlex.split(line)[1:])
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, text=True,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    program.ok("lab", "new", "--recipients", "3")
    for edge in ("EDGE01", "EDGE02"):
        shell(f"edgesync subscription export {edge} --yes")
        shell(f"edgesync subscription import {edge}.xml --site Default-First-Site-Name")
    program.ok("sync", "run")
    for step in program.json("trust", "plan", "renew", "EDGE01")["steps"]:
        shell(step["command"])
    program.ok("trust", "matrix")
