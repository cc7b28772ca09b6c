"""What stands behind the virtual directories, as far as certificates need it: no mail protocol.

ActiveSync says its versions, Autodiscover tells the addresses, the Offline Address Book has its
manifest; everything else answers whoever has logged on that it is there.
"""

from __future__ import annotations

from html import escape
from xml.sax.saxutils import escape as xml

from edgesync.client_access.accounts import Account
from edgesync.client_access.host import ClientAccessHost
from edgesync.client_access.http_values import (
    BAD_REQUEST,
    NOT_IMPLEMENTED,
    OK,
    HttpRequest,
    HttpResponse,
    error_page,
)
from edgesync.organization.virtual_directories import VirtualDirectory

XML = "text/xml; charset=utf-8"
_ACTIVESYNC = (
    ("MS-Server-ActiveSync", "8.1"),
    ("MS-ASProtocolVersions", "1.0,2.0,2.1,2.5,12.0,12.1"),
    ("Allow", "OPTIONS,POST"),
)
_RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"


def serve(
    host: ClientAccessHost,
    directory: VirtualDirectory,
    request: HttpRequest,
    account: Account | None,
) -> HttpResponse:
    """The service's answer to somebody who may ask."""
    match directory.word:
        case "Microsoft-Server-ActiveSync":
            return _activesync(request)
        case "Autodiscover" if account is not None:
            return _autodiscover(host, request, account)
        case "OAB":
            return HttpResponse(OK, _manifest(host), XML)
        case "/":
            return _page("Default Web Site", host.fqdn)
    who = f" {account.name}" if account is not None else ""
    return _page(directory.word, f"The service is here,{who}; the lab has nothing behind it.")


def _activesync(request: HttpRequest) -> HttpResponse:
    if request.method == "OPTIONS":
        return HttpResponse(OK, headers=_ACTIVESYNC)
    return error_page(NOT_IMPLEMENTED, "ActiveSync synchronizes nothing in a lab")


def _autodiscover(host: ClientAccessHost, request: HttpRequest, account: Account) -> HttpResponse:
    """The plain-old-XML answer: the addresses an Outlook would use next."""
    if request.method not in {"GET", "POST"}:
        return error_page(BAD_REQUEST)
    urls = {d.word: d.internal_url for d in host.directories()}
    outside = {d.word: d.external_url for d in host.directories() if d.external_url}
    protocols = _protocol("EXCH", host.fqdn, urls)
    if outside:
        protocols += _protocol("EXPR", host.fqdn, outside)
    text = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<Autodiscover xmlns="{_RESPONSE}">'
        f'<Response xmlns="{_OUTLOOK}"><User><DisplayName>{xml(account.display_name)}'
        f"</DisplayName><AutoDiscoverSMTPAddress>{xml(account.mail)}</AutoDiscoverSMTPAddress>"
        f"</User><Account><AccountType>email</AccountType><Action>settings</Action>{protocols}"
        "</Account></Response></Autodiscover>\n"
    )
    return HttpResponse(OK, text.encode(), XML)


def _protocol(kind: str, server: str, urls: dict[str, str]) -> str:
    elements = (("ASUrl", "EWS"), ("OOFUrl", "EWS"), ("UMUrl", "UnifiedMessaging"),
                ("OABUrl", "OAB"))  # fmt: skip
    shown = "".join(
        f"<{element}>{xml(urls[word])}</{element}>" for element, word in elements if urls.get(word)
    )
    return f"<Protocol><Type>{kind}</Type><Server>{xml(server)}</Server>{shown}</Protocol>"


def _manifest(host: ClientAccessHost) -> bytes:
    name = xml(f"Default Offline Address Book of {host.names.organization_name}")
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<OAB><OAL id="default" name="{name}"/></OAB>\n'
    ).encode()


def _page(title: str, text: str) -> HttpResponse:
    shown = escape(title)
    body = f"<html><head><title>{shown}</title></head><body><h1>{shown}</h1><p>{escape(text)}</p>"
    return HttpResponse(OK, (body + "</body></html>\n").encode())
