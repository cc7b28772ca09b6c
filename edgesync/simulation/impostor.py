"""A machine in the middle: it answers in a server's place and re-signs TLS with its own key."""

from __future__ import annotations

from dataclasses import replace

from directory.entropy import SeededEntropy
from directory.model import modification as change
from directory.model.messages import ModifyRequest
from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
)
from edgesync.certificates.services import Services
from edgesync.certificates.store import MachineStore
from edgesync.lab.directories import LabDirectory
from edgesync.lab.lab import Lab
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.organization.servers import INTERNAL_CERTIFICATE
from edgesync.transport.host import TransportHost
from edgesync.transport.message import Submission

_YEARS = 1


class Impostor:
    """Looks like a server in every way but the key; ``taken`` is mail it got hold of."""

    def __init__(self, lab: Lab, server: str, original: TransportHost) -> None:
        self.taken: list[Submission] = []
        own = lab.host(server)
        certificate = _certificate(lab, server)
        store = MachineStore()
        store.put(certificate)
        # It believes of itself that its certificate is the published one: a copy of the directory.
        copy = _copy(lab, lab.directory_of(server))
        port = copy.port("impostor")
        ours = change.replace(INTERNAL_CERTIFICATE, certificate.der)
        port.modify(ModifyRequest(own.server_dn, (ours,)))
        self.host = TransportHost(
            replace(own, store=store, directory=port, emit=lambda _event: None),
            original.names,
            original.site,
            original.lookup,
            self.taken.append,
        )


def _certificate(lab: Lab, server: str) -> TransportCertificate:
    entropy = SeededEntropy(lab.description.seed, f"impostor/{server}")
    key = lab.keys.next_key(f"impostor/{server}")
    described = lab.server(server)
    certificate = issue_self_signed(
        CertificateSubject.of_server(described.name, described.fqdn),
        key,
        now=lab.clock.now(),
        serial=serial_number(entropy),
        profile=IssueProfile(_YEARS),
    )
    return TransportCertificate(certificate, key, services=Services.SMTP, network_service=True)


def _copy(
    lab: Lab, directory: LabDirectory[ForestNames] | LabDirectory[EdgeNames]
) -> LabDirectory[ForestNames] | LabDirectory[EdgeNames]:
    entropy = SeededEntropy(lab.description.seed, f"impostor/{directory.name}")
    agent = directory.agent.fork(clock=lab.clock, entropy=entropy)
    return replace(directory, agent=agent)
