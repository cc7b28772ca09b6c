"""LDIF files as octets: encodings, line ends, and where one record ends."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from directory.errors import InvalidLdif

CHUNK_OCTETS = 1024 * 1024
"""Read at a time: large enough that splitting a chunk costs more than asking for it."""

LDIF_RECORD_MAX = 64 * 1024 * 1024
"""Largest record, octets: four of the longest lines; a group of 500,000 members fits."""


def _chunks(source: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    read = getattr(source, "read", None)
    if read is None:
        yield from source
        return
    while chunk := read(CHUNK_OCTETS):
        yield chunk


def _normalized(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """UTF-8 with line feeds only, whatever the byte order mark and line ends were."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= len(codecs.BOM_UTF8):
            break
    decoder: codecs.IncrementalDecoder | None = None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        decoder = codecs.getincrementaldecoder("utf-16")()
    pending = head.removeprefix(codecs.BOM_UTF8)
    held = b""
    while True:
        try:
            text = pending if decoder is None else decoder.decode(pending).encode()
        except UnicodeError as error:
            raise InvalidLdif("", 1, f"not UTF-16: {error}") from error
        text = held + text
        # a carriage return at the end of a chunk waits for its line feed
        held = b"\r" if text.endswith(b"\r") else b""
        yield (text[:-1] if held else text).replace(b"\r\n", b"\n")
        following = next(chunks, None)
        if following is None:
            break
        pending = following
    yield held


def split_records(source: BinaryIO | Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Cut a file at its empty lines: (line a record starts on, its octets in UTF-8).

    Raises:
        InvalidLdif: when it is not the UTF-16 it says it is, or a record is too large.
    """
    line = 1
    rest = b""
    for chunk in _normalized(_chunks(source)):
        rest += chunk
        if len(rest) > LDIF_RECORD_MAX and b"\n\n" not in rest:
            raise InvalidLdif("", line, f"record of more than {LDIF_RECORD_MAX} octets")
        *whole, rest = rest.split(b"\n\n")
        for octets in whole:
            record = octets.lstrip(b"\n")
            yield line + len(octets) - len(record), record
            line += octets.count(b"\n") + 2
    record = rest.lstrip(b"\n")
    yield line + len(rest) - len(record), record
