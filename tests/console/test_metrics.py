"""Numbers for Prometheus: well formed, true, and without anybody's address."""

from __future__ import annotations

import re
import smtplib
from urllib.request import urlopen

import pytest

from directory.errors import LdapError
from edgesync import Lab
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


def test_what_strangers_ask_over_sockets_is_counted_without_their_words() -> None:
    with Lab.new(hubs=1, edges=1, recipients=3, sites=1) as lab, lab.up():
        lab.subscribe("EDGE01")
        lab.sync.run(edge="EDGE01")
        lab.trust.check("HUB01", "EDGE01")
        edge = lab.edge("EDGE01")
        connection = edge.connect()
        connection.search(edge.admin_dn, "(objectClass=*)", attributes=["*"])
        connection.delete("CN=secret-nobody," + edge.admin_dn)
        connection.unbind()
        host, port = lab.address("EDGE01", "smtp").removeprefix("smtp://").split(":")
        with smtplib.SMTP(host, int(port)) as client:
            client.ehlo("secret.test")
            client.docmd("SECRET-VERB")
        with urlopen(lab.lab.control + "/metrics", timeout=30) as answer:
            text = answer.read().decode()
    ldap = re.findall(r'edgesync_ldap_requests_total\{directory="EDGE01",operation="(\w+)",'
                      r'result="(\w+)"\} (\d+)', text)  # fmt: skip
    counted = {(operation, result): int(number) for operation, result, number in ldap}
    assert counted["bind", "success"] >= 2  # EdgeSync's own session came over LDAPS
    assert counted["delete", "no_such_object"] == 1
    assert counted["search", "success"] >= 1
    assert counted["add", "success"] >= 3
    for line in (
        'edgesync_smtp_commands_total{server="EDGE01",verb="other"} 1',
        'edgesync_smtp_replies_total{server="EDGE01",code="500"} 1',
        'edgesync_smtp_verdicts_total{server="EDGE01",reason="trusted"} 1',
        'edgesync_smtp_sessions_total{server="EDGE01",tls="X-ANONYMOUSTLS"} 1',
    ):
        assert line in text.splitlines()
    assert not re.search(r"secret|@|CN=|127\.0\.0\.1", text, re.IGNORECASE)
