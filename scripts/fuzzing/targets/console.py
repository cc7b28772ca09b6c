"""What the console and the command line are asked: JSON bodies, forms, commands as typed."""

from __future__ import annotations

import json
from functools import cache

from edgesync.console.calls import request_of
from edgesync.console.forms import pairs_of, parameters_of
from edgesync.errors import EdgeSyncError
from edgesync.operations.commands import parse_command
from edgesync.operations.registry import Operation, find_operation
from scripts.fuzzing.target import Target, promise

_ASKED = ("cert.renew", "sync.run", "connector.set", "mail.send")


@cache
def _operations() -> tuple[Operation, ...]:
    return tuple(find_operation(name) for name in _ASKED)


def run_json(data: bytes) -> None:
    """Ask an operation with a JSON body; its command line asks the same."""
    if not data:
        return
    try:
        body = json.loads(data[1:])
    except (ValueError, RecursionError):
        return
    asked = request_of(_ASKED[data[0] % len(_ASKED)], body)
    promise("\n" not in asked.command_line or "\n" in str(asked.parameters), "a line end of ours")


def run_form(data: bytes) -> None:
    """Ask an operation with a form."""
    if not data:
        return
    operation = _operations()[data[0] % len(_ASKED)]
    operation.bind(parameters_of(operation, pairs_of(data[1:])))


def run_command_line(data: bytes) -> None:
    """Read a command as scenarios and people type it."""
    parse_command(data.decode("utf-8", "replace"))


_BODIES = (
    b'\x00{"parameters": {"server": "EDGE01", "force": true}, "answer": true, "note": "x"}',
    b'\x01{"parameters": {"edge": ["EDGE01"], "full": null}}', b"\x02{}", b'\x03{"parameters": []}',
)  # fmt: skip
_FORMS = (b"\x00shown=1&p.server=EDGE01&p.force=on", b"\x01p.edge=EDGE01%0D%0AEDGE02&p.full=0")
_TYPED = (
    b"cert renew EDGE01 --yes",
    b"sync run --edge EDGE01",
    b"edgesync lab status -o json",
    b"New-ExchangeCertificate -GenerateRequest:$true -DomainName a,b",
    b"mail send --to 'a b@c.test' --count 3",
    b'Get-ExchangeServer -Identity "EDGE01"',
)

JSON = Target(
    "console-json",
    "the JSON body of a call to the control API",
    "",
    run_json,
    (EdgeSyncError,),
    lambda: _BODIES,
    words=(
        b'"parameters":',
        b'"answer":',
        b'"note":',
        b'"server":',
        b"null",
        b"true",
        b"[]",
        b"{}",
    ),
    size_max=512,
    growers={
        "nested arrays": lambda n: b"\0" + b"[" * n,
        "a long number": lambda n: b"\0" + b"1" * n,
    },
)
FORM = Target(
    "console-form",
    "a form of the console",
    "",
    run_form,
    (EdgeSyncError,),
    lambda: _FORMS,
    words=(b"p.server=", b"&", b"%0A", b"shown=1", b"p.edge=", b"p.force=on"),
    size_max=512,
    growers={
        "many fields": lambda n: b"\0" + b"a=b&" * (n // 4),
        "percent": lambda n: b"\0a=" + b"%4" * (n // 2),
    },
)
COMMAND_LINE = Target(
    "command-line",
    "a command or cmdlet as typed",
    "",
    run_command_line,
    (EdgeSyncError,),
    lambda: _TYPED,
    words=(
        b" --",
        b"--yes",
        b" -",
        b"cert renew ",
        b"sync run",
        b"Get-",
        b"$true",
        b"'",
        b'"',
        b"@{",
    ),
    size_max=256,
    growers={
        "quotes": lambda n: b"cert renew " + b"''" * (n // 2),
        "words": lambda n: b"a " * (n // 2),
    },
)

TARGETS = (JSON, FORM, COMMAND_LINE)
