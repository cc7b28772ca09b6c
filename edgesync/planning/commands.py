"""The commands that steps of a fix or a plan are: what a person types, and what a fork runs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from edgesync.errors import ExitCode
from edgesync.lab.lab import Lab

STEP_LENGTH_MAX = 4096
"""Longest command taken, characters: a line of a shell."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended. ``message`` is empty when it went well."""

    command: str
    exit_code: ExitCode
    message: str = ""

    @property
    def went_well(self) -> bool:
        """Whether it did what it says: the answers "no" and "partly" are not failures to run."""
        return self.exit_code in {ExitCode.OK, ExitCode.NO}

    def __str__(self) -> str:
        return f"{self.command}: {self.message or 'exit ' + str(int(self.exit_code))}"


class Runner(Protocol):
    """Runs commands on a lab; given by the layer that knows them all."""

    def check(self, lab: Lab, command: str) -> None:
        """Refuse a command that nobody knows or that names servers the lab has not.

        Raises:
            EdgeSyncError: names the command and what is wrong with it.
        """
        ...

    def run(self, lab: Lab, command: str) -> Ran:
        """Run a command; its refusals are answers."""
        ...


Fork = Callable[[Lab], Lab]
"""Makes an independent copy of a lab."""


def renew(server: str) -> str:
    """A new certificate like the present one, made the default at once."""
    return _line("cert", "renew", server, "--yes")


def make_default(server: str, thumbprint: str) -> str:
    """Make an installed certificate the internal transport certificate."""
    return _line("cert", "enable", server, thumbprint, "--services", "SMTP", "--yes")


def new_default(server: str) -> str:
    """A fresh self-signed certificate as internal transport certificate."""
    return _line("cert", "new", server, "--services", "SMTP", "--yes")


def enable(server: str, thumbprint: str, services: str) -> str:
    """An installed certificate for more services; direct trust's certificate stays."""
    return _line("cert", "enable", server, thumbprint, "--services", services, "--no")


def new_named(server: str, names: Iterable[str], services: str, *, default: bool) -> str:
    """A self-signed certificate with these names."""
    domains = [word for name in names for word in ("--domain-name", name)]
    answer = "--yes" if default else "--no"
    return _line("cert", "new", server, *domains, "--services", services, answer)


def issued(server: str, names: Iterable[str], authority: str, services: str) -> tuple[str, ...]:
    """A certificate of an authority of the lab with these names, enabled at once."""
    domains = [word for name in names for word in ("--domain-name", name)]
    sign = ("--authority", authority, "--services", services, "--no")
    return _line("cert", "new", server, "--request", *domains), _line("cert", "sign", server, *sign)


def protocol_name(server: str, protocol: str, name: str) -> str:
    """X509CertificateName of POP3 or IMAP4."""
    return _line("client", "protocol", server, protocol, "--x509-certificate-name", name)


def allow_internal_untrusted(server: str) -> str:
    """Let a server proxy to others whose certificates it does not trust."""
    return _line("client", "server", server, "--allow-internal-untrusted", "yes")


def um_restart(server: str) -> str:
    """Start Unified Messaging again, with the settings of now."""
    return _line("um", "restart", server)


def startup_mode(server: str, mode: str) -> str:
    """UMStartupMode, from 2010 on."""
    return _line("um", "server", server, "--startup-mode", mode)


def dial_plan(name: str, security: str, server: str = "") -> str:
    """A dial plan's VoIPSecurity, and a server that answers for it."""
    member = ("--server", server) if server else ()
    return _line("um", "dialplan", name, "--voip-security", security, *member)


def remove_certificate(server: str, thumbprint: str) -> str:
    """A certificate and its key out of the store."""
    return _line("cert", "remove", server, thumbprint, "--yes")


def export(edge: str) -> str:
    """The Edge's half of a subscription."""
    return _line("subscription", "export", edge, "--file", f"{edge}.xml", "--force", "--yes")


def import_(edge: str, site: str) -> str:
    """The organisation's half of a subscription."""
    return _line("subscription", "import", f"{edge}.xml", "--site", site)


def sync(edge: str, hub: str = "") -> str:
    """EdgeSync now, by one Hub or by whoever does it anyway."""
    return _line("sync", "run", "--edge", edge, *(("--hub", hub) if hub else ()))


def resubscribe(edge: str, site: str) -> tuple[str, ...]:
    """The subscription made anew: the Edge's present certificate reaches AD, credentials too."""
    return export(edge), import_(edge, site), sync(edge)


def set_connector(identity: str, option: str, *values: str) -> str:
    """One property of a connector; a list of values is the option once per value."""
    words = [word for value in values for word in (option, value)]
    return _line("connector", "set", identity, *words)


def _line(*words: str) -> str:
    return " ".join(["edgesync", *(shlex.quote(word) for word in words)])
