"""The files of one size: the recipients as LDIF, and requests that are sent as they stand.

A request file is what ldap-load reads, and our own client: records of a length (four octets,
little endian) and a protocolOp, the envelope being the client's.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from directory.model import messages
from directory.model.dn import DN
from directory.model.filter import parse_filter
from directory.model.ldif_writer import format_entry
from directory.model.messages import Request, Scope, SearchRequest
from directory.model.modification import Modification, ModifyOperation
from directory.wire.encode import encode_operation
from scripts.benchmark import recipients

REQUESTS = 20_000
"""Distinct requests of a file: more than any cache of whole answers would hold usefully."""

INFIXES = 2_000
TAIL = 20
SOME = ("mail", "displayName", "proxyAddresses")
"""The attributes a mail server asks for."""

SUFFIX = DN.parse(recipients.SUFFIX)
RECIPIENTS = DN.parse(recipients.RECIPIENTS)


class Data:
    """Files below one folder, each written when first asked for, by whoever is first.

    Processes that share a folder begin when what they read is written.
    """

    def __init__(self, folder: Path, entries: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.entries = entries
        chance = random.Random(7)  # the same requests in every run
        self._numbers = [chance.randrange(entries) for _ in range(REQUESTS)]

    @cached_property
    def schema(self) -> Path:
        """Definitions both servers read."""
        path = self.folder / "recipients.schema"
        if not path.exists():
            path.write_text(recipients.SCHEMA + "\n")
        return path

    @cached_property
    def ldif(self) -> Path:
        """Base and recipients."""
        return self._ldif("all.ldif", self.entries)

    @cached_property
    def base_ldif(self) -> Path:
        """The base alone."""
        return self._ldif("base.ldif", 0)

    def _ldif(self, name: str, count: int) -> Path:
        path = self.folder / name
        if not path.exists():
            with path.open("w", encoding="utf-8") as file:
                for entry in recipients.entries(count):
                    # without a version, which slapadd refuses
                    file.write(format_entry(entry) + "\n")
        return path

    def requests(self, name: str) -> Path:
        """A request file by its name: a method of this class without its underscore.

        Raises:
            AttributeError: when there is none of this name.
        """
        path = self.folder / f"{name}.req"
        if not path.exists():
            made: Iterable[Request] = getattr(self, f"_{name}")()
            write_requests(path, made)
        return path

    def adds(self, first: int, count: int) -> Path:
        """Adds of the recipients from ``first`` on."""
        path = self.folder / f"add-{first}-{count}.req"
        if not path.exists():
            numbers = range(first, first + count)
            write_requests(path, (messages.AddRequest(recipients.recipient(i)) for i in numbers))
        return path

    # what is in them -------------------------------------------------------------------------

    def _search(self, text: str, *attributes: str) -> SearchRequest:
        return SearchRequest(SUFFIX, Scope.SUBTREE, parse_filter(text), attributes)

    def _equal(self, attributes: tuple[str, ...], form: str = "(mail={})") -> Iterator[Request]:
        for number in self._numbers:
            yield self._search(form.format(recipients.mail(number).decode()), *attributes)

    def _eq_sel(self) -> Iterator[Request]:
        return self._equal(SOME)

    def _eq_miss(self) -> Iterator[Request]:
        return self._equal(SOME, "(mail=x{})")

    def _and_sel(self) -> Iterator[Request]:
        return self._equal(SOME, "(&(objectClass=exchRecipient)(mail={}))")

    def _base_all(self) -> Iterator[Request]:
        for number in self._numbers:
            yield SearchRequest(recipients.name(number), Scope.BASE)

    def _prefix(self) -> Iterator[Request]:
        for number in self._numbers:  # as many digits as leave a handful of matches
            digits = f"{number:07d}"[: 7 - len(str(self.entries // 2000))]
            nick = recipients.alias(number)[:-7] + digits
            yield self._search(f"(mail={nick}*)", *SOME)

    def _infix(self) -> Iterator[Request]:
        for number in self._numbers[:INFIXES]:
            yield self._search(f"(mail=*.{number:07d}@*)", *SOME)

    def _usn_tail(self) -> Iterator[Request]:
        first = recipients.USN_BASE + self.entries - TAIL
        yield self._search(f"(uSNChanged>={first})", *SOME)

    def _dump_all(self) -> Iterator[Request]:
        yield SearchRequest(RECIPIENTS)

    def _dump_some(self) -> Iterator[Request]:
        yield SearchRequest(RECIPIENTS, attributes=SOME)

    def _compare(self) -> Iterator[Request]:
        for number in self._numbers:
            yield messages.CompareRequest(recipients.name(number), "mail", recipients.mail(number))

    def _modify(self) -> Iterator[Request]:
        for count, number in enumerate(self._numbers):
            change = Modification(ModifyOperation.REPLACE, "displayName", (b"New %d" % count,))
            yield messages.ModifyRequest(recipients.name(number), (change,))

    def _mixed(self) -> Iterator[Request]:
        """Nine searches and a change, again and again."""
        searches, changes = self._eq_sel(), self._modify()
        for _ in range(REQUESTS // 10):
            yield from (next(searches) for _ in range(9))
            yield next(changes)

    def _bind(self) -> Iterator[Request]:
        credentials = messages.SimpleCredentials(recipients.READER_PASSWORD.encode())
        yield messages.BindRequest(3, recipients.READER, credentials)


def write_requests(path: Path, requests: Iterable[Request]) -> None:
    """Write a request file."""
    with path.open("wb") as file:
        for operation in map(encode_operation, requests):
            file.write(len(operation).to_bytes(4, "little") + operation)


def read_requests(path: Path) -> list[bytes]:
    """The protocolOps of a request file."""
    raw, at, found = path.read_bytes(), 0, list[bytes]()
    while at < len(raw):
        start = at + 4
        at = start + int.from_bytes(raw[at:start], "little")
        found.append(raw[start:at])
    return found
