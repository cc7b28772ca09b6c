"""The pages: complete without JavaScript, and deaf to what strangers wrote into the lab."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from jinja2 import StrictUndefined

from directory.model.dn import DN
from edgesync.console.rendering import ENVIRONMENT, FOLDER
from edgesync.operations.registry import all_operations
from edgesync.port.port import read
from edgesync.subscription.credentials import readable_records
from tests.console.conftest import HOSTILE, Site

SERVER_DN = (
    "CN=EDGE01,CN=Servers,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),"
    "CN=Administrative Groups,CN=Contoso,CN=Microsoft Exchange,CN=Services,CN=Configuration,"
    "DC=contoso,DC=test"
)
PAGES = (
    "/", "/trust", "/trust?path=ldaps", "/trust/explain", "/certificates",
    "/trust/explain?verifier=HUB01&peer=EDGE01", "/certificates?server=EDGE01",
    "/certificates/calendar", "/certificates/calendar?month=2027-11", "/directory",
    f"/directory?server=AD&dn={quote(SERVER_DN)}&server2=EDGE01",
    "/directory/search?filter=(cn%3DEDGE*)&attributes=cn",
    f"/directory/history?dn={quote(SERVER_DN)}",
    "/directory/compare?server=AD&left=HUB01&other_server=EDGE01&right=HUB01",
    "/sync", "/sync/plan", "/sync/verify", "/sync/verify?full=1", "/mail",
    "/mail/message?mailbox=alan.abbott&number=1", "/whatif", "/scenarios",
    "/clients", "/clients?server=CAS01", "/calls", "/trust?path=all",
    "/trust/explain?verifier=activesync&peer=CAS01&path=client-https",
    "/faults", "/events", "/events?severity=error&word=trust&server=HUB01", "/actions",
    "/do/cert.renew?p.server=EDGE01",
)  # fmt: skip


class Document(HTMLParser):
    """Elements with their attributes, and the ids that are used twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def values(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.elements if name in attrs]


@pytest.fixture(autouse=True)
def nothing_is_left_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that names a part no document has is a mistake here."""
    monkeypatch.setattr(ENVIRONMENT, "undefined", StrictUndefined)
    ENVIRONMENT.cache.clear() if ENVIRONMENT.cache is not None else None


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_and_asks_no_other_host(site: Site, path: str) -> None:
    answer = site.page(path)
    assert answer.status == 200, re.sub(r"<[^>]+>", " ", answer.text)[-800:]
    document = Document(answer.text)
    for address in document.values("src") + document.values("href") + document.values("action"):
        assert address.startswith(("/", "#", "?")), address
        assert not address.startswith("//")
    ids = document.values("id")
    assert sorted(ids) == sorted(set(ids))
    assert not any("style" in attrs for _, attrs in document.elements)
    assert not any(name.startswith("on") for _, attrs in document.elements for name in attrs)


@pytest.mark.parametrize("path", PAGES)
def test_what_strangers_wrote_stays_text(site: Site, path: str) -> None:
    tags = [tag for tag, _ in Document(site.page(path).text).elements]
    assert tags.count("script") == 1
    assert "img" not in tags


REFLECTED = (
    "/directory?server={}", "/directory?dn={}", "/directory?dn=CN%3D{}&server2={}&dn2={}",
    "/directory/search?filter={}&base={}&attributes={}&server=AD",
    "/directory/search?filter=(cn%3D{})",
    "/directory/history?dn={}", "/directory/history?dn=DC%3Dcontoso,DC%3Dtest&attribute={}",
    "/directory/compare?server=AD&left={}&right={}&other_server={}", "/certificates?server={}",
    "/certificates/calendar?month={}", "/trust?path={}", "/trust/explain?verifier={}&peer={}",
    "/trust/explain?verifier={}&peer=CAS01&path=client-https", "/clients?server={}",
    "/events?server={}&severity={}&word={}", "/mail?server={}&kind={}", "/whatif?do={}",
    "/mail/message?mailbox={}&number={}", "/mail/message?mailbox=alan.abbott&number={}",
    "/do/cert.renew?p.server={}&p.thumbprint={}", "/do/{}", "/{}", "/sync/plan?edge={}",
    "/directory/children?server=AD&dn=DC%3Dcontoso,DC%3Dtest&keep.dn={}&suffix={}",
)  # fmt: skip


@pytest.mark.parametrize("path", REFLECTED)
def test_what_an_address_says_stays_text(site: Site, path: str) -> None:
    answer = site.page(path.replace("{}", quote(HOSTILE, safe="")))
    tags = [tag for tag, _ in Document(answer.text).elements]
    assert "img" not in tags
    assert tags.count("script") <= 1
    assert answer.status in {200, 400, 404}
    assert "49" not in re.findall(r"&\{?(\d+)", answer.text), "a template in a value was run"


def test_hostile_names_are_shown_as_they_are(site: Site) -> None:
    dn = str(site.lab.lab.ad.names.users.child("CN", HOSTILE))
    answer = site.page("/directory?" + urlencode({"server": "AD", "dn": dn}))
    assert answer.status == 200
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in answer.text
    assert not any(a.startswith("javascript:") for a in Document(answer.text).values("href"))


def test_a_download_is_never_run_as_a_page(site: Site) -> None:
    dn = str(site.lab.lab.ad.names.users.child("CN", HOSTILE))
    answer = site.page("/directory/entries.ldif?" + urlencode({"base": dn}))
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["content-disposition"].startswith("attachment")


def test_no_page_shows_a_secret(site: Site) -> None:
    records = [record for _, record in readable_records(_credentials(site))]
    assert records
    text = "".join(site.page(path).text for path in PAGES)
    text += site.page("/directory/search?" + urlencode(
        {"server": "EDGE01", "filter": "(objectClass=user)", "attributes": "* unicodePwd"}
    )).text  # fmt: skip
    for record in records:
        assert base64.b64encode(record.password).decode() not in text
    assert "{SCRYPT}" not in text
    assert "PRIVATE KEY" not in text


def _credentials(site: Site) -> tuple[bytes, ...]:
    entry = read(site.lab.lab.ad_port(), DN.parse(SERVER_DN))
    assert entry is not None
    return entry.values("msExchEdgeSyncCredential")


def test_the_history_masks_passwords_too(site: Site) -> None:
    lab = site.lab.lab
    users = str(lab.ad.names.users)
    answer = site.page("/directory/history?" + urlencode({"dn": f"CN=Administrator,{users}"}))
    assert answer.status == 200
    assert "SCRYPT" not in answer.text


def test_every_served_operation_has_a_form_that_shows_its_command(site: Site) -> None:
    for operation in all_operations():
        answer = site.page(f"/do/{operation.name}")
        if not operation.remote:
            assert answer.status == 404
            continue
        assert answer.status == 200
        names = set(Document(answer.text).values("name"))
        assert {f"p.{p.name}" for p in operation.parameters} <= names
        assert f"edgesync {operation.command}" in answer.text


def test_a_form_without_javascript_runs_asks_back_and_shows_the_answer(site: Site) -> None:
    first = site.submit("/do/cert.renew", **{"p.server": "HUB02"})
    assert first.status == 303
    question = site.page(first.headers["location"])
    assert "overwrite" in question.text.lower()
    fields = {
        attrs["name"] or "": attrs.get("value") or ""
        for tag, attrs in Document(question.text).elements
        if tag == "input" and "name" in attrs
    }
    second = site.submit("/do/cert.renew", **fields, answer="yes")
    answer = site.page(second.headers["location"])
    assert answer.status == 200
    assert "edgesync cert renew HUB02" in answer.text
    assert "CN=HUB02" in answer.text


def test_a_refusal_is_shown_with_its_hint(site: Site) -> None:
    location = site.submit("/do/cert.show", **{"p.server": "NOBODY"}).headers["location"]
    answer = site.page(location)
    assert answer.status == 404
    assert "no server" in answer.text
    assert "servers are" in answer.text


def test_a_form_with_a_wrong_number_is_shown_again(site: Site) -> None:
    answer = site.submit("/do/sync.history", **{"p.limit": "many"})
    assert answer.status == 400
    assert "limit must be int" in answer.text


def test_an_answer_can_be_taken_away_as_a_file(site: Site) -> None:
    location = site.submit("/do/cert.expiry").headers["location"]
    assert site.page(f"{location}/as.json").json()["schema"] == "edgesync.cert-expiry/1"
    assert site.page(f"{location}/as.ics").text.startswith("BEGIN:VCALENDAR")
    assert site.page(f"{location}/as.exe").status == 404
    assert site.page("/runs/999999").status == 404


def test_a_rehearsal_changes_nothing(site: Site) -> None:
    before = site.lab.run("cert.list")["certificates"]
    answer = site.submit("/whatif", do="cert renew HUB01 --yes\nsync run")
    assert answer.status == 200
    assert "cert renew HUB01" in answer.text
    assert "mail delay" in answer.text
    assert site.lab.run("cert.list")["certificates"] == before


def test_looking_fills_no_log(site: Site) -> None:
    before = len(site.lab.events())
    for path in ("/", "/trust", "/certificates", "/sync", "/mail", "/events", "/metrics"):
        site.page(path)
    assert len(site.lab.events()) == before


def test_the_static_files_name_no_host() -> None:
    for path in sorted(FOLDER.rglob("*.*")):
        if path.suffix in {".html", ".css", ".js", ".svg"}:
            text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"(https?:)?//[\w.]+\.\w+", text), path
    assert Path(FOLDER / "static" / "console.js").stat().st_size < 20_000


def test_a_fault_of_the_tool_is_a_page_and_no_traceback(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault that nobody foresaw")

    monkeypatch.setattr(site.lab.lab.ledger, "events", broken)
    answer = site.page("/events")
    assert answer.status == 500
    assert "a fault that nobody foresaw" in answer.text
    assert "content-security-policy" in answer.headers
    assert "Traceback" not in answer.text + "".join(capfd.readouterr())
