"""The Client Access servers of a lab: their hosts, and who answers on which port."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.x509 import Certificate

from directory.dsa import nt_hash
from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.session import Session
from directory.entropy import SystemEntropy
from directory.errors import LdapError, ResultCode
from directory.model.messages import BindRequest, BindResponse, SaslCredentials
from edgesync.certificates.certificate import RootCAType
from edgesync.certificates.store_state import StoreState, TrustedRoot
from edgesync.client_access.client_rules import ClientKind
from edgesync.client_access.host import ClientAccessHost
from edgesync.client_access.http_session import HttpSession
from edgesync.client_access.https_client import Link
from edgesync.client_access.integrated import PassThrough, Progress
from edgesync.client_access.mail_access import MailAccess, MailSession
from edgesync.client_access.web_server import WebServer
from edgesync.lab.lab import Lab
from edgesync.lab.mail import MailSystem
from edgesync.lab.session_link import SessionLink
from edgesync.lab.stream_endpoint import StreamSession
from edgesync.organization.client_access import (
    read_allow_internal_untrusted,
    read_autodiscover_url,
)
from edgesync.organization.domains import list_accepted_domains
from edgesync.port.embedded import EmbeddedPort
from edgesync.transport.endpoint import SocketLink
from edgesync.transport.link import LinkFailed

PORTS = {"http": 80, "https": 443, "pop": 110, "imap": 143, "pops": 995, "imaps": 993}
"""What a Client Access server listens for, with Exchange's own ports (certificate-facts 3.7)."""


class ClientAccess:
    """The Client Access servers of one lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._web: dict[str, WebServer] = {}
        self._mail: dict[str, MailAccess] = {}

    def servers(self) -> tuple[str, ...]:
        """Names of the servers clients connect to."""
        has_web_site = self.lab.description.has_web_site
        return tuple(server.name for server in self.lab.servers() if has_web_site(server))

    def web_server(self, name: str) -> WebServer:
        """A server's web site; one instance for the life of the lab, with its log-ons."""
        name = self.lab.server(name).name
        if name not in self._web:
            self._web[name] = WebServer(self._host(name))
        return self._web[name]

    def mail_access(self, name: str) -> MailAccess:
        """A server's POP3 and IMAP4 services."""
        name = self.lab.server(name).name
        if name not in self._mail:
            self._mail[name] = MailAccess(self.web_server(name).host)
        return self._mail[name]

    def accept(self, name: str, service: str) -> StreamSession | None:
        """A new connection to one of a server's services (a word of ``PORTS``); None: refused."""
        if service == "http":
            return HttpSession(self.web_server(name), None)
        if service == "https":
            web = self.web_server(name)
            identity = web.host.identity(web.host.web_certificate())
            return HttpSession(web, identity) if identity is not None else None
        protocol, is_implicit = service.removesuffix("s"), service.endswith("s")
        access = self.mail_access(name)
        identity = access.identity(protocol)
        if is_implicit and identity is None:
            return None
        return MailSession(access, protocol, identity, is_implicit=is_implicit)

    def dial(self, name: str, service: str) -> Link:
        """Connect to a server's service: by socket while the lab is up, in memory while not.

        Raises:
            LinkFailed: it refuses, as a web site without a certificate does on HTTPS.
        """
        name = self.lab.server(name).name
        address = self.lab.addresses.get(name, {}).get(service)
        if address is not None:
            host, _, port = address.partition("://")[2].rpartition(":")
            return SocketLink.connect(host, int(port))
        session = self.accept(name, service)
        if session is None:
            raise LinkFailed(f"{name} refuses connections to {service}: no certificate for it")
        return SessionLink(session)

    def server_at(self, host: str, port: int) -> str | None:
        """The Client Access server behind its name, an ExternalUrl, or a listener's address."""
        for server in map(self.lab.server, self.servers()):
            if host.casefold() in {server.name.casefold(), server.fqdn.casefold()}:
                return server.name
            here = self.lab.addresses.get(server.name, {}).values()
            if any(url.endswith(f"//{host}:{port}") for url in here):
                return server.name
            urls = [d.external_url for d in self.web_server(server.name).host.directories()]
            if any(urlsplit(url).hostname == host.casefold() for url in urls if url):
                return server.name
        return None

    def names_used(self, name: str, kind: ClientKind) -> tuple[str, ...]:
        """Host names clients of a kind are sent to by a server's URLs and by Autodiscover."""
        web = self.web_server(name)
        urls = [d.external_url for d in web.host.directories()]
        port, names = self.lab.ad_port(), self.lab.ad.names
        domains: tuple[str, ...] = ()
        if kind in (ClientKind.AUTODISCOVER, ClientKind.PROXY):
            urls += [d.internal_url for d in web.host.directories()]
            urls.append(read_autodiscover_url(port, names, web.host.name))
        elif kind is ClientKind.OUTLOOK_ANYWHERE:
            accepted = list_accepted_domains(port, names)
            default = [d.domain for d in accepted if d.is_default] or [names.dns_domain]
            domains = tuple(f"autodiscover.{domain}" for domain in default)
        hosts = [urlsplit(url).hostname for url in urls if url]
        return tuple(dict.fromkeys((*(h for h in hosts if h), *domains)))

    def allows_internal_untrusted(self, name: str) -> bool:
        """Whether a server proxies to others whose certificates it does not trust."""
        return read_allow_internal_untrusted(self.lab.ad_port(), self.lab.ad.names, name)

    def trust_of(self, *, in_domain: bool, extra: Iterable[Certificate] = ()) -> StoreState:
        """What a client's machine trusts: public roots, in the domain also the enterprise's."""
        authorities = self.lab.authorities
        kinds = {RootCAType.THIRD_PARTY} | ({RootCAType.ENTERPRISE} if in_domain else set())
        roots = [
            TrustedRoot(item.certificate, item.kind)
            for item in map(authorities.get, authorities.names)
            if item.kind in kinds and item.parent is None
        ]
        roots += [TrustedRoot(certificate) for certificate in extra]
        return StoreState(roots=tuple(roots))

    def _host(self, name: str) -> ClientAccessHost:
        return ClientAccessHost(
            self.lab.host(name),
            self.lab.ad.names,
            _log_on(self.lab),
            self._mailbox,
            _start_log_on(self.lab),
            SystemEntropy(),
        )

    def _mailbox(self, name: str) -> tuple[bytes, ...]:
        store = self.lab.service(MailSystem).mailboxes
        return tuple(item.content for item in store.messages(name))


def _log_on(lab: Lab) -> Callable[[str, str], bool]:
    """AD's own answer to a name and a password: a bind."""

    def log_on(user: str, password: str) -> bool:
        port = EmbeddedPort(lab.ad.agent, Session(is_secure=True))
        try:
            port.bind(user, password.encode())
        except LdapError:
            return False
        finally:
            port.close()
        return bool(password)  # an empty one would have been an anonymous bind (RFC 4513 5.1.2)

    return log_on


@dataclass
class _LogOnAtAd:
    """One NTLM log-on: a SASL bind to AD (MS-ADTS 5.1.1.1.2), message by message."""

    agent: DirectoryServiceAgent
    session: Session = field(default_factory=lambda: Session(is_secure=True))

    def answer(self, token: bytes) -> Progress:
        """What AD makes of the client's next message."""
        request = BindRequest(3, "", SaslCredentials("GSS-SPNEGO", token))
        replied = next(iter(self.agent.execute(self.session, request))).operation
        assert isinstance(replied, BindResponse)
        said = replied.server_credentials or b""
        if replied.result.code is ResultCode.SASL_BIND_IN_PROGRESS:
            return Progress(said)
        if replied.result.code is ResultCode.SUCCESS:
            return Progress(said, self.session.identity.dn, is_over=True)
        return Progress(is_over=True)


def _start_log_on(lab: Lab) -> Callable[[], PassThrough] | None:
    """How NTLM log-ons begin; None when AD keeps no hashes for them (extra ``ntlm``)."""
    agent = lab.ad.agent
    if not nt_hash.is_kept(agent.context.configuration):
        return None
    return lambda: _LogOnAtAd(agent)
