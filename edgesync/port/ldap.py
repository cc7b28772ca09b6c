"""The port onto any LDAP server, through ldap3; the only module that imports it.

ldap3 only carries requests and answers here: names, filters and values are ours, controls are
encoded and decoded by ``directory.wire``, and its schema, formatting and range helpers are off.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

with warnings.catch_warnings():
    # ldap3 2.9.1 reads two pyasn1 names that pyasn1 deprecated; programs that make warnings
    # errors would not get past this import
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
from ldap3.core.exceptions import LDAPCommunicationError, LDAPException

from directory.errors import DecodeError, LdapError, ResultCode
from directory.model import oids
from directory.model.controls import Control, DirSync, PagedResults
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import format_filter
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    DerefAliases,
    ModifyDnRequest,
    ModifyRequest,
    Scope,
    SearchRequest,
    SyncInfo,
)
from directory.wire.controls import control_value, decode_control
from directory.wire.responses import decode_sync_info
from edgesync.errors import ConfigurationError, PortUnavailable
from edgesync.port.pinning import check_pin
from edgesync.port.port import DirectoryIdentity, SearchOutcome, identify

_SCOPES = {Scope.BASE: ldap3.BASE, Scope.ONE: ldap3.LEVEL, Scope.SUBTREE: ldap3.SUBTREE}
_DEREFERENCE = {
    DerefAliases.NEVER: ldap3.DEREF_NEVER,
    DerefAliases.IN_SEARCHING: ldap3.DEREF_SEARCH,
    DerefAliases.FINDING_BASE: ldap3.DEREF_BASE,
    DerefAliases.ALWAYS: ldap3.DEREF_ALWAYS,
}
_OPERATIONS = (
    ldap3.MODIFY_ADD, ldap3.MODIFY_DELETE, ldap3.MODIFY_REPLACE, ldap3.MODIFY_INCREMENT,
)  # fmt: skip
_NO_ERROR = frozenset({ResultCode.SUCCESS, ResultCode.COMPARE_TRUE, ResultCode.COMPARE_FALSE})
_GONE = frozenset({ResultCode.BUSY, ResultCode.UNAVAILABLE})


_STUMBLES = (LookupError, TypeError, ValueError, AttributeError)
"""What ldap3's decoder raises at bytes that are no LDAP."""


@dataclass(frozen=True, slots=True)
class PortLimits:
    """How long to wait for a server, in seconds."""

    connect_s: float = 10.0
    """A firewall that drops packets gives no answer at all."""
    answer_s: float = 120.0
    """Longest silence inside one operation: a search of 10^6 entries answers sooner."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How a TLS server proves who it is: the certificate expected, or an authority's word."""

    pin: bytes | None = None
    """DER; compared before any credential leaves. No authority is asked then."""
    ca_file: Path | None = None
    """Authorities to trust; None: the machine's."""
    is_off: bool = False
    """Take any certificate: for servers on this machine."""


class LdapPort:
    """One bound connection. For one thread at a time."""

    def __init__(self, connection: ldap3.Connection, peer: str) -> None:
        self._connection: Any = connection  # half of its methods have no types
        self._peer = peer

    @classmethod
    def connect(
        cls,
        url: str,
        bind_name: str = "",
        password: bytes = b"",
        *,
        pin: bytes | None = None,
        verification: Verification | None = None,
        start_tls: bool = False,
        limits: PortLimits | None = None,
    ) -> LdapPort:
        """Connect, check who answers, then bind; an empty name stays anonymous.

        Raises:
            ConfigurationError: not an ``ldap://`` or ``ldaps://`` URL.
            PinMismatch: the server presented another certificate; no credential was sent.
            PortUnavailable: nobody answers, or the certificate is not trusted.
            LdapError: the credentials are refused.
        """
        limits = limits or PortLimits()
        checked = verification or Verification(pin=pin)
        parts = urlsplit(url)
        if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname:
            raise ConfigurationError(f"{url!r} is not an LDAP URL", "write ldap://HOST:PORT")
        secure = parts.scheme == "ldaps"
        server = ldap3.Server(
            parts.hostname,
            port=parts.port or (636 if secure else 389),
            use_ssl=secure,
            tls=_tls(checked) if secure or start_tls else None,
            get_info=ldap3.NONE,
            connect_timeout=limits.connect_s,
            allowed_referral_hosts=[],
        )
        connection = ldap3.Connection(
            server,
            user=bind_name or None,
            password=cast("str", password) if bind_name else None,  # ldap3 takes bytes as they are
            authentication=ldap3.SIMPLE if bind_name else ldap3.ANONYMOUS,
            client_strategy=ldap3.SAFE_SYNC,
            auto_bind=ldap3.AUTO_BIND_NONE,
            check_names=False,
            auto_range=False,
            auto_referrals=False,  # ldap3 would bind wherever a server sends it, password and all
            auto_encode=False,
            auto_escape=False,
            return_empty_attributes=False,
            receive_timeout=int(limits.answer_s),  # ldap3 packs it as an integer
        )
        port = cls(connection, url)
        try:
            port._open(start_tls=start_tls, pin=checked.pin)
        except BaseException:
            port.close()
            raise
        return port

    def _open(self, *, start_tls: bool, pin: bytes | None) -> None:
        connection = self._connection
        self._carried(lambda: connection.open(read_server_info=False))
        if start_tls:
            self._carried(lambda: connection.start_tls(read_server_info=False))
        if pin is not None:
            sock = connection.socket
            presented = (
                sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
            )
            check_pin(presented, pin, self._peer)
        if connection.user is not None:
            self._run(lambda: connection.bind(read_server_info=False))

    # the port -----------------------------------------------------------------------------

    @property
    def identity(self) -> DirectoryIdentity:
        """The directory's rootDSE."""
        return identify(self)

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        """One page."""
        if request.scope not in _SCOPES:
            raise LdapError(ResultCode.PROTOCOL_ERROR, "ldap3 cannot send the scope CHILDREN")
        answered, response = self._run(
            lambda: self._connection.search(
                str(request.base),
                format_filter(request.filter),
                _SCOPES[request.scope],
                dereference_aliases=_DEREFERENCE[request.deref_aliases],
                attributes=list(request.attributes) or [ldap3.ALL_ATTRIBUTES],
                size_limit=request.size_limit,
                time_limit=request.time_limit_s,
                types_only=request.types_only,
                controls=_sent(controls),
            )
        )
        entries: list[Entry] = []
        beside: list[tuple[Control, ...]] = []
        infos: list[SyncInfo] = []
        for item in response:
            if item["type"] == "searchResEntry":
                entries.append(_entry(item))
                beside.append(tuple(_received(item)))
            elif item["type"] == "intermediateResponse" and item["responseName"] == oids.SYNC_INFO:
                infos.append(self._sync_info(item["responseValue"]))
        return SearchOutcome(
            tuple(entries), answered, tuple(beside) if any(beside) else (), tuple(infos)
        )

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        """Add one entry."""
        attributes = {name: list(values) for name, values in request.entry.attributes.items()}
        self._run(
            lambda: self._connection.add(
                str(request.entry.dn), attributes=attributes, controls=_sent(controls)
            )
        )

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        """Change one entry."""
        changes: dict[str, list[tuple[str, list[bytes]]]] = {}
        for item in request.modifications:
            one = (_OPERATIONS[item.operation], list(item.values))
            changes.setdefault(item.name, []).append(one)
        self._run(
            lambda: self._connection.modify(str(request.dn), changes, controls=_sent(controls))
        )

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        """Rename or move."""
        superior = str(request.new_superior) if request.new_superior is not None else None
        self._run(
            lambda: self._connection.modify_dn(
                str(request.dn),
                str(request.new_rdn),
                delete_old_dn=request.delete_old_rdn,
                new_superior=superior,
                controls=_sent(controls),
            )
        )

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        """Delete one entry."""
        self._run(lambda: self._connection.delete(str(request.dn), controls=_sent(controls)))

    def close(self) -> None:
        """Let go of the connection; a peer that is gone already does not matter."""
        sock = self._connection.socket
        try:
            self._connection.unbind()
        except (LDAPException, OSError):
            self._connection.strategy.close()
        finally:
            if sock is not None:  # ldap3 forgets it when connecting failed
                sock.close()

    # answers ------------------------------------------------------------------------------

    def _run(self, call: Callable[[], Any]) -> tuple[tuple[Control, ...], list[dict[str, Any]]]:
        """Carry one operation; its controls and messages, or LdapError for a refusal."""
        _, result, response, _ = self._carried(call)
        code = _code(result["result"])
        if code in _GONE:
            raise PortUnavailable(
                f"{self._peer} is {code.rfc_name}: {result['message']}", "try again later"
            )
        if code not in _NO_ERROR:
            raise LdapError(
                code,
                result.get("message") or "",
                matched_dn=result.get("dn") or "",
                referrals=tuple(result.get("referrals") or ()),
            )
        return tuple(_received(result)), list(response or ())

    def _carried(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (LDAPCommunicationError, OSError) as error:
            raise PortUnavailable(
                f"{self._peer} cannot be reached: {error}",
                "see that the server runs, and that nothing between drops the connection",
            ) from error
        except LDAPException as error:
            raise LdapError(ResultCode.OTHER, f"ldap3: {error}") from error
        except _STUMBLES as error:
            raise LdapError(
                ResultCode.PROTOCOL_ERROR, f"{self._peer} does not speak LDAP: {error!r}"
            ) from error

    def _sync_info(self, value: bytes) -> SyncInfo:
        try:
            return decode_sync_info(value)
        except DecodeError as error:
            raise LdapError(ResultCode.PROTOCOL_ERROR, f"sync info: {error}") from error


def ldap3_connection(url: str, user: str, password: str, **options: Any) -> Any:
    """A plain ldap3 connection, bound: for tests of people who know ldap3."""
    server = ldap3.Server(url, get_info=options.pop("get_info", ldap3.NONE))
    login = {"user": user, "password": password, "auto_bind": True, **options}
    return ldap3.Connection(server, **login)


def _tls(checked: Verification) -> ldap3.Tls:
    if checked.pin is not None or checked.is_off:
        # The pin is compared byte for byte right after the handshake, which is stronger.
        # Naming a version keeps ldap3 from reading the machine's authorities: 50 ms a connection.
        return ldap3.Tls(validate=ssl.CERT_NONE, version=ssl.PROTOCOL_TLS_CLIENT)
    ca_file = str(checked.ca_file) if checked.ca_file else None
    return ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca_file)


def _sent(controls: Sequence[Control]) -> list[tuple[str, bool, bytes | None]] | None:
    """Controls as ldap3's triples."""
    triples = [(getattr(c, "type", None) or c.oid, c.critical, control_value(c)) for c in controls]
    return triples or None


def _received(message: Mapping[str, Any]) -> Iterator[Control]:
    """Controls of an answer. ldap3 decodes two of them itself and hands on dictionaries."""
    for oid, given in (message.get("controls") or {}).items():
        value = given["value"]
        if oid == PagedResults.oid:
            yield PagedResults(size=value["size"], cookie=bytes(value["cookie"]))
        elif oid == DirSync.oid:
            more = 1 if value["more_results"] else 0
            yield DirSync(flags=more, cookie=bytes(value["cookie"]))
        elif value is None or isinstance(value, bytes):
            yield decode_control(oid, bool(given["criticality"]), value, response=True)


def _entry(item: Mapping[str, Any]) -> Entry:
    # DirSync names removed attributes without values; ldap3 then has None.
    raw = {str(name): tuple(values or ()) for name, values in item["raw_attributes"].items()}
    try:
        name = DN.parse(bytes(item["raw_dn"]).decode("utf-8"))
    except ValueError as error:  # InvalidDN is one, and so is what is not UTF-8
        raise LdapError(ResultCode.PROTOCOL_ERROR, f"an entry without a name: {error}") from error
    return Entry(name, raw)


def _code(number: int) -> ResultCode:
    try:
        return ResultCode(number)
    except ValueError:
        return ResultCode.OTHER
