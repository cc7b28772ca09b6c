"""Self-tests of the client protocols' listeners: each answers a real client once."""

from __future__ import annotations

import socket

from edgesync.client_access.https_client import NoHandshake, WebConnection
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from edgesync.lab.unified_messaging import UnifiedMessaging
from edgesync.transport.endpoint import CONNECT_TIMEOUT_S, SocketLink
from edgesync.transport.link import LinkFailed

_GREETINGS = {"pop": b"+OK", "imap": b"* OK"}
_OPTIONS = (
    b"OPTIONS sip:self-test@invalid SIP/2.0\r\nVia: SIP/2.0/TCP self-test.invalid;branch=z9hG4bK1"
    b"\r\nFrom: <sip:self-test@invalid>;tag=1\r\nTo: <sip:self-test@invalid>\r\nCall-ID: 1\r\n"
    b"CSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\nContent-Length: 0\r\n\r\n"
)


def client_fault(lab: Lab, server: str, service: str, url: str) -> str:
    """What is wrong with one listener; empty when it answers as its server's state says.

    A service without a certificate refuses connections, and so does the transport that a voice
    service's mode does not take: those are states of the lab.
    """
    host, _, port = url.partition("://")[2].rpartition(":")
    try:
        if service in _GREETINGS or service == "sip":
            return _plain(lab, server, service, (host, int(port)))
        if service == "http":
            link = SocketLink.connect(host, int(port))
            connection = WebConnection(link, None)
            answer = connection.get("self-test.invalid", "/")
            connection.close()
            return "" if answer else "no answer to GET /"
        return _secure(lab, server, service, (host, int(port)))
    except (LinkFailed, NoHandshake, OSError) as error:
        return str(error)


def _plain(lab: Lab, server: str, service: str, address: tuple[str, int]) -> str:
    if service == "sip" and not lab.service(UnifiedMessaging).host(server).mode.takes_tcp:
        return ""
    wanted = _GREETINGS.get(service, b"SIP/2.0 200")
    with socket.create_connection(address, CONNECT_TIMEOUT_S) as connection:
        if service == "sip":
            connection.sendall(_OPTIONS)
        said = connection.recv(4096)
    return "" if said.startswith(wanted) else f"it said {said[:40]!r}"


def _secure(lab: Lab, server: str, service: str, address: tuple[str, int]) -> str:
    if not _has_certificate(lab, server, service):
        return ""
    connection = WebConnection(SocketLink.connect(*address), lab.server(server).fqdn)
    connection.shake_hands()
    connection.close()
    return ""


def _has_certificate(lab: Lab, server: str, service: str) -> bool:
    if service == "sips":
        return lab.service(UnifiedMessaging).host(server).mode.takes_tls
    access = lab.service(ClientAccess)
    if service == "https":
        return access.web_server(server).host.web_certificate() is not None
    return access.mail_access(server).identity(service.removesuffix("s")) is not None
