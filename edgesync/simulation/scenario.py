"""A scenario: a lab on paper, and steps that are commands people type, spans of time and faults.

TOML, so that it can be read, written and diffed by hand::

    title = "An Edge renews its certificate and tells nobody"
    kind = "certificates"
    [lab]
    edges = 1
    [play]
    steps = '''
    subscribe EDGE01
    advance 5m
    expect trusted
    cert renew EDGE01 --yes
    expect trust HUB01 EDGE01 smtp mismatch
    '''
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from importlib import resources
from pathlib import Path

from edgesync.config import Version
from edgesync.errors import InputInvalid, NoSuchThing
from edgesync.lab.description import LabDescription, contoso
from edgesync.toml import parse_toml

SIZE_MAX = 1 << 20
"""Bytes of a scenario file: the longest shipped one has 2 kB."""

STEPS_MAX = 10_000
"""Most steps of one scenario."""

MAIL_DELAY = "75m"
"""Budget of scenarios that name none: the configuration job's hour, and a queue's next retry."""

_SPAN = re.compile(r"(?P<sign>-?)(?P<number>\d+(\.\d+)?)(?P<unit>s|m|h|d)\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class LabOptions:
    """What the scenario's lab is made of; the preset is contoso."""

    sites: int = 2
    hubs: int = 3
    edges: int = 1
    recipients: int = 10
    version: str = Version.EXCHANGE_2007.value
    policy: Mapping[str, str] = field(default_factory=dict)
    durable: bool = False
    """Journals on disk, so that a crash can be survived."""

    def description(self, seed: int) -> LabDescription:
        """The lab on paper."""
        made = contoso(
            sites=self.sites, hubs=self.hubs, edges=self.edges, recipients=self.recipients,
            version=Version(self.version), seed=seed,
        )  # fmt: skip
        return replace(made, policy=dict(self.policy))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story with an end that is checked."""

    name: str
    title: str
    kind: str
    steps: tuple[str, ...]
    story: str = ""
    seed: int = 7
    lab: LabOptions = LabOptions()
    mail_delay: str = MAIL_DELAY
    """Longest way of a message, not counting the time until the last trouble is taken away."""

    def document(self) -> str:
        """The scenario as TOML again: what a failure is shrunk to."""
        lab = {
            item.name: getattr(self.lab, item.name)
            for item in fields(LabOptions)
            if item.name != "policy"
        }
        lines = [f'title = "{self.title}"', f'kind = "{self.kind}"', f"seed = {self.seed}", "[lab]"]
        lines += [f"{name} = {_toml(value)}" for name, value in lab.items()]
        if self.lab.policy:
            words = ", ".join(f'{k} = "{v}"' for k, v in sorted(self.lab.policy.items()))
            lines.append(f"policy = {{{words}}}")
        return "\n".join(
            [
                *lines,
                "[play]",
                f'mail_delay = "{self.mail_delay}"',
                "steps = '''",
                *self.steps,
                "'''",
                "",
            ]
        )


def _toml(value: bool | int | str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else f'"{value}"'


def read_scenario(text: str, name: str) -> Scenario:
    """A scenario from TOML.

    Raises:
        InputInvalid: names the file and the element.
    """
    if len(text) > SIZE_MAX:
        raise InputInvalid(f"{name} is larger than {SIZE_MAX} bytes", "a scenario is short")
    try:
        given = parse_toml(text)
        lab = LabOptions(**given.get("lab", {}))
        steps = tuple(_lines(given["play"]["steps"]))
        scenario = Scenario(
            name, str(given["title"]), str(given["kind"]), steps,
            str(given.get("story", "")).strip(),
            int(given.get("seed", 7)), lab,
            str(given["play"].get("mail_delay", MAIL_DELAY)),
        )  # fmt: skip
        lab.description(scenario.seed)
        parse_span(scenario.mail_delay)
    except KeyError as error:
        raise InputInvalid(f"{name} has no {error}", "docs/simulation.md shows one") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputInvalid(f"{name}: {error}", "docs/simulation.md shows one") from error
    if len(steps) > STEPS_MAX:
        raise InputInvalid(f"{name} has more than {STEPS_MAX} steps", "split it")
    return scenario


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        step = line.partition(" #")[0].strip()
        if step and not step.startswith("#"):
            yield step


def gallery() -> dict[str, Scenario]:
    """The shipped scenarios by name."""
    folder = resources.files("edgesync.simulation") / "scenarios"
    found = {}
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.name.endswith(".toml"):
            name = item.name.removesuffix(".toml")
            found[name] = read_scenario(item.read_text("utf-8"), name)
    return found


def find_scenario(name: str) -> Scenario:
    """A shipped scenario by name, or one in a file.

    Raises:
        NoSuchThing: there is neither.
        InputInvalid: the file is none.
    """
    shipped = gallery()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.suffix != ".toml" and not path.is_file():
        raise NoSuchThing(f"no scenario {name!r}", "edgesync simulate list shows those shipped")
    try:
        return read_scenario(path.read_text("utf-8"), path.stem)
    except OSError as error:
        raise NoSuchThing(f"{name}: {error.strerror}", "name a TOML file") from error
    except UnicodeDecodeError as error:
        raise InputInvalid(f"{name} is not UTF-8 text: {error}", "name a TOML file") from error


def parse_span(text: str) -> timedelta:
    """A span such as 90s, 5m, 1.5h or 30d; a minus sign in front turns it back.

    Raises:
        InputInvalid: it is none.
    """
    match = _SPAN.match(text)
    if match is None:
        raise InputInvalid(f"{text!r} is no span of time", "write 90s, 5m, 1.5h or 30d")
    try:
        span = timedelta(**{_UNITS[match["unit"]]: float(match["number"])})
    except OverflowError as error:
        raise InputInvalid(
            f"{text[:40]!r} is too long a span of time", "write 90s, 5m, 1.5h or 30d"
        ) from error
    return -span if match["sign"] else span
