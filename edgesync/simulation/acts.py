"""What people and mishaps do to an organisation besides typing commands, in one table."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from cryptography.hazmat.primitives.asymmetric import rsa

from directory.dsa.agent import DirectoryServiceAgent
from directory.entropy import SeededEntropy
from directory.errors import LdapError
from directory.model import modification as change
from directory.model.filter import Equality
from directory.model.messages import AddRequest, DeleteRequest, ModifyRequest, Scope
from directory.store.store import Store
from edgesync.certificates.certificate import KeyProvider, TransportCertificate, thumbprint
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
)
from edgesync.certificates.services import Services
from edgesync.errors import EdgeSyncError, NoSuchThing, UsageError
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.lab import Lab
from edgesync.organization import setup
from edgesync.organization.domains import AcceptedDomain, DomainKind
from edgesync.organization.names import DEFAULT_SITE
from edgesync.organization.recipients import Recipient, mailbox_entry
from edgesync.organization.servers import publish_certificate
from edgesync.port.port import find
from edgesync.simulation.faults import Faults
from edgesync.simulation.interleave import Interleaver
from edgesync.simulation.short_key import short_key

LICENSED = "02064-110-4011555-75201"
"""A product ID as a licensed server has one."""

EARLY_BY = timedelta(days=30)
"""How far ahead the clock was that issued a certificate which is not valid yet."""


@dataclass
class Stage:
    """The lab acted on, and what was put aside."""

    lab: Lab
    faults: Faults
    seed: int
    backups: dict[str, Store] = field(default_factory=dict)
    races: int = 0


Act = Callable[[Stage, Sequence[str]], None]


def _subscribe(stage: Stage, words: Sequence[str]) -> None:
    site = " ".join(words[1:]) or DEFAULT_SITE
    stage.lab.service(EdgeSync).subscribe(words[0], site)


def _hire(stage: Stage, words: Sequence[str]) -> None:
    lab, alias = stage.lab, words[0]
    address = f"{alias}@{lab.description.forest}"
    recipient = Recipient(
        lab.ad.names.users.child("CN", alias), alias, display_name=alias, alias=alias,
        mail=address, proxy_addresses=(f"SMTP:{address}",),
        require_auth_to_send_to=words[1:] == ["inside-only"],
    )  # fmt: skip
    lab.ad_port().add(AddRequest(mailbox_entry(recipient, account=alias)))


def _fire(stage: Stage, words: Sequence[str]) -> None:
    stage.lab.ad_port().delete(DeleteRequest(stage.lab.ad.names.users.child("CN", words[0])))


def _rename(stage: Stage, words: Sequence[str]) -> None:
    lab = stage.lab
    proxy = f"SMTP:{words[1]}@{lab.description.forest}".encode()
    dn = lab.ad.names.users.child("CN", words[0])
    lab.ad_port().modify(ModifyRequest(dn, (change.replace("proxyAddresses", proxy),)))


def _domain(stage: Stage, words: Sequence[str]) -> None:
    lab, domain = stage.lab, words[0]
    dn = lab.ad.names.accepted_domains.child("CN", domain)
    setup.add_domain(lab.ad_port(), AcceptedDomain(dn, domain, domain, DomainKind.AUTHORITATIVE))


def _drop_domain(stage: Stage, words: Sequence[str]) -> None:
    dn = stage.lab.ad.names.accepted_domains.child("CN", words[0])
    stage.lab.ad_port().delete(DeleteRequest(dn))


def _tamper(stage: Stage, words: Sequence[str]) -> None:
    """Somebody edits an Edge's ADAM by hand: its first replicated domain is gone."""
    directory = stage.lab.edge(words[0])
    port = directory.port("an administrator, by hand")
    kind = Equality("objectClass", b"msExchAcceptedDomain")
    found = find(port, directory.names.accepted_domains, kind, scope=Scope.ONE)
    if not found:
        raise NoSuchThing(f"{words[0]} has no accepted domain", "synchronize it first")
    port.delete(DeleteRequest(min((entry.dn for entry in found), key=str)))


def _move(stage: Stage, words: Sequence[str]) -> None:
    """A Hub comes into an AD site whose Edges were subscribed without it."""
    lab = stage.lab
    site = lab.ad.names.site(" ".join(words[1:]) or DEFAULT_SITE)
    dn = lab.ad.names.server(lab.server(words[0]).name)
    there = change.replace("msExchServerSite", str(site).encode())
    lab.ad_port().modify(ModifyRequest(dn, (there,)))


def _upgrade(stage: Stage, words: Sequence[str]) -> None:
    """An Edge gets another version and a licence: it writes that into its own ADAM alone."""
    lab = stage.lab
    dn = lab.edge(words[0]).names.server(lab.server(words[0]).name)
    about = (
        change.replace("serialNumber", " ".join(words[1:]).encode()),
        change.replace("msExchProductID", LICENSED.encode()),
    )
    lab.edge_port(words[0]).modify(ModifyRequest(dn, about))


def _port(stage: Stage, words: Sequence[str]) -> None:
    """An Edge's ADAM listens on another port than it had when it was subscribed."""
    lab = stage.lab
    dn = lab.edge(words[0]).names.server(lab.server(words[0]).name)
    port = change.replace("msExchEdgeSyncAdamSSLPort", str(int(words[1])).encode())
    lab.edge_port(words[0]).modify(ModifyRequest(dn, (port,)))


def _drop_settings(stage: Stage, words: Sequence[str]) -> None:
    lab = stage.lab
    site = " ".join(words) or DEFAULT_SITE
    lab.ad_port().delete(DeleteRequest(lab.ad.names.edge_sync_service(site)))


def _backup(stage: Stage, words: Sequence[str]) -> None:
    stage.backups[words[0]] = _agent(stage.lab, words[0]).snapshot()


def _restore(stage: Stage, words: Sequence[str]) -> None:
    if words[0] not in stage.backups:
        raise NoSuchThing(f"no backup of {words[0]}", f"put 'backup {words[0]}' before it")
    _agent(stage.lab, words[0]).restore_backup(stage.backups[words[0]])


def _race(stage: Stage, words: Sequence[str]) -> None:
    """Hubs synchronize an Edge at the same time; all but one are refused, whoever is first."""
    edge, hubs = words[0], [stage.lab.server(name).name for name in words[1:]]
    stage.races += 1
    sync = stage.lab.service(EdgeSync)

    def run(hub: str) -> None:
        with suppress(EdgeSyncError, LdapError):
            sync.run(edge, hub=hub)

    together = Interleaver(random.Random(f"{stage.seed}/{stage.races}"))
    before, stage.faults.pause = stage.faults.pause, together.switch
    try:
        together.play([partial(run, hub) for hub in hubs])
    finally:
        stage.faults.pause = before
        stage.faults.struck["race"] += together.switches


def _plant(stage: Stage, words: Sequence[str]) -> None:
    lab, server, kind = stage.lab, stage.lab.server(words[0]).name, words[1]
    if kind not in PLANTED:
        raise UsageError(f"nothing called {kind!r} can be planted", ", ".join(PLANTED))
    PLANTED[kind](lab, server)


def _agent(lab: Lab, name: str) -> DirectoryServiceAgent:
    return (lab.ad if name == "AD" else lab.edge(name)).agent


def current(lab: Lab, server: str) -> TransportCertificate:
    """The certificate a server's own directory names, from its store.

    Raises:
        NoSuchThing: there is none, or the store has not got it.
    """
    der = lab.host(server).published()
    found = lab.store(server).get(thumbprint(der)) if der else None
    if found is None:
        raise NoSuchThing(f"{server} has no internal transport certificate", "cert list shows")
    return found


def _force(lab: Lab, server: str, certificate: TransportCertificate) -> None:
    """Put a certificate in place everywhere at once, whatever the cmdlets would say to it."""
    lab.store(server).put(certificate)
    publish_certificate(lab.port_of(server), lab.names_of(server).server(server), certificate.der)
    publish_certificate(lab.ad_port(), lab.ad.names.server(server), certificate.der)


def _issued(
    lab: Lab,
    server: str,
    *,
    ahead: timedelta = timedelta(0),
    name: str = "",
    key: rsa.RSAPrivateKey | None = None,
) -> TransportCertificate:
    described = lab.server(server)
    key = key or lab.keys.next_key(server)
    certificate = issue_self_signed(
        CertificateSubject.of_server(name or described.name, name or described.fqdn),
        key,
        now=lab.clock.now() + ahead,
        serial=serial_number(SeededEntropy(lab.description.seed, f"planted/{server}")),
        profile=IssueProfile(5),
    )
    return TransportCertificate(certificate, key, Services.SMTP, network_service=True)


def _look_alike(lab: Lab, server: str) -> None:
    """The right subject with another key: the Edge shows it, AD knows nothing of it."""
    made = _issued(lab, server)
    lab.store(server).put(made)
    publish_certificate(lab.port_of(server), lab.names_of(server).server(server), made.der)


PLANTED: Mapping[str, Callable[[Lab, str], object]] = {
    "weak": lambda lab, server: _force(
        lab, server, _issued(lab, server, key=lab.keys.next_key(server, 1024))
    ),
    "too-short": lambda lab, server: _force(lab, server, _issued(lab, server, key=short_key())),
    "early": lambda lab, server: _force(lab, server, _issued(lab, server, ahead=EARLY_BY)),
    "misnamed": lambda lab, server: _force(lab, server, _issued(lab, server, name="other.test")),
    "shared": lambda lab, server: _force(lab, server, current(lab, lab.servers("hub")[0].name)),
    "lost-key": lambda lab, server: lab.store(server).put(replace(current(lab, server), key=None)),
    "unreadable-key": lambda lab, server: lab.store(server).put(
        replace(current(lab, server), network_service=False)
    ),
    "cng-key": lambda lab, server: lab.store(server).put(
        replace(current(lab, server), key_provider=KeyProvider.CNG)
    ),
    "missing": lambda lab, server: lab.store(server).remove(current(lab, server).thumbprint),
    "unpublished": lambda lab, server: publish_certificate(
        lab.ad_port(), lab.ad.names.server(server), None
    ),
    "look-alike": _look_alike,
}
"""Certificates gone wrong, by word."""


ACTS: Mapping[str, tuple[str, str, Act]] = {
    "subscribe": ("subscribe EDGE01 [SITE]", "export on the Edge, import in the organisation",
                  _subscribe),
    "hire": ("hire jane [inside-only]", "a new mailbox", _hire),
    "fire": ("fire jane", "a mailbox is deleted", _fire),
    "rename": ("rename jane jane.doe", "a mailbox gets another address", _rename),
    "domain": ("domain tailspin2.test", "a new accepted domain", _domain),
    "drop-domain": ("drop-domain tailspin.test", "an accepted domain goes", _drop_domain),
    "tamper": ("tamper EDGE01", "somebody deletes a domain in an Edge's ADAM by hand", _tamper),
    "move": ("move HUB03 [SITE]", "a Hub comes into another AD site", _move),
    "upgrade": ("upgrade EDGE01 'Version 8.3 (Build 83.6)'",
                "an Edge gets another version and a licence", _upgrade),
    "port": ("port EDGE01 50700", "an Edge's ADAM gets another LDAPS port", _port),
    "drop-settings": ("drop-settings [SITE]", "a site's EdgeSync settings are gone",
                      _drop_settings),
    "backup": ("backup EDGE01", "AD or an Edge's ADAM is put aside", _backup),
    "restore": ("restore EDGE01", "and put back", _restore),
    "race": ("race EDGE01 HUB01 HUB02",
             "Hubs synchronize an Edge at the same time, taking turns by the seed", _race),
    "plant": ("plant EDGE01 weak", f"a certificate gone wrong: {', '.join(PLANTED)}", _plant),
}  # fmt: skip
"""Verb to usage, gist and what it does."""
