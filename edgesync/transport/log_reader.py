"""Reads protocol logs, ours and real ones (certificate-facts 5.4)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from edgesync.errors import InputInvalid
from edgesync.transport.protocol_log import FIELDS, LogRow

FILE_SIZE_MAX = 256 * 1024 * 1024
"""Largest log read: real ones roll over at 10 MB, administrators raise it tenfold."""

ROW_LENGTH_MAX = 64 * 1024
"""Longest row taken."""

_MARKS = frozenset("+-><*")


def read_log(path: Path) -> Iterator[LogRow]:
    """The rows of one file, in order. A last row that was cut short is left out.

    Raises:
        InputInvalid: no protocol log, or a broken row; names file and line.
    """
    try:
        size = path.stat().st_size
        if size > FILE_SIZE_MAX:
            raise InputInvalid(
                f"{path} has {size} bytes, more than {FILE_SIZE_MAX}", "split the file"
            )
        text = path.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise InputInvalid(
            f"{path} cannot be read: {error.strerror}", "give the path of a protocol log"
        ) from error
    yield from parse_log(text, str(path))


def parse_log(text: str, name: str = "the log") -> Iterator[LogRow]:
    """The rows of a log's text."""
    fields: list[str] | None = None
    lines = text.removeprefix("\ufeff").split("\n")
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r")
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            if key.strip().lower() == "fields":
                fields = [f.strip().lower() for f in value.split(",")]
                _require(fields, name, number)
            continue
        if not line:
            continue
        if fields is None:
            raise InputInvalid(
                f"{name}, line {number}: no #Fields line before the first row",
                "give a file SENDyyyymmdd-n.LOG or RECVyyyymmdd-n.LOG",
            )
        try:
            yield _row(line, fields)
        except ValueError as error:
            if number == len(lines):
                return  # still being written
            raise InputInvalid(
                f"{name}, line {number}: {error}", "the file was changed or is damaged"
            ) from error
    if fields is None:
        raise InputInvalid(
            f"{name} is no protocol log: it has no #Fields line",
            "give a file SENDyyyymmdd-n.LOG or RECVyyyymmdd-n.LOG",
        )


def _require(fields: list[str], name: str, number: int) -> None:
    missing = [f for f in FIELDS if f not in fields]
    if missing:
        raise InputInvalid(
            f"{name}, line {number}: no field {', '.join(missing)}",
            "this is another of Exchange's logs; protocol logs are in SmtpSend and SmtpReceive",
        )


def _row(line: str, fields: list[str]) -> LogRow:
    if len(line) > ROW_LENGTH_MAX:
        raise ValueError(f"a row of {len(line)} characters")
    try:
        values = next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise ValueError(f"quoting: {error}") from error
    if len(values) != len(fields):
        raise ValueError(f"{len(values)} fields instead of {len(fields)}")
    by_name = dict(zip(fields, values, strict=True))
    if by_name["event"] not in _MARKS:
        raise ValueError(f"event {by_name['event']!r} is none of + - > < *")
    return LogRow(
        _instant(by_name["date-time"]), by_name["connector-id"], by_name["session-id"],
        int(by_name["sequence-number"]), by_name["local-endpoint"], by_name["remote-endpoint"],
        by_name["event"], by_name["data"], by_name["context"],
    )  # fmt: skip


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def sessions(rows: Iterable[LogRow]) -> dict[str, list[LogRow]]:
    """Rows by session, in the order in which sessions begin."""
    found: dict[str, list[LogRow]] = {}
    for row in rows:
        found.setdefault(row.session, []).append(row)
    return found
