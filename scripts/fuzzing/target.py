"""What a fuzz target is: a parser, the errors that are its answers, and its hostile inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from directory.errors import DecodeError, InvalidLdif, LdapError, ParseError
from edgesync.errors import EdgeSyncError

Grower = Callable[[int], bytes]
"""A hostile input of about so many bytes: nested, repeated, or claiming more than is there."""


@dataclass(frozen=True)
class Target:
    """A parser under test. ``run`` is called in a process that lives for millions of inputs.

    ``run`` raises one of ``refusals`` where the input is not what the parser reads, returns where
    it is, and raises anything else where a promise is broken: that is a crash.
    """

    name: str
    reads: str
    """Which bytes, in words, for the table of docs/fuzzing.md."""
    promise: str
    """What must hold of every input, beyond ending in a value or a refusal."""
    run: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    seeds: Callable[[], Iterable[bytes]]
    """Well-formed inputs to start from."""
    words: tuple[bytes, ...] = ()
    """Tokens of the language, which mutation puts together."""
    size_max: int = 1024
    """Longest input tried: parsers are fuzzed with short inputs, their bounds with long ones."""
    growers: Mapping[str, Grower] = field(default_factory=dict)
    """Inputs that were made to cost as much as they can, by what they are."""


class PromiseBroken(AssertionError):
    """A target's promise did not hold for an input."""


def promise(holds: bool, what: str) -> None:
    """State what must hold.

    Raises:
        PromiseBroken: when it does not.
    """
    if not holds:
        raise PromiseBroken(what)


def execute(target: Target, data: bytes) -> bool:
    """Give a parser one input: whether it took it. Refusals must say where and why.

    Raises:
        Exception: whatever else the parser raised; the input is a crash.
    """
    try:
        target.run(data)
    except target.refusals as refusal:
        _check_refusal(refusal)
        return False
    return True


def _check_refusal(refusal: Exception) -> None:
    match refusal:
        case InvalidLdif():
            promise(refusal.line >= 1, f"line {refusal.line} of an LDIF error is none")
        case DecodeError():
            promise(refusal.offset >= 0 and bool(refusal.reason), f"no offset: {refusal}")
        case ParseError():
            inside = 0 <= refusal.offset <= len(refusal.text)
            promise(inside and bool(refusal.reason), f"offset {refusal.offset} is outside the text")
        case LdapError():
            promise(refusal.code != 0, "a refusal with the code of success")
        case EdgeSyncError():
            promise(bool(refusal.message and refusal.hint), f"no hint: {refusal}")
