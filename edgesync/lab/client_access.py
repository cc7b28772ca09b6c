"""The Client Access servers of a lab: their hosts, and who answers on which port."""

from __future__ import annotations

from collections.abc import Callable

from directory.dsa.session import Session
from directory.errors import LdapError
from edgesync.client_access.host import ClientAccessHost
from edgesync.client_access.http_session import HttpSession
from edgesync.client_access.mail_access import MailAccess, MailSession
from edgesync.client_access.web_server import WebServer
from edgesync.lab.lab import Lab
from edgesync.lab.mail import MailSystem
from edgesync.lab.stream_endpoint import StreamSession
from edgesync.organization.servers import ServerRole
from edgesync.port.embedded import EmbeddedPort

PORTS = {"http": 80, "https": 443, "pop": 110, "imap": 143, "pops": 995, "imaps": 993}
"""What a Client Access server listens for, with Exchange's own ports (certificate-facts 3.7)."""


class ClientAccess:
    """The Client Access servers of one lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._web: dict[str, WebServer] = {}
        self._mail: dict[str, MailAccess] = {}

    def servers(self) -> tuple[str, ...]:
        """Names of the servers with the role."""
        return tuple(s.name for s in self.lab.servers() if s.roles & ServerRole.CLIENT_ACCESS)

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

    def _host(self, name: str) -> ClientAccessHost:
        return ClientAccessHost(
            self.lab.host(name), self.lab.ad.names, _log_on(self.lab), self._mailbox
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
