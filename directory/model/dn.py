"""Distinguished names (RFC 4514), with the ``<GUID=...>`` and ``<SID=...>`` forms of AD."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from directory.errors import InvalidDN
from directory.limits import DN_LENGTH_MAX, RDN_COUNT_MAX, REMEMBERED_OCTETS_MAX

_TYPE = re.compile(r"[ \n]*([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*) *= *", re.ASCII)
_PLAIN = re.compile(r"[^,+;\"\\<>\0# ][^,+;\"\\<>\0]*")
"""A value without anything to unescape; most are."""
_ALTERNATIVE = re.compile(r"\A<(GUID|SID|WKGUID)=([^>]*)>\Z", re.IGNORECASE)
_SIMPLE = re.compile(
    r"([A-Za-z][A-Za-z0-9-]*)=([A-Za-z0-9._@/'()&:-]+(?: [A-Za-z0-9._@/'()&:-]+)*),(?![ \n<])"
)
"""An RDN of one plain value and the comma behind it: what nearly all names start with."""
SHARED_RDNS_MAX = 48
"""Deepest name that shares its parsed parents, each read by a call inside a call; the few that are
deeper are read in a loop, so that no name can exhaust the stack."""

CHILDREN_MAX = 32
"""Names below a name that are remembered: containers have fixed places, people have not."""

_SPECIAL = ',+"\\<>;='
_TO_ESCAPE = re.compile(r'[,+"\\<>;=\x00-\x1f\x7f]|\A[# ]| \Z')
_HEX = frozenset("0123456789abcdefABCDEF")
_OID_NAMES = {
    "2.5.4.3": "cn", "2.5.4.7": "l", "2.5.4.8": "st", "2.5.4.10": "o", "2.5.4.11": "ou",
    "2.5.4.6": "c", "2.5.4.9": "street", "0.9.2342.19200300.100.1.25": "dc",
    "0.9.2342.19200300.100.1.1": "uid",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ava:
    """One attribute type and value of an RDN: text, or bytes where it was written ``#hex``."""

    type: str
    value: str | bytes

    @property
    def normal(self) -> str:
        """The form that compares: type and value folded, inner runs of space as one."""
        kind = self.type.lower()
        kind = _OID_NAMES.get(kind.removeprefix("oid."), kind)
        if isinstance(self.value, bytes):
            return f"{kind}=#{self.value.hex()}"
        return f"{kind}={_escape(' '.join(self.value.casefold().split()))}"

    @property
    def value_bytes(self) -> bytes:
        """The value as an attribute value."""
        return self.value if isinstance(self.value, bytes) else self.value.encode()

    def __str__(self) -> str:
        if isinstance(self.value, bytes):
            return f"{self.type}=#{self.value.hex()}"
        return f"{self.type}={_escape(self.value)}"


@dataclass(frozen=True, slots=True)
class Rdn:
    """A relative distinguished name: one value, or several joined by ``+``."""

    avas: tuple[Ava, ...]

    @property
    def normal(self) -> str:
        """The form that compares: values sorted, since an RDN is a set."""
        if len(self.avas) == 1:
            return self.avas[0].normal
        return "+".join(sorted(ava.normal for ava in self.avas))

    @property
    def type(self) -> str:
        """Attribute type of the first value."""
        return self.avas[0].type

    @property
    def value(self) -> str:
        """First value as text."""
        value = self.avas[0].value
        return value if isinstance(value, str) else value.hex()

    def __str__(self) -> str:
        return "+".join(str(ava) for ava in self.avas)


@dataclass(frozen=True, eq=False)
class DN:
    """A distinguished name, most specific RDN first. Equal names compare equal whatever their case.

    ``alternative`` holds the inside of ``<GUID=...>`` and ``<SID=...>`` (MS-ADTS 3.1.1.3.1.2.4):
    such a name has no RDNs and means something only to a directory that resolves it.
    """

    rdns: tuple[Rdn, ...] = ()
    alternative: str | None = None

    @classmethod
    def parse(cls, text: str) -> DN:
        """Read RFC 4514 text, or AD's alternative forms.

        Raises:
            InvalidDN: with the offset of the first character that does not fit.
        """
        return _parse(text) if _is_remembered(text) else _parse.__wrapped__(text)

    @classmethod
    def of(cls, *rdns: tuple[str, str], under: DN | None = None) -> DN:
        """Build from (type, value) pairs: ``DN.of(("CN", "EDGE01"), under=servers)``."""
        own = tuple(Rdn((Ava(kind, value),)) for kind, value in rdns)
        return cls(own + (under.rdns if under else ()))

    @cached_property
    def normal(self) -> str:
        """The hash key: equal exactly when two names are equal."""
        if self.alternative is not None:
            return f"<{self.alternative.lower()}>"
        if len(self.rdns) < 2:
            return self.rdn_normal if self.rdns else ""
        if len(self.rdns) > SHARED_RDNS_MAX:
            return self._deep_normal()
        return f"{self.rdn_normal},{self.parent.normal}"

    def _deep_normal(self) -> str:
        """The normal form of a name too deep for calls inside calls, and of all names above it."""
        chain = [self]
        while len(chain[-1].rdns) > SHARED_RDNS_MAX:
            chain.append(chain[-1].parent)
        normal = chain.pop().normal
        for dn in reversed(chain):
            normal = f"{dn.rdn_normal},{normal}"
            dn.__dict__["normal"] = normal  # the cached property, filled in
        return normal

    @cached_property
    def rdn_normal(self) -> str:
        """The most specific RDN in the form that compares, worked out once."""
        return self.rdns[0].normal

    @cached_property
    def rdn_text(self) -> str:
        """The most specific RDN as text, worked out once."""
        return str(self.rdns[0])

    @cached_property
    def parent(self) -> DN:
        """The name above; the root's parent is the root."""
        return DN(self.rdns[1:])

    @property
    def rdn(self) -> Rdn:
        """The most specific RDN.

        Raises:
            IndexError: for the root, which has none.
        """
        return self.rdns[0]

    @property
    def is_root(self) -> bool:
        """Whether this is the zero-length name (the rootDSE's)."""
        return not self.rdns and self.alternative is None

    def child(self, kind: str, value: str) -> DN:
        """The name one level below; the same object each time for the first ones asked for."""
        known = self._children.get((kind, value))
        if known is not None:
            return known
        dn = DN((Rdn((Ava(kind, value),)), *self.rdns))
        own = dn.rdn_normal
        # nearly all are compared or looked up, and this name's form is known
        dn.__dict__["normal"] = f"{own},{self.normal}" if self.rdns else own
        if len(self._children) < CHILDREN_MAX:
            self._children[kind, value] = dn
        return dn

    @cached_property
    def _children(self) -> dict[tuple[str, str], DN]:
        """Names below, by type and value: programs ask for the same containers again and again."""
        return {}

    def is_under(self, other: DN) -> bool:
        """Whether this name lies strictly below the other."""
        return len(self.rdns) > len(other.rdns) and self.is_within(other)

    def is_within(self, other: DN) -> bool:
        """Whether this name is the other or lies below it."""
        if not other.rdns:
            return other.alternative is None
        return self.normal == other.normal or self.normal.endswith("," + other.normal)

    def moved(self, old: DN, new: DN) -> DN:
        """This name after the subtree at ``old`` became ``new``."""
        kept = len(self.rdns) - len(old.rdns)
        return DN(self.rdns[:kept] + new.rdns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DN) and self.normal == other.normal

    def __hash__(self) -> int:
        return hash(self.normal)

    @cached_property
    def _text(self) -> str:
        if self.alternative is not None:
            return f"<{self.alternative}>"
        return ",".join(str(rdn) for rdn in self.rdns)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"DN({str(self)!r})"


ROOT = DN()
"""The zero-length name."""


def _escape(value: str) -> str:
    """Escape a value for RFC 4514 section 2.4."""
    return _TO_ESCAPE.sub(_escaped, value) if _TO_ESCAPE.search(value) else value


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    return f"\\{ord(char):02X}" if char < " " or char == "\x7f" else f"\\{char}"


@lru_cache(maxsize=16384)
def _parse(text: str) -> DN:
    if len(text) > DN_LENGTH_MAX:
        raise InvalidDN(text, DN_LENGTH_MAX, f"longer than {DN_LENGTH_MAX} characters")
    if (match := _SIMPLE.match(text)) is not None and not _may_be_deep(text):
        return _simple(text, match)
    if not text.strip():
        return ROOT
    if match := _ALTERNATIVE.match(text.strip()):
        return DN((), f"{match[1].upper()}={match[2].strip()}")
    if _may_be_deep(text):
        return _deep(text)
    rdn, at = _rdn(text, 0)
    return DN((rdn,)) if at > len(text) else _below(text, at, rdn)


def _is_remembered(text: str) -> bool:
    """Whether a name is short enough to be kept; the longest 16,384 of them would take 220 MB."""
    return len(text) <= REMEMBERED_OCTETS_MAX // 2 and not _may_be_deep(text)


def _may_be_deep(text: str) -> bool:
    """Whether a name may have more RDNs than share parents; one takes four characters at least."""
    if len(text) < 4 * SHARED_RDNS_MAX:
        return False
    return text.count(",") + text.count(";") >= SHARED_RDNS_MAX


def _deep(text: str) -> DN:
    """A name of any depth, RDN by RDN."""
    rdns: list[Rdn] = []
    at = 0
    while at <= len(text):
        if len(rdns) == RDN_COUNT_MAX:
            raise InvalidDN(text, at, f"more than {RDN_COUNT_MAX} RDNs")
        rdn, at = _rdn(text, at)
        rdns.append(rdn)
    return DN(tuple(rdns))


def _rdn(text: str, at: int) -> tuple[Rdn, int]:
    """The RDN at ``at``, and where the next one starts: behind the text after the last."""
    avas: list[Ava] = []
    while True:
        match = _TYPE.match(text, at)
        if match is None:
            raise InvalidDN(text, at, "expected an attribute type and '='")
        value, at = _parse_value(text, match.end())
        avas.append(Ava(match[1], value))
        at += 1
        if at > len(text) or text[at - 1] != "+":
            return Rdn(tuple(avas)), at


def _simple(text: str, match: re.Match[str]) -> DN:
    """A name whose first RDN needs no unescaping, with what the directory asks of it filled in.

    The forms that compare are there at a glance, and every add and every read needs them; the
    properties would find the same (tests/property/model/test_dn_and_filter.py).
    """
    kind, value = match.groups()
    dn = _below(text, match.end(), Rdn((Ava(kind, value),)))
    folded = kind.lower()
    own = f"{_OID_NAMES.get(folded, folded)}={value.lower()}"
    dn.__dict__.update(
        rdn_normal=own, rdn_text=f"{kind}={value}", normal=f"{own},{dn.parent.normal}"
    )
    return dn


def _below(text: str, at: int, rdn: Rdn) -> DN:
    """A name from its first RDN and the rest: siblings share their parsed parent."""
    if not text[at:].strip() or text[at:].lstrip().startswith("<"):
        raise InvalidDN(text, at, "expected an attribute type and '='")
    try:
        rest = text[at:]
        parent = _parse(rest) if _is_remembered(rest) else _parse.__wrapped__(rest)
    except InvalidDN as error:
        raise InvalidDN(text, at + error.offset, error.reason) from None
    if len(parent.rdns) >= RDN_COUNT_MAX:
        raise InvalidDN(text, at, f"more than {RDN_COUNT_MAX} RDNs")
    dn = DN((rdn, *parent.rdns))
    dn.__dict__["parent"] = parent  # the cached property, filled in
    return dn


def _parse_value(text: str, at: int) -> tuple[str | bytes, int]:
    """Read one value from ``at``; return it and the offset of the separator that ended it."""
    plain = _PLAIN.match(text, at)
    if plain is not None and plain[0].isascii():
        end = plain.end()
        if end == len(text) or text[end] in ",+;":
            return plain[0].rstrip(" "), end
    if text[at : at + 1] == "#":
        return _parse_hex(text, at)
    if text[at : at + 1] == '"':
        return _parse_quoted(text, at)
    out = bytearray()
    kept = 0  # length that trailing unescaped spaces must not be stripped below
    while at < len(text) and text[at] not in ",+;":
        char = text[at]
        if char == "\\":
            piece, at = _parse_escape(text, at)
            out += piece
            kept = len(out)
            continue
        if char in '"<>\0':
            raise InvalidDN(text, at, f"unescaped {char!r} in a value")
        out += char.encode("utf-8", "surrogatepass")
        at += 1
    stripped = bytes(out).rstrip(b" ") if len(out) > kept else bytes(out)
    return _text(text, at, stripped if len(stripped) >= kept else bytes(out[:kept])), at


def _parse_escape(text: str, at: int) -> tuple[bytes, int]:
    pair = text[at + 1 : at + 3]
    if len(pair) == 2 and pair[0] in _HEX and pair[1] in _HEX:
        return bytes.fromhex(pair), at + 3
    if pair and (pair[0] in _SPECIAL or pair[0] in " #"):
        return pair[0].encode(), at + 2
    raise InvalidDN(text, at, "backslash without a special character or two hex digits")


def _parse_hex(text: str, at: int) -> tuple[bytes, int]:
    start = at + 1
    at = start
    while at < len(text) and text[at] in _HEX:
        at += 1
    if at == start or (at - start) % 2:
        raise InvalidDN(text, at, "'#' needs pairs of hex digits")
    value = bytes.fromhex(text[start:at])
    return value, _end_of_value(text, at)


def _parse_quoted(text: str, at: int) -> tuple[str, int]:
    """RFC 2253 quoting, still written by old tools."""
    out = bytearray()
    at += 1
    while at < len(text) and text[at] != '"':
        if text[at] == "\\":
            piece, at = _parse_escape(text, at)
            out += piece
        else:
            out += text[at].encode("utf-8", "surrogatepass")
            at += 1
    if at >= len(text):
        raise InvalidDN(text, at, "quoted value is not closed")
    return _text(text, at, bytes(out)), _end_of_value(text, at + 1)


def _end_of_value(text: str, at: int) -> int:
    while at < len(text) and text[at] == " ":
        at += 1
    if at < len(text) and text[at] not in ",+;":
        raise InvalidDN(text, at, "expected ',' or '+' after a value")
    return at


def _text(text: str, at: int, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidDN(text, at, "value is not UTF-8") from None
