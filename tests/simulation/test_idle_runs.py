"""Leaving out runs that change nothing leaves the same lab behind as making them all."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from directory.model import modification as change
from directory.model.messages import ModifyRequest
from edgesync.config import Policy, Version
from edgesync.lab.description import LabDescription, contoso
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.folder import new_lab
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.lab.routine import Routine
from edgesync.organization.names import DEFAULT_SITE
from edgesync.simulation.skew import SkewedClock
from tests.simulation.lab_state import state

SHORT_LIVES = Policy(
    credential_lifetime=timedelta(hours=40),
    credential_successor=timedelta(hours=9, minutes=30),
    credential_effective=timedelta(hours=4, minutes=10),
)
"""Three credentials in five days, at instants that are on nobody's schedule."""


@pytest.fixture
def two_labs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Version], tuple[Lab, Lab]]:
    monkeypatch.setattr(LabDescription, "trust_policy", property(lambda _self: SHORT_LIVES))

    def make(version: Version) -> tuple[Lab, Lab]:
        labs = []
        for leaves_out in (True, False):
            lab = new_lab(contoso(hubs=3, edges=2, recipients=5, seed=3, version=version))
            lab.service(Routine).leaves_out_idle_runs = leaves_out
            for minutes, edge in ((3, "EDGE01"), (17, "EDGE02")):
                lab.agenda.advance(timedelta(minutes=minutes))
                lab.service(EdgeSync).subscribe(edge, DEFAULT_SITE)
            labs.append(lab)
        return labs[0], labs[1]

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "hours"),
    [
        (Version.EXCHANGE_2007, (0.3, 7.21, 33, 41.7)),
        (Version.EXCHANGE_2019, (0.3, 7.21, 24)),
    ],
    ids=("exchange-2007", "exchange-2019"),
)
def test_the_state_equals_that_of_making_every_run(
    two_labs: Callable[[Version], tuple[Lab, Lab]], version: Version, hours: tuple[float, ...]
) -> None:
    quick, plain = two_labs(version)
    ran = [0, 0]
    for span in hours:
        for index, lab in enumerate((quick, plain)):
            ran[index] += lab.agenda.advance(timedelta(hours=span))
        expected = state(plain)
        assert state(quick) == expected
        assert quick.clock.now() == plain.clock.now()

    assert ran[0] * 5 < ran[1]


def _cut_off(lab: Lab) -> None:
    network = lab.service(Network)
    network.cut |= {frozenset((f"hub0{number}", "edge01")) for number in (1, 2, 3)}


def _reconnect(lab: Lab) -> None:
    lab.service(Network).cut.clear()


def _present_another_certificate(lab: Lab) -> None:
    other = lab.host("HUB01").published()
    assert other is not None
    note = change.replace("msExchServerInternalTLSCert", other)
    lab.ad_port().modify(ModifyRequest(lab.ad.names.server("EDGE01"), (note,)))


def _set_clocks_wrong(lab: Lab) -> None:
    now = lab.clock.now()
    lab.clocks["HUB01"] = SkewedClock(lab.clock, timedelta(minutes=-40), now)
    lab.clocks["EDGE01"] = SkewedClock(lab.clock, timedelta(hours=2), now)
    lab.clocks["HUB02"] = SkewedClock(lab.clock, timedelta(), now, drift_ppm=900)


@pytest.mark.slow
@pytest.mark.parametrize(
    "trouble", [_cut_off, _present_another_certificate, _set_clocks_wrong], ids=lambda f: f.__name__
)
def test_trouble_that_lasts_costs_few_runs_and_leaves_the_same_state(
    two_labs: Callable[[Version], tuple[Lab, Lab]], trouble: Callable[[Lab], None]
) -> None:
    quick, plain = two_labs(Version.EXCHANGE_2007)
    ran = [0, 0]
    for act, hours in ((None, 2), (trouble, 11), (_reconnect, 5.3)):
        for index, lab in enumerate((quick, plain)):
            if act is not None:
                act(lab)
            ran[index] += lab.agenda.advance(timedelta(hours=hours))
        assert state(quick) == state(plain)

    assert ran[0] * 3 < ran[1]


def test_a_change_between_two_advances_is_synchronized_when_it_would_have_been(
    two_labs: Callable[[Version], tuple[Lab, Lab]],
) -> None:
    quick, plain = two_labs(Version.EXCHANGE_2007)
    for lab in (quick, plain):
        lab.agenda.advance(timedelta(hours=9))
        server = lab.ad.names.server("HUB01")
        note = change.replace("serialNumber", b"Version 8.3 (changed by hand)")
        lab.ad_port().modify(ModifyRequest(server, (note,)))
        lab.agenda.advance(timedelta(minutes=59))

    assert state(quick) == state(plain)
    assert "changed by hand" in str(state(quick)["EDGE01 " + _replica(quick)])


def _replica(lab: Lab) -> str:
    return str(lab.edges["EDGE01"].names.server("HUB01"))


def test_a_year_needs_few_runs() -> None:
    lab = new_lab(contoso(hubs=1, sites=1, edges=1, recipients=3))
    lab.service(EdgeSync).subscribe("EDGE01", DEFAULT_SITE)

    assert lab.agenda.advance(timedelta(days=365)) < 600
