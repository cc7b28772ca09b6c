"""IIS on a Client Access server: which directory, is TLS enough, who is it, then the service.

The order is IIS's: Require SSL, then the client certificate, then the log-on.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgesync.client_access.accounts import Account, by_dn, by_log_on_name
from edgesync.client_access.client_certificates import CertificateRefused, map_certificate
from edgesync.client_access.host import ClientAccessHost
from edgesync.client_access.http_values import (
    CERTIFICATE_REQUIRED,
    LOG_ON_FAILED,
    LOG_ON_REQUIRED,
    NOT_FOUND,
    SSL_REQUIRED,
    HttpRequest,
    HttpResponse,
    error_page,
)
from edgesync.client_access.integrated import SCHEMES, ConnectionLogOn, LogOnStep
from edgesync.client_access.services import serve
from edgesync.client_access.web_mail import WebMail
from edgesync.organization.virtual_directories import AccessSsl, LogOn, VirtualDirectory, log_ons

_CHALLENGE = "WWW-Authenticate"


@dataclass
class WebServer:
    """The web site of one server."""

    host: ClientAccessHost
    web_mail: WebMail = field(default_factory=WebMail)

    def wants_client_certificates(self) -> bool:
        """Whether any directory accepts or requires a client certificate."""
        asks = AccessSsl.NEGOTIATE_CERT | AccessSsl.REQUIRE_CERT
        return any(d.access is not None and d.access & asks for d in self.host.directories())

    def answer(
        self,
        request: HttpRequest,
        *,
        is_secure: bool,
        client: Sequence[bytes] = (),
        connection: ConnectionLogOn | None = None,
    ) -> HttpResponse:
        """The answer to one request; ``client`` are the certificates the client sent (DER).

        ``connection`` is who the connection belongs to; without one nobody can log on with NTLM.
        """
        directories = self.host.directories()
        directory = _directory_of(directories, request.path)
        if directory is None:
            return error_page(NOT_FOUND)
        access = _access(directory, directories)
        if AccessSsl.SSL in access and not is_secure:
            return error_page(SSL_REQUIRED)
        account: Account | None = None
        if access & (AccessSsl.NEGOTIATE_CERT | AccessSsl.REQUIRE_CERT):
            if client:
                mapped = map_certificate(self.host, client)
                if isinstance(mapped, CertificateRefused):
                    return error_page(mapped.status, mapped.detail)
                account = mapped
            elif AccessSsl.REQUIRE_CERT in access:
                return error_page(CERTIFICATE_REQUIRED)
        return self._authorized(request, directory, account, connection or ConnectionLogOn())

    def _authorized(
        self,
        request: HttpRequest,
        directory: VirtualDirectory,
        account: Account | None,
        connection: ConnectionLogOn,
    ) -> HttpResponse:
        if directory.word == "owa":
            return self.web_mail.answer(self.host, request, account)
        if account is None and log_ons(directory) - {LogOn.ANONYMOUS}:
            return self._logged_on(request, directory, connection)
        return serve(self.host, directory, request, account)

    def _logged_on(
        self, request: HttpRequest, directory: VirtualDirectory, connection: ConnectionLogOn
    ) -> HttpResponse:
        """The answer to whoever proves who it is, by a password or by NTLM."""
        host = self.host
        offered = request.headers.get("authorization", "")
        ways = log_ons(directory)
        takes_ntlm = host.start_log_on is not None and LogOn.WINDOWS in ways
        # nobody gets in where only NTLM is offered and AD takes none: as with a broken domain
        basic = (f'Basic realm="{host.fqdn}"',) if LogOn.BASIC in ways else ()
        schemes = (*(SCHEMES if takes_ntlm else ()), *basic)
        challenges = tuple((_CHALLENGE, scheme) for scheme in schemes)
        if not offered and connection.account is None:
            return error_page(LOG_ON_REQUIRED, "", *challenges)
        step = LogOnStep(connection.account)
        if basic and offered.partition(" ")[0].casefold() == "basic":
            step = LogOnStep(self._log_on(offered))
        elif offered:
            start = host.start_log_on if takes_ntlm else None
            step = connection.step(offered, start, lambda dn: by_dn(host.directory, dn))
        if step.account is None and step.header:
            return error_page(LOG_ON_REQUIRED, "", (_CHALLENGE, step.header))
        if step.account is None or not step.account.is_enabled:
            return error_page(LOG_ON_FAILED, "", *challenges)
        answer = serve(host, directory, request, step.account)
        if step.header:
            answer = replace(answer, headers=(*answer.headers, (_CHALLENGE, step.header)))
        return answer

    def _log_on(self, authorization: str) -> Account | None:
        scheme, _, token = authorization.partition(" ")
        if scheme.casefold() != "basic":
            return None
        try:
            user, colon, password = b64decode(token, validate=True).decode().partition(":")
        except (NotBase64, ValueError):
            return None
        if not colon or not password or not self.host.log_on(user, password):
            return None
        return by_log_on_name(self.host.directory, self.host.names, user)


def _directory_of(directories: Sequence[VirtualDirectory], path: str) -> VirtualDirectory | None:
    """The directory a path is in, the innermost; the site itself for its root only."""
    by_path = {directory.path.casefold(): directory for directory in directories}
    wanted = "/" + path.strip("/").casefold()
    if wanted == "/":
        return by_path.get("/")
    while wanted and wanted not in by_path:
        wanted = wanted.rpartition("/")[0]
    return by_path.get(wanted)


def _access(directory: VirtualDirectory, directories: Sequence[VirtualDirectory]) -> AccessSsl:
    """The flags of a directory: its own, or the web site's."""
    if directory.access is not None:
        return directory.access
    site = next((d for d in directories if d.word == "/"), None)
    return (site.access if site is not None else None) or AccessSsl.NONE
