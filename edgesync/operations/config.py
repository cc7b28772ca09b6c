"""Settings of the lab: what the version gives, what is a choice because nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from edgesync.errors import ConfigurationError, UsageError
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context


def _render(document: Document) -> Iterable[str]:
    rows = [(s["name"], s["value"], s["origin"], s["fact"]) for s in document["settings"]]
    return columns(("Setting", "Value", "From", "Source"), rows)


def settings_of(lab: Lab) -> list[Document]:
    """Every setting with its value, where that comes from, and the sheet that speaks of it."""
    description = lab.description
    rows = []
    for item in fields(description.trust_policy):
        value = getattr(description.trust_policy, item.name)
        rows.append(
            {
                "name": f"policy.{item.name}",
                "value": _shown(value),
                "default": _shown(item.default),
                "choices": list(item.metadata.get("words", ())),
                "fact": item.metadata.get("fact", ""),
                "origin": "lab" if item.name in description.policy else "default",
            }
        )
    timing = description.profile.sync
    rows += [
        {
            "name": f"sync.{item.name}",
            "value": _shown(getattr(timing, item.name)),
            "default": _shown(getattr(timing, item.name)),
            "choices": [],
            "fact": "edgesync-facts 4.3",
            "origin": description.version.value,
        }
        for item in fields(timing)
    ]
    return rows


def _shown(value: Any) -> Any:
    if not isinstance(value, timedelta):
        return value
    hours, rest = divmod(value.seconds, 3600)
    days = f"{value.days}." if value.days else ""
    return f"{days}{hours:02}:{rest // 60:02}:{rest % 60:02}"


@operation("config", "show", render=_render, rows="settings", example="edgesync config show")
def show(
    context: Context,
    prefix: Annotated[str, Help("only settings that begin so: policy, sync")] = "",
) -> Outcome:
    """Show the lab's settings, where each comes from, and the fact sheet that speaks of it."""
    rows = [row for row in settings_of(context.lab) if row["name"].startswith(prefix)]
    if not rows:
        raise UsageError(f"no setting begins with {prefix!r}", "edgesync config show lists all")
    return Outcome({"schema": "edgesync.config/1", "settings": rows})


@operation(
    "config", "set", render=_render, writes=True, rows="settings",
    example="edgesync config set policy.trust strict",
)  # fmt: skip
def set_(
    context: Context,
    name: Annotated[str, Help("a policy setting: policy.trust")],
    value: Annotated[str, Help("one of its words")],
) -> Outcome:
    """Choose a policy where the sources are silent; it counts from the next command on."""
    from edgesync.lab.folder import redescribe

    lab = context.lab
    key = name.removeprefix("policy.")
    known = {item.name: item for item in fields(lab.description.trust_policy)}
    if key not in known or "words" not in known[key].metadata:
        words = ", ".join(f"policy.{k}" for k, item in known.items() if "words" in item.metadata)
        raise UsageError(f"{name!r} cannot be set", f"settings are {words}")
    changed = replace(lab.description, policy={**lab.description.policy, key: value})
    try:
        _ = changed.trust_policy
    except ConfigurationError as error:
        raise UsageError(error.message, error.hint) from error
    redescribe(lab, changed)
    rows = [row for row in settings_of(lab) if row["name"] == f"policy.{key}"]
    notes = ("servers that run already follow it after lab down and up",) if lab.addresses else ()
    return Outcome({"schema": "edgesync.config/1", "settings": rows}, notes=notes)
