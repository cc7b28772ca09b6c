"""The Edge Subscription file: a strict writer, a tolerant reader (edgesync-facts 2).

The root's name, the order of elements and the notation of date and duration are this project's
choices: no source gives them. The reader therefore takes any root, any order, unknown elements,
and three notations. A document type, and with it every entity, is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from xml.parsers import expat
from xml.sax.saxutils import escape

from cryptography import x509

from edgesync.certificates.certificate import MALFORMED
from edgesync.certificates.private_files import create_private, replace_durably
from edgesync.errors import RefusedByRule, SubscriptionFileInvalid

T = TypeVar("T")

FILE_SIZE_MAX = 1 << 20
"""Bytes read of a file: a certificate of 8 kB in base64 and ten short elements fit 50 times."""

DEPTH_MAX = 8
"""Nesting read: the format needs 2, PowerShell's serialisation of the same properties 4."""

FILE_VERSION = 1
_ROOT = "edge-subscription"
_ELEMENTS = (
    "EdgeServerName", "EdgeServerFQDN", "EdgeCertificateBlob", "ESRAUsername", "ESRAPassword",
    "EffectiveDate", "Duration", "AdamSslPort", "ProductID", "VersionNumber", "SerialNumber",
)  # fmt: skip
_REQUIRED = frozenset(_ELEMENTS) - {"ProductID", "VersionNumber", "SerialNumber"}
_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?\Z")
_ISO_SPAN = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?\Z")
_TICKS_PER_SECOND = 10_000_000
_TICKS_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SubscriptionFile:
    """What an Edge hands to its organisation. The password is in clear: delete every copy."""

    edge_server_name: str
    edge_server_fqdn: str
    certificate: bytes
    """DER of the Edge's internal transport certificate."""
    user_name: str
    password: str = field(repr=False)
    effective_at: datetime
    duration: timedelta
    adam_ssl_port: int
    product_id: str = ""
    version_number: int = FILE_VERSION
    serial_number: str = ""

    @property
    def expires_at(self) -> datetime:
        """When the bootstrap account stops working."""
        return self.effective_at + self.duration


def format_subscription(item: SubscriptionFile) -> bytes:
    """The file's bytes: elements in the order of the documentation, UTF-8."""
    values = (
        item.edge_server_name, item.edge_server_fqdn,
        base64.b64encode(item.certificate).decode("ascii"), item.user_name, item.password,
        item.effective_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        format_span(item.duration), str(item.adam_ssl_port), item.product_id,
        str(item.version_number), item.serial_number,
    )  # fmt: skip
    lines = [f"<{_ROOT}>"]
    lines += [
        f"  <{name}>{escape(value)}</{name}>" if value else f"  <{name}/>"
        for name, value in zip(_ELEMENTS, values, strict=True)
    ]
    return "\n".join([*lines, f"</{_ROOT}>", ""]).encode()


def write_subscription(path: Path, item: SubscriptionFile, *, force: bool = False) -> None:
    """Write the file, readable by its owner only, whole or not at all.

    Raises:
        RefusedByRule: the file exists and ``force`` was not given.
    """
    data = format_subscription(item)
    if force:
        replace_durably(path, data)
        return
    try:
        create_private(path, data)
    except FileExistsError:
        raise RefusedByRule(f"{path} exists", "name another file, or give --force") from None


def read_subscription(path: Path) -> SubscriptionFile:
    """Read a file.

    Raises:
        SubscriptionFileInvalid: not such a file; names file and element.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_SIZE_MAX + 1)
    except OSError as error:
        raise SubscriptionFileInvalid(
            f"{path}: {error.strerror}", "name the file that the Edge exported"
        ) from error
    return parse_subscription(data, str(path))


def parse_subscription(data: bytes, source: str = "the data") -> SubscriptionFile:
    """Read a file's bytes; ``source`` is how errors call them.

    Raises:
        SubscriptionFileInvalid: names the element that is missing or cannot be read.
    """
    if len(data) > FILE_SIZE_MAX:
        raise _invalid(source, f"larger than {FILE_SIZE_MAX} bytes")
    given = _elements(data, source)
    for name in _ELEMENTS:
        if name in _REQUIRED and not given.get(name):
            raise _invalid(source, f"element {name} is missing or empty")

    def read(name: str, parse: Callable[[str], T]) -> T:
        try:
            return parse(given[name])
        except (ValueError, OverflowError) as error:
            raise _invalid(source, f"element {name}: {error}") from error

    found = SubscriptionFile(
        edge_server_name=given["EdgeServerName"],
        edge_server_fqdn=given["EdgeServerFQDN"],
        certificate=read("EdgeCertificateBlob", _certificate),
        user_name=given["ESRAUsername"],
        password=given["ESRAPassword"],
        effective_at=read("EffectiveDate", parse_instant),
        duration=read("Duration", parse_span),
        adam_ssl_port=read("AdamSslPort", _port),
        product_id=given.get("ProductID", ""),
        version_number=read("VersionNumber", int) if given.get("VersionNumber") else FILE_VERSION,
        serial_number=given.get("SerialNumber", ""),
    )
    try:
        _ends = found.expires_at
    except OverflowError as error:
        raise _invalid(source, "element Duration: it ends after the year 9999") from error
    return found


class _Collector:
    """Texts of elements by local name; the first of a name counts."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, list[str]]] = []

    def doctype(self, *_: object) -> None:
        raise _invalid(self.source, "it has a document type; Edge Subscription files have none")

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if len(self._open) >= DEPTH_MAX:
            raise _invalid(self.source, f"nested deeper than {DEPTH_MAX} elements")
        self._open.append((name.rpartition(":")[2], []))

    def data(self, text: str) -> None:
        if self._open:
            self._open[-1][1].append(text)

    def end(self, _name: str) -> None:
        name, parts = self._open.pop()
        self.texts.setdefault(name, "".join(parts).strip())


def _elements(data: bytes, source: str) -> dict[str, str]:
    collector = _Collector(source)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = collector.doctype
    parser.EntityDeclHandler = collector.doctype
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.data
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = f"not XML: {expat.ErrorString(error.code)}, line {error.lineno}"
        raise _invalid(source, reason) from error
    except (LookupError, ValueError) as error:  # an encoding that is unknown or not text
        raise _invalid(source, f"not readable text: {error}") from error
    return collector.texts


def _invalid(source: str, reason: str) -> SubscriptionFileInvalid:
    return SubscriptionFileInvalid(
        f"{source} is not an Edge Subscription file: {reason}",
        "export a new one on the Edge: edgesync subscription export EDGE",
    )


def _certificate(text: str) -> bytes:
    try:
        der = base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    try:
        x509.load_der_x509_certificate(der)
    except MALFORMED as error:
        raise ValueError("not a DER certificate") from error
    return der


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError("not a port between 1 and 65535")
    return port


def parse_instant(text: str) -> datetime:
    """An instant: ISO 8601, or an integer of 100 ns ticks since year 1 (as .NET counts)."""
    if text.isdecimal():
        return _TICKS_EPOCH + timedelta(microseconds=int(text) // 10)
    at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def parse_span(text: str) -> timedelta:
    """A time span: ``d.hh:mm:ss``, ISO 8601 (``P1D``), or an integer of 100 ns ticks."""
    if text.isdecimal():
        return timedelta(seconds=int(text) / _TICKS_PER_SECOND)
    match = _SPAN.match(text) or (_ISO_SPAN.match(text) if len(text) > 1 else None)
    if match is None:
        raise ValueError("neither d.hh:mm:ss nor ISO 8601 nor ticks")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def format_span(span: timedelta) -> str:
    """A time span as ``d.hh:mm:ss``, whole seconds."""
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{span.days}.{hours:02}:{minutes:02}:{seconds:02}"
