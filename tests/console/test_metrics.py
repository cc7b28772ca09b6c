"""Numbers for Prometheus: well formed, true, and without anybody's address."""

from __future__ import annotations

import re

import pytest

from directory.errors import LdapError
from edgesync.console.metrics import Metric
from tests.console.conftest import HOSTILE, Site

LINE = re.compile(
    r'(?P<name>[a-z_0-9:]+)(\{(?P<labels>([a-z_]+="([^"\\]|\\.)*",?)*)\})? (?P<value>\S+)'
)


def samples(site: Site) -> dict[str, list[tuple[dict[str, str], float]]]:
    answer = site.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for line in answer.text.splitlines():
        if line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        assert match, line
        labels = dict(re.findall(r'([a-z_]+)="([^"]*)"', match["labels"] or ""))
        found.setdefault(match["name"], []).append((labels, float(match["value"])))
    return found


def test_each_family_says_what_it_is_once(site: Site) -> None:
    text = site.ask("GET", "/metrics").text
    kinds = re.findall(r"^# TYPE (\S+) (gauge|counter)$", text, re.MULTILINE)
    helps = re.findall(r"^# HELP (\S+) .+$", text, re.MULTILINE)
    names = [name for name, _ in kinds]
    assert names == helps
    assert len(set(names)) == len(names)
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in kinds)


def test_a_certificate_ends_when_its_metric_says(site: Site) -> None:
    ends = {labels["thumbprint"]: value for labels, value in samples(site)["x509_cert_not_after"]}
    store = site.lab.lab.store("EDGE01")
    assert store.certificates
    for certificate in store.certificates:
        assert ends[certificate.thumbprint] == certificate.not_after.timestamp()


def test_trust_and_sync_are_told(site: Site) -> None:
    found = samples(site)
    verdicts = {
        (labels["verifier"], labels["peer"], labels["path"]): (labels["reason"], value)
        for labels, value in found["edgesync_trusted"]
    }
    assert verdicts["HUB01", "EDGE01", "smtp"] == ("mismatch", 0.0)
    assert verdicts["EDGE01", "HUB01", "smtp"] == ("trusted", 1.0)
    ages = {labels["job"]: value for labels, value in found["edgesync_sync_age_seconds"]}
    assert set(ages) == {"configuration", "recipients", "topology"}
    assert all(age >= 0 for age in ages.values())


def binds(site: Site) -> dict[tuple[str, ...], float]:
    found = samples(site).get("edgesync_ldap_binds_total", [])
    return {tuple(labels.values()): value for labels, value in found}


def test_refused_binds_are_counted(site: Site) -> None:
    before = binds(site).get(("AD", "bind_refused"), 0)
    with pytest.raises(LdapError):
        site.lab.lab.ad.port("test").bind("CN=Nobody,DC=contoso,DC=test", b"wrong")
    assert binds(site)["AD", "bind_refused"] == before + 1


def test_no_label_holds_an_address_a_name_of_an_entry_or_a_stranger_s_words(site: Site) -> None:
    for family in samples(site).values():
        for labels, _ in family:
            for value in labels.values():
                assert not re.search(r"\d+\.\d+\.\d+\.\d+|=|<|@|//", value), labels


def test_a_value_cannot_end_its_label() -> None:
    metric = Metric("m", "gauge", "h", (({"a": HOSTILE + "\n\\"}, 1.0),))
    line = list(metric.lines())[-1]
    assert LINE.fullmatch(line), line
