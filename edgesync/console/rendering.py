"""From values to HTML: one place that knows the templates, the navigation and the page's frame."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

import edgesync
from edgesync.errors import UsageError
from edgesync.operations.registry import find_operation

FOLDER = Path(__file__).parent
NAVIGATION = (
    ("overview", "/", "Overview"),
    ("trust", "/trust", "Trust"),
    ("certificates", "/certificates", "Certificates"),
    ("directory", "/directory", "Directory"),
    ("sync", "/sync", "Sync"),
    ("mail", "/mail", "Mail"),
    ("clients", "/clients", "Clients"),
    ("calls", "/calls", "Calls"),
    ("whatif", "/whatif", "What if"),
    ("scenarios", "/scenarios", "Scenarios"),
    ("faults", "/faults", "Faults"),
    ("events", "/events", "Events"),
    ("actions", "/actions", "Actions"),
)
"""Sections: key, address, label."""

GOOD = frozenset({"trusted", "trusted_expired", "success", "ok", "normal", "skipped", "synced"})
"""Words shown as good news."""

NEUTRAL = frozenset({"not_applicable", "information", "none", "", "unknown"})
"""Words that are no news."""

WARNING = frozenset({"warning", "anonymous", "partial", "stale", "inconclusive", "expiring"})
"""Words shown as a warning; every other word is bad news."""


def tone(word: object) -> str:
    """``good``, ``warn``, ``bad`` or ``none``: the colour beside a word, never instead of it."""
    text = str(word).lower()
    if text in GOOD:
        return "good"
    if text in NEUTRAL:
        return "none"
    return "warn" if text in WARNING else "bad"


def mark(word: object) -> str:
    """The sign beside a word, for those who do not see colours."""
    return {"good": "✓", "warn": "!", "bad": "✗", "none": "–"}[tone(word)]


def instant(value: datetime | str | None) -> str:
    """An instant in the contract's form, to the second."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        return value
    return value.isoformat(timespec="seconds").replace("+00:00", "Z")


def words(value: object) -> str:
    """``not_applicable`` as people write it."""
    return str(value).replace("_", " ")


def query(**values: Any) -> str:
    """A query string; empty values are left out, lists repeat their name."""
    pairs = [(name.rstrip("_"), value) for name, value in values.items() if value not in (None, "")]
    return urlencode(pairs, doseq=True)


def place(asked: Mapping[str, str], suffix: str, server: str, dn: str) -> str:
    """The directory page with one of its two panes changed and the other kept."""
    return "/directory?" + query(**{**asked, f"server{suffix}": server, f"dn{suffix}": dn})


def kept(asked: Mapping[str, str]) -> dict[str, str]:
    """The directory page's state as parameters of another address."""
    return {f"keep.{name}": value for name, value in asked.items()}


def offers(name: str) -> bool:
    """Whether a running lab has an operation: pages link to no form that is not there."""
    try:
        return find_operation(name).remote
    except UsageError:
        return False


def pretty(value: Any) -> str:
    """JSON for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=ChainableUndefined,  # a part a document lacks stays empty; tests are strict
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        tone=tone, mark=mark, instant=instant, words=words, pretty=pretty,
    )  # fmt: skip
    environment.globals.update(
        query=query,
        place=place,
        kept=kept,
        offers=offers,
        NAVIGATION=NAVIGATION,
        version=edgesync.__version__,
    )
    return environment


ENVIRONMENT = _environment()


def page(
    request: Request,
    template: str,
    section: str,
    title: str,
    values: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
) -> HTMLResponse:
    """A whole page inside the frame that every page shares."""
    lab = request.app.state.lab
    frame = {
        "title": title,
        "section": section,
        "path": request.url.path,
        "lab_name": lab.description.name,
        "lab_version": lab.description.profile.title,
        "lab_clock": lab.clock.now(),
        "lab_is_up": bool(lab.addresses),
    }
    html = ENVIRONMENT.get_template(template).render({**frame, **(values or {})})
    return HTMLResponse(html, status)


def fragment(template: str, values: Mapping[str, Any]) -> HTMLResponse:
    """A piece of a page, for scripts that fill it in."""
    return HTMLResponse(ENVIRONMENT.get_template(template).render(dict(values)))


def download(text: str, name: str, media_type: str = "text/plain") -> Response:
    """A text the browser keeps as a file. The name is ours, never a value from a directory."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=f"{media_type}; charset=utf-8", headers=headers)


def drawing(svg: str) -> Markup:
    """A drawing made by our own code, whose texts were escaped when it was made."""
    return Markup(svg)  # noqa: S704 - edgesync.console.drawings escapes every text itself
