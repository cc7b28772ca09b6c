"""The lab as Python programs see it (contract section 4)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

import edgesync
from edgesync import Lab
from edgesync.errors import ExitCode, NoSuchThing, Unreachable, UsageError


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab.new(preset="contoso", seed=7, recipients=10) as made:
        yield made


def test_the_example_of_the_contract_does_what_it_says(lab: Lab) -> None:
    lab.subscribe("EDGE01", site="Default-First-Site-Name")
    assert lab.sync.run(edge="EDGE01")
    result = lab.trust.check("HUB01", "EDGE01")
    assert result
    assert (result.verdict, result.reason) == ("trusted", "trusted")
    before = lab.clock.now
    lab.clock.advance(days=400)
    assert lab.clock.now - before >= timedelta(days=400)
    expired = lab.trust.check("HUB01", "EDGE01")
    assert expired.reason != "trusted"


def test_an_answer_no_is_a_value_that_is_false_and_explains_itself(lab: Lab) -> None:
    lab.subscribe("EDGE01")
    lab.sync.run(edge="EDGE01")
    lab.run("cert.renew", server="EDGE01")
    result = lab.trust.check("HUB01", "EDGE01")
    assert not result
    assert result.exit_code is ExitCode.NO
    assert result.reason == "mismatch"
    assert result.presented not in {None, result.published}
    told = result.explain()
    assert told["fix"]
    assert "mismatch" in str(told)
    with pytest.raises(AssertionError, match="Fix, tried on a fork"):
        lab.trust.assert_trusted("HUB01", "EDGE01")
    assert not lab.trust.matrix()


def test_a_refusal_is_an_exception_with_a_hint(lab: Lab) -> None:
    with pytest.raises(NoSuchThing) as caught:
        lab.run("cert.show", server="NOBODY")
    assert caught.value.hint
    with pytest.raises(UsageError, match="no operation"):
        lab.run("cert.polish")
    with pytest.raises(UsageError, match="no parameter"):
        lab.run("cert.show", server="HUB01", colour="red")
    with pytest.raises(UsageError, match="no preset"):
        Lab.new("fabrikam")


def test_a_question_takes_exchange_s_default_unless_answered(lab: Lab) -> None:
    before = lab.run("cert.show", server="HUB01")["truths"]
    lab.run("cert.renew", server="HUB01", answer=False)
    assert lab.run("cert.show", server="HUB01")["truths"]["agree"] == before["agree"]
    lab.run("cert.renew", server="HUB01")
    assert len(lab.run("cert.list", server="HUB01")["certificates"]) == 3


def test_a_fork_goes_its_own_way(lab: Lab) -> None:
    with lab.fork() as copy:
        copy.run("cert.renew", server="HUB01")
        copy.clock.advance(hours=5)
        assert len(copy.run("cert.list", server="HUB01")["certificates"]) == 2
    assert len(lab.run("cert.list", server="HUB01")["certificates"]) == 1


def test_equal_seeds_make_equal_labs(lab: Lab) -> None:
    def everything(one: Lab) -> str:
        found = [
            one.run("directory.search", server=name, limit=0).text for name in ("AD", "EDGE01")
        ]
        return "\n".join(found)

    with Lab.new(seed=7, recipients=10) as twin, Lab.new(seed=8, recipients=10) as other:
        assert everything(twin) == everything(lab)
        assert everything(other) != everything(lab)


@pytest.mark.parametrize("span", [{}, {"years": 1}, {"days": -1}])
def test_time_goes_forward_in_known_units(lab: Lab, span: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        lab.clock.advance(**span)


def test_a_lab_that_is_up_listens_and_stops(lab: Lab) -> None:
    with pytest.raises(Unreachable):
        _ = lab.ad.url
    with lab.up() as running:
        assert running is lab
        for directory in (lab.ad, lab.edge("edge01")):
            connection = directory.connect()
            assert connection.extend.standard.who_am_i()
            connection.unbind()
        assert lab.address("EDGE01", "smtp").startswith("smtp://127.0.0.1:")
        with pytest.raises(NoSuchThing):
            lab.address("EDGE01", "gopher")
        with pytest.raises(UsageError):
            lab.start()
        with urlopen(f"{lab.lab.control}/healthz") as answer:
            assert json.load(answer)["state"] == "ok"
    assert lab.lab.addresses == {}
    lab.up()
    lab.stop()
    lab.stop()


def test_a_lab_in_a_folder_is_there_again(tmp_path: Path) -> None:
    with Lab.new(path=tmp_path / "lab", recipients=3) as lab:
        lab.run("cert.renew", server="HUB01")
        thumbprints = [c["thumbprint"] for c in lab.run("cert.list")["certificates"]]
    with Lab.open(tmp_path / "lab") as again:
        assert [c["thumbprint"] for c in again.run("cert.list")["certificates"]] == thumbprints


def test_events_are_read_by_name_and_server(lab: Lab) -> None:
    stored = lab.events("CertificateStored", server="EDGE01")
    assert [event.server for event in stored] == ["EDGE01"]


def test_the_package_imports_the_lab_only_when_asked() -> None:
    code = (
        "import sys, edgesync; assert 'edgesync.lab' not in sys.modules; "
        "from edgesync import Lab; assert 'edgesync.lab.lab' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError):
        _ = edgesync.Laboratory
