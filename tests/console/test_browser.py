"""The console in a real browser: pages, forms, live parts, keyboard, no script of a stranger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect, sync_playwright

from edgesync import Lab
from edgesync.events import CERTIFICATE_STORED, Event
from edgesync.operations.registry import all_operations
from tests.console.conftest import HOSTILE, Site, first_address, make_hostile, serve
from tests.console.test_pages import PAGES
from tests.support.peers import require_tool

pytestmark = [pytest.mark.peers, pytest.mark.slow]

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS: dict[str, tuple[int, Literal["light", "dark"]]] = {
    "wide light": (1280, "light"),
    "narrow dark": (390, "dark"),
}
WAIT_MS = 15_000


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The hostile lab, with its listeners up."""
    with Lab.new(recipients=20) as lab:
        lab.subscribe("EDGE01")
        lab.sync.run(edge="EDGE01")
        lab.run("cert.renew", server="EDGE01", answer=True)
        make_hostile(lab)
        lab.lab.addresses = {"AD": {"ldap": "ldap://127.0.0.1:1"}}
        try:
            yield from serve(lab)
        finally:
            lab.lab.addresses = {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = require_tool("chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@dataclass
class Visit:
    """A page with everything it complained about."""

    page: Page
    site: Site
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.site.origin + path, wait_until="load")


def refuse(dialog: Dialog, said: list[str]) -> None:
    """A dialog means that somebody's script ran."""
    said.append(f"dialog {dialog.message}")
    dialog.dismiss()


def visit(context: BrowserContext, site: Site) -> Visit:
    context.set_default_timeout(WAIT_MS)
    found = Visit(context.new_page(), site)
    said = found.complaints
    found.page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    found.page.on("pageerror", lambda error: said.append(str(error)))
    found.page.on("dialog", lambda dialog: refuse(dialog, said))
    found.page.on(
        "request",
        lambda request: None if request.url.startswith(site.origin) else said.append(request.url),
    )
    return found


@pytest.fixture
def at(browser: Browser, site: Site) -> Iterator[Visit]:
    """A wide window in which the console's own policy holds."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = visit(context, site)
    yield found
    context.close()
    assert found.complaints == []


@pytest.fixture(scope="module", params=LOOKS)
def looker(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Visit]:
    """A window in which axe may run, which our policy would forbid."""
    width, scheme = LOOKS[request.param]
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True
    )
    yield visit(context, site)
    context.close()


def violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text("utf-8"))
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [f"{v['id']}: {v['nodes'][0]['target']}" for v in found["violations"]]


OVERFLOWING = (
    """() => document.documentElement.scrollWidth - document.documentElement.clientWidth"""
)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_readable_accessible_and_quiet(looker: Visit, path: str) -> None:
    looker.complaints.clear()
    looker.go(path)
    assert violations(looker.page) == []
    assert looker.page.evaluate(OVERFLOWING) <= 0
    assert looker.complaints == []


def test_every_form_is_accessible(browser: Browser, site: Site) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark", bypass_csp=True
    )
    looker = visit(context, site)
    wrong = {}
    for name in (item.name for item in all_operations() if item.remote):
        looker.go(f"/do/{name}")
        if found := [*violations(looker.page), *[name] * looker.page.evaluate(OVERFLOWING)]:
            wrong[name] = found
    context.close()
    assert wrong == {}


def test_the_equal_command_follows_the_fields(at: Visit) -> None:
    at.go("/do/cert.renew")
    at.page.get_by_label("server", exact=False).first.fill("HUB02")
    expect(at.page.locator("form .command code")).to_have_text("edgesync cert renew HUB02")


def test_an_action_asks_back_runs_and_shows_its_answer(at: Visit) -> None:
    at.go("/do/cert.renew?p.server=HUB03")
    at.page.get_by_role("button", name="Run").click()
    at.page.get_by_role("button", name="Yes").click()
    expect(at.page.locator("pre.answer")).to_contain_text("CN=HUB03")
    expect(at.page.locator(".notice")).to_contain_text("done")


def test_a_wrong_value_brings_the_form_back_with_the_reason(at: Visit) -> None:
    at.go("/do/cert.show?p.server=NOBODY")
    at.page.get_by_role("button", name="Run").click()
    expect(at.page.get_by_role("alert")).to_contain_text("no server")
    at.complaints.clear()  # the browser notes that the answer page is a 404


def test_a_sync_run_from_the_page_is_in_the_history(at: Visit) -> None:
    at.go("/sync")
    at.page.get_by_role("link", name="Run now").click()
    at.page.get_by_role("button", name="Run").click()
    at.page.wait_for_url("**/runs/*")
    expect(at.page.locator(".command").first).to_contain_text("edgesync sync run")
    at.go("/sync")
    expect(at.page.locator("#history tbody tr").first).to_be_visible()


def test_events_appear_without_a_reload(at: Visit) -> None:
    at.go("/events")
    expect(at.page.locator("#live")).to_have_text("live")
    at.page.evaluate("window.stays = true")
    inner = at.site.lab.lab
    data = {"thumbprint": HOSTILE, "server": "HUB01"}
    inner.emit(Event(CERTIFICATE_STORED, inner.clock.now(), "HUB01", data))
    expect(at.page.locator("#events tbody tr").first).to_contain_text("<script>alert('x')")
    assert at.page.evaluate("window.stays") is True


def test_the_matrix_turns_when_somebody_renews(at: Visit) -> None:
    at.go("/")
    expect(at.page.locator("#live")).to_have_text("live")
    at.site.lab.run("cert.renew", server="HUB01", answer=True)
    at.site.server._app.state.caller.changes += 1
    cell = at.page.locator("#trust table").first.get_by_role("row", name="EDGE01").last
    expect(cell).to_contain_text("stale replica")


def test_a_fault_is_put_in_seen_and_taken_out(at: Visit) -> None:
    at.go("/faults")
    at.page.get_by_label("kind").select_option("lose-ack")
    at.page.get_by_label("server required").fill("EDGE01")
    at.page.get_by_label("request").fill("modify")
    at.page.get_by_label("at", exact=True).fill("2,3")
    expect(at.page.locator("form .command code")).to_have_text(
        "edgesync fault add lose-ack EDGE01 --request modify --at 2,3"
    )
    at.page.get_by_role("button", name="Put it in").click()
    expect(at.page.locator(".notice")).to_contain_text("done")
    at.go("/faults")
    expect(at.page.locator("#faults tbody tr")).to_contain_text("at 2, 3")
    at.go("/")
    expect(at.page.locator("#faults")).to_contain_text("1 on the lab's lines")
    at.go("/faults")
    at.page.get_by_role("link", name="Remove", exact=True).click()
    at.page.get_by_role("button", name="Run").click()
    expect(at.page.locator(".notice")).to_contain_text("done")
    at.go("/faults")
    expect(at.page.locator("#faults")).to_contain_text("every line of the lab is well")


def test_mail_is_sent_and_read_with_its_path(at: Visit) -> None:
    at.go("/mail")
    somebody = first_address(at.site.lab)
    at.page.get_by_label("from").fill(somebody)
    at.page.get_by_label("to required").fill(somebody)
    at.page.get_by_label("subject", exact=True).fill("Seen in a browser")
    at.page.get_by_role("button", name="Send").click()
    at.page.wait_for_url("**/runs/*")
    at.go("/mail")
    at.page.get_by_role("link", name="Seen in a browser").click()
    expect(at.page.locator("h1")).to_have_text("Seen in a browser")
    expect(at.page.locator("dl").first).to_contain_text("Internal")
    expect(at.page.locator("ol.steps > li")).to_have_count(1)


def test_time_passes_by_a_button(at: Visit) -> None:
    before = at.site.lab.clock.now
    at.go("/")
    at.page.get_by_role("link", name="Let a day pass").click()
    expect(at.page.locator("form .command code")).to_have_text("edgesync lab advance 1d")
    at.page.get_by_role("button", name="Run").click()
    expect(at.page.locator(".notice")).to_contain_text("done")
    assert (at.site.lab.clock.now - before).days == 1


def test_the_tree_opens_and_is_walked_by_keyboard(at: Visit) -> None:
    at.go("/directory")
    first = at.page.locator("ul.tree a").first
    first.focus()
    at.page.keyboard.press("ArrowRight")
    expect(at.page.locator("ul.tree ul li").first).to_be_visible()
    at.page.keyboard.press("ArrowDown")
    at.page.keyboard.press("Enter")
    at.page.wait_for_url("**/directory?*dn=*")
    expect(at.page.locator("table.entry")).to_be_visible()


def test_everything_is_reached_by_keyboard(at: Visit) -> None:
    at.go("/")
    at.page.keyboard.press("Tab")
    assert at.page.evaluate("document.activeElement.textContent") == "Skip to content"
    at.page.keyboard.press("Enter")
    assert at.page.evaluate("document.activeElement.id || location.hash") in {"main", "#main"}
    at.go("/trust")
    reached = set()
    for _ in range(60):
        at.page.keyboard.press("Tab")
        reached.add(at.page.evaluate("document.activeElement.getAttribute('href') || ''"))
    for link in at.page.locator("main a[href^='/trust/explain']").all()[:3]:
        assert link.get_attribute("href") in reached
    assert {"/events", "/actions", "/trust?path=ldaps"} <= reached


def test_a_rehearsal_is_built_step_by_step(at: Visit) -> None:
    at.go("/whatif")
    at.page.get_by_label("Add a step").select_option("cert.renew")
    at.page.get_by_role("button", name="Add the step").click()
    expect(at.page.get_by_label("Commands")).to_have_value("cert renew EDGE01 --yes")
    at.page.get_by_role("button", name="Rehearse").click()
    expect(at.page.locator(".stage").last).to_be_visible()


def test_no_script_of_a_stranger_runs(at: Visit) -> None:
    dn = str(at.site.lab.lab.ad.names.users.child("CN", HOSTILE))
    at.go("/directory?server=AD&dn=" + dn.replace("#", "%23").replace("&", "%26"))
    at.go("/directory?server=AD&dn=CN=Users,DC=contoso,DC=test")
    at.go("/certificates?server=CAS01")
    at.go("/events")
    at.page.wait_for_timeout(200)
    assert at.page.evaluate("document.querySelectorAll('img, main script').length") == 0


def test_without_javascript_pages_and_forms_still_work(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    found = visit(context, site)
    found.go("/directory")
    found.page.locator("ul.tree a").first.click()
    found.page.locator("ul.tree ul a").first.click()
    expect(found.page.locator("table.entry")).to_be_visible()
    found.go("/do/cert.list?p.server=EDGE01")
    found.page.get_by_role("button", name="Show the command").click()
    expect(found.page.locator("form .command code")).to_have_text("edgesync cert list EDGE01")
    found.page.get_by_role("button", name="Run").click()
    expect(found.page.locator("pre.answer")).to_contain_text("CN=EDGE01")
    assert found.complaints == []
    context.close()


def test_a_foreign_page_gets_nothing_by_form_or_fetch(browser: Browser, site: Site) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_content(
        f"<form id=f method=post action='{site.origin}/do/cert.renew'>"
        "<input name=p.server value=HUB01></form>"
    )
    before = site.lab.run("cert.list")["certificates"]
    with page.expect_response("**/do/cert.renew") as got:
        page.evaluate("document.getElementById('f').submit()")
    assert got.value.status == 403
    assert site.lab.run("cert.list")["certificates"] == before
    context.close()
