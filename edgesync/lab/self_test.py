"""Ready means ready: every listener of a running lab has answered a real client once."""

from __future__ import annotations

from directory.clock import Clock
from directory.errors import DirectoryError
from edgesync.errors import EdgeSyncError, LabError
from edgesync.lab.client_self_test import client_fault
from edgesync.lab.directories import AD, ADMIN_PASSWORD, administrator
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.port.ldap import LdapPort
from edgesync.transport.endpoint import SocketLink
from edgesync.transport.handshake import Probe
from edgesync.transport.link import LinkFailed

_CLIENT_SERVICES = {"http", "https", "pop", "imap", "pops", "imaps", "sip", "sips"}


class NotReady(LabError):
    """A listener did not pass its self-test; names it."""


def self_test(lab: Lab, clock: Clock) -> None:
    """Bind to every directory with a password over TLS; read every other listener's rootDSE.

    Raises:
        NotReady: names server, address and what went wrong.
    """
    for name, addresses in lab.addresses.items():
        for kind in ("ldap", "ldaps", "gc"):
            if kind in addresses:
                _directory(lab, name, addresses[kind])
        if "smtp" in addresses:
            _smtp(name, addresses["smtp"], clock)
        for kind in _CLIENT_SERVICES & addresses.keys():
            if fault := client_fault(lab, name, kind, addresses[kind]):
                raise NotReady(
                    f"{name} at {addresses[kind]} did not pass its self-test: {fault}",
                    "edgesync doctor says more",
                )


def _directory(lab: Lab, name: str, url: str) -> None:
    names = lab.ad.names if name == AD else lab.edges[name].names
    presented = lab.service(Network).presented(name)
    secure = url.startswith("ldaps")
    pin = presented.der if presented and secure else None
    user, password = (str(administrator(names)), ADMIN_PASSWORD) if secure else ("", "")
    try:
        port = LdapPort.connect(url, user, password.encode(), pin=pin)
        _ = port.identity
        port.close()
    except (EdgeSyncError, DirectoryError) as error:
        raise NotReady(
            f"{name} at {url} did not pass its self-test: {error}", "edgesync doctor says more"
        ) from error


def _smtp(name: str, url: str, clock: Clock) -> None:
    host, _, port = url.removeprefix("smtp://").rpartition(":")
    probe = Probe(helo="self-test.invalid", verb="STARTTLS", ask_relay=False)
    try:
        report = probe.run(SocketLink.connect(host, int(port)), clock)
    except LinkFailed as error:
        raise NotReady(f"{name} at {url} does not answer: {error}", "see its log") from error
    # a server without a certificate for its name offers no TLS: that is a state of the lab
    if not report.server_name:
        raise NotReady(
            f"{name} at {url} did not pass its self-test: {report.detail}", "see its log"
        )
