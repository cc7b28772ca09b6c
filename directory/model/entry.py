"""An entry: a name and its attributes. Bytes are the truth for values; text is a view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from uuid import UUID

from directory.model.dn import DN
from directory.model.names import AttributeName, attribute_name


class Entry:
    """A name and its attributes, immutable. Names are looked up without regard to case."""

    __slots__ = ("_attributes", "_folded", "dn")

    def __init__(self, dn: DN, attributes: Mapping[str, tuple[bytes, ...]]) -> None:
        self.dn = dn
        self._attributes = attributes
        self._folded: dict[AttributeName, tuple[bytes, ...]] | None = None

    @property
    def _by_name(self) -> dict[AttributeName, tuple[bytes, ...]]:
        """Values by folded name, made when first asked for: an entry that is loaded never is."""
        folded = self._folded
        if folded is None:
            folded = self._folded = {
                attribute_name(name): values for name, values in self._attributes.items()
            }
        return folded

    @property
    def attributes(self) -> Mapping[str, tuple[bytes, ...]]:
        """Attributes under the names as they were spelled."""
        return self._attributes

    def values(self, name: str) -> tuple[bytes, ...]:
        """All values; none when the attribute is absent."""
        return self._by_name.get(attribute_name(name), ())

    def has(self, name: str) -> bool:
        """Whether the attribute is there."""
        return attribute_name(name) in self._by_name

    def first(self, name: str) -> bytes | None:
        """The first value, or None."""
        values = self.values(name)
        return values[0] if values else None

    def text(self, name: str, default: str = "") -> str:
        """The first value as UTF-8 text."""
        value = self.first(name)
        return default if value is None else value.decode("utf-8", "replace")

    def texts(self, name: str) -> tuple[str, ...]:
        """All values as UTF-8 text."""
        return tuple(value.decode("utf-8", "replace") for value in self.values(name))

    def integer(self, name: str, default: int = 0) -> int:
        """The first value as an integer."""
        value = self.first(name)
        return default if value is None else int(value)

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """The first value as an RFC 4517 Boolean."""
        value = self.first(name)
        return default if value is None else value.upper() == b"TRUE"

    def guid(self, name: str) -> UUID | None:
        """The first value as a GUID in AD's little-endian byte order (MS-DTYP 2.3.4)."""
        value = self.first(name)
        return None if value is None else UUID(bytes_le=value)

    def time(self, name: str) -> datetime | None:
        """The first value as an RFC 4517 Generalized Time in UTC."""
        value = self.first(name)
        return None if value is None else parse_generalized_time(value.decode("ascii"))

    def dn_value(self, name: str) -> DN | None:
        """The first value as a DN."""
        value = self.first(name)
        return None if value is None else DN.parse(value.decode())

    def replaced(self, **changes: tuple[bytes, ...] | None) -> Entry:
        """A copy with some attributes replaced; None removes one."""
        return self.with_attributes(changes)

    def with_attributes(self, changes: Mapping[str, tuple[bytes, ...] | None]) -> Entry:
        """A copy with some attributes replaced; None or no values removes one."""
        folded = {attribute_name(name) for name in changes}
        kept = {n: v for n, v in self._attributes.items() if attribute_name(n) not in folded}
        kept.update({n: v for n, v in changes.items() if v})
        return Entry(self.dn, kept)

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Entry)
            and self.dn == other.dn
            and {n: sorted(v) for n, v in self._by_name.items()}
            == {n: sorted(v) for n, v in other._by_name.items()}
        )

    __hash__ = None  # type: ignore[assignment]  # values are mutable sets in spirit; use the DN

    def __repr__(self) -> str:
        return f"Entry({str(self.dn)!r}, {sorted(self._by_name)})"


def generalized_time(at: datetime) -> str:
    """An instant as AD writes it: ``20261123090000.0Z``."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S.0Z")


def parse_generalized_time(text: str) -> datetime:
    """Read an RFC 4517 Generalized Time in UTC, with or without a fraction.

    Raises:
        ValueError: when the text is anything else.
    """
    body = text.removesuffix("Z")
    whole, _, fraction = body.partition(".")
    at = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return at.replace(microsecond=int((fraction or "0").ljust(6, "0")[:6]))
