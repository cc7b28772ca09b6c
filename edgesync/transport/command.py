"""SMTP commands as values (RFC 5321 4.1, RFC 1870, 3030, 3461, 6152, 6531)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address

from edgesync.transport import reply
from edgesync.transport.reply import Reply

COMMAND_LINE_MAX = 4096
"""Longest command line without CRLF: RFC 5321 says 512, extensions and X-EXPS tokens add to it."""

ADDRESS_MAX = 571
"""Longest address: Exchange takes 315 for local part, ``@`` and 255 for the domain."""

PARAMETERS_MAX = 16
"""Most parameters of MAIL or RCPT: the extensions spoken here define nine."""

CHUNK_DIGITS_MAX = 12
_VERB = re.compile(r"\A[A-Za-z0-9-]{1,20}\Z")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"\A{_LABEL}(?:\.{_LABEL})*\.?\Z")
_ATOM = r"[^\s()<>\[\]:;@\\,.\"\x00-\x1f\x7f]+"
_DOT_STRING = re.compile(rf"\A{_ATOM}(?:\.{_ATOM})*\Z")
_QUOTED = re.compile(r'\A"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"\Z')
_XTEXT = re.compile(r"\A(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\Z")
_NOTIFY = frozenset(("SUCCESS", "FAILURE", "DELAY"))


class CommandRefused(Exception):
    """A command that cannot be taken; carries the reply."""

    def __init__(self, answer: Reply) -> None:
        super().__init__(str(answer))
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Command:
    """A verb in upper case with the rest of its line."""

    verb: str
    argument: str


@dataclass(frozen=True, slots=True)
class MailFrom:
    """``MAIL FROM:<...>`` with what its extensions say. An empty sender is the null path."""

    sender: str
    size: int = 0
    body: str = "7BIT"
    smtputf8: bool = False
    ret: str = ""
    envelope_id: str = ""


@dataclass(frozen=True, slots=True)
class RcptTo:
    """``RCPT TO:<...>`` with its DSN parameters (RFC 3461)."""

    address: str
    notify: tuple[str, ...] = ()
    original: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """``BDAT n [LAST]`` (RFC 3030)."""

    size: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class _Path:
    address: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse_command(line: bytes) -> Command:
    """A command line without its CRLF.

    Raises:
        CommandRefused: with the reply to give.
    """
    if b"\0" in line or b"\r" in line or b"\n" in line:
        raise CommandRefused(reply.BARE_LINE_FEED)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandRefused(reply.INVALID_ARGUMENTS) from error
    verb, _, argument = text.strip(" \t").partition(" ")
    if not _VERB.match(verb):
        raise CommandRefused(reply.UNRECOGNIZED)
    return Command(verb.upper(), argument.strip(" \t"))


def parse_mail_from(argument: str, *, utf8_offered: bool) -> MailFrom:
    """The argument of MAIL.

    Raises:
        CommandRefused: with the reply to give.
    """
    path = _path(argument, "FROM:", reply.INVALID_ADDRESS)
    mail = {"sender": path.address}
    size, body, utf8 = 0, "7BIT", False
    for name, value in path.parameters.items():
        if name == "SIZE" and value.isdecimal() and len(value) <= 20:
            size = int(value)
        elif name == "BODY" and value.upper() in ("7BIT", "8BITMIME", "BINARYMIME"):
            body = value.upper()
        elif name == "SMTPUTF8" and not value and utf8_offered:
            utf8 = True
        elif name == "RET" and value.upper() in ("FULL", "HDRS"):
            mail["ret"] = value.upper()
        elif name == "ENVID" and 0 < len(value) <= 100 and _XTEXT.match(value):
            mail["envelope_id"] = value
        elif name not in ("AUTH", "XSHADOW") or not value:
            raise CommandRefused(reply.UNRECOGNIZED_PARAMETER)
    if not path.address.isascii() and not utf8:
        raise CommandRefused(reply.NEEDS_UTF8)
    return MailFrom(size=size, body=body, smtputf8=utf8, **mail)


def parse_rcpt_to(argument: str, *, utf8: bool) -> RcptTo:
    """The argument of RCPT; ``utf8`` when the transaction was opened with SMTPUTF8.

    Raises:
        CommandRefused: with the reply to give.
    """
    path = _path(argument, "TO:", reply.INVALID_RECIPIENT)
    if not path.address:
        raise CommandRefused(reply.INVALID_RECIPIENT)
    if not path.address.isascii() and not utf8:
        raise CommandRefused(reply.NEEDS_UTF8)
    notify: tuple[str, ...] = ()
    original = ""
    for name, value in path.parameters.items():
        words = tuple(value.upper().split(","))
        if name == "NOTIFY" and (words == ("NEVER",) or set(words) <= _NOTIFY):
            notify = words
        elif name == "ORCPT" and 0 < len(value) <= 500 and ";" in value:
            original = value
        else:
            raise CommandRefused(reply.UNRECOGNIZED_PARAMETER)
    return RcptTo(path.address, notify, original)


def parse_chunk(argument: str) -> Chunk:
    """The argument of BDAT.

    Raises:
        CommandRefused: with the reply to give.
    """
    size, _, last = argument.partition(" ")
    if (
        not size.isdecimal()
        or len(size) > CHUNK_DIGITS_MAX
        or last.strip().upper() not in ("", "LAST")
    ):
        raise CommandRefused(reply.INVALID_ARGUMENTS)
    return Chunk(int(size), bool(last.strip()))


def is_domain(text: str) -> bool:
    """Whether an EHLO argument is a domain or an address literal."""
    if text.startswith("[") and text.endswith("]"):
        literal = text[1:-1]
        try:
            ip_address(literal[5:] if literal.lower().startswith("ipv6:") else literal)
        except ValueError:
            return False
        return True
    return len(text) <= 255 and bool(_DOMAIN.match(text))


def is_address(text: str) -> bool:
    """Whether a text is a mailbox ``local@domain`` (RFC 5321, with RFC 6531's letters)."""
    local, at, domain = text.rpartition("@")
    if not at or not local or len(text) > ADDRESS_MAX:
        return False
    if domain.startswith("["):
        good_domain = is_domain(domain)
    else:
        good_domain = bool(_DOMAIN.match(domain)) or (
            not domain.isascii() and bool(_DOT_STRING.match(domain))
        )
    return good_domain and bool(_DOT_STRING.match(local) or _QUOTED.match(local))


def domain_of(address: str) -> str:
    """The domain of an address, folded; empty for the null path."""
    return address.rpartition("@")[2].lower().rstrip(".") if "@" in address else ""


def _path(argument: str, keyword: str, refusal: Reply) -> _Path:
    if argument[: len(keyword)].upper() != keyword:
        raise CommandRefused(reply.INVALID_ARGUMENTS)
    rest = argument[len(keyword) :].lstrip(" ")
    if rest.startswith("<"):
        address, rest = _bracketed(rest, refusal)
    else:  # Exchange takes an address without brackets
        address, _, rest = rest.partition(" ")
    if address.startswith("@") and ":" in address:
        address = address.partition(":")[2]  # a source route is ignored (RFC 5321 appendix C)
    if address and not is_address(address) and address.upper() != "POSTMASTER":
        raise CommandRefused(refusal)
    words = rest.split()
    if len(words) > PARAMETERS_MAX:
        raise CommandRefused(reply.INVALID_ARGUMENTS)
    parameters: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name.upper() in parameters:
            raise CommandRefused(reply.INVALID_ARGUMENTS)
        parameters[name.upper()] = value
    return _Path(address, parameters)


def _bracketed(text: str, refusal: Reply) -> tuple[str, str]:
    """Split ``<path> rest``; an angle bracket inside a quoted local part does not end the path."""
    quoted = escaped = False
    for i, char in enumerate(text[1:], 1):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == ">" and not quoted:
            rest = text[i + 1 :]
            if rest and not rest.startswith(" "):
                break
            return text[1:i], rest
    raise CommandRefused(refusal)
