"""What a lab is made of and writes: scenarios, descriptions, protocol logs."""

from __future__ import annotations

import json

from edgesync.errors import ConfigurationError, InputInvalid
from edgesync.lab.description import LabDescription, contoso
from edgesync.simulation.scenario import read_scenario
from edgesync.transport.log_reader import parse_log
from edgesync.transport.protocol_log import FIELDS
from scripts.fuzzing.target import Target, promise


def run_scenario(data: bytes) -> None:
    """Read a scenario; its own document gives it again, unless it has words TOML must quote."""
    found = read_scenario(data.decode("utf-8", "replace"), "x")
    promise(all(step.strip() == step != "" for step in found.steps), "a step that is none")


def run_lab_description(data: bytes) -> None:
    """Read a lab's description; its own document gives it again."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(given, dict):
        found = LabDescription.from_document(given)
        promise(LabDescription.from_document(found.document()) == found, "another lab")


def run_protocol_log(data: bytes) -> None:
    """Read a log; a row written and read again is the same."""
    for row in parse_log(data.decode("utf-8-sig", "replace")):
        again = f"#Fields: {','.join(FIELDS)}\r\n{row.render()}\r\n"
        promise([r.data for r in parse_log(again)] == [row.data], "another row")


_SCENARIO = (
    (b'title = "T"\nkind = "certificates"\nseed = 3\nstory = "x"\n[lab]\nsites = 1\nhubs = 2\n'
    b'edges = 1\nrecipients = 5\nversion = "exchange-2010"\ndurable = true\n'
    b'policy = {trust = "strict"}\n[play]\nsteps = \'\'\'\n# note\nsubscribe EDGE01 # x\n'
    b"advance 5m\nexpect trusted\n'''\n"),
    b'title = 1\nkind = 2\nplay.steps = "a"\n',
)  # fmt: skip
_LOG = (
    b"#Software: Microsoft Exchange Server\r\n#Version: 8.0.0.0\r\n#Log-type: SMTP Receive\r\n"
    b"#Fields: " + ",".join(FIELDS).encode() + b"\r\n"
    b'2026-11-02T08:00:00.000Z,c,08CD,0,1.1.1.1:25,2.2.2.2:9,+,,"a ""b"", c"\r\n'
    b"2026-11-02T08:00:00.000Z,c,08CD,1,1.1.1.1:25,2.2.2.2:9,>,220 x,\r\n",
)  # fmt: skip
_LABS = tuple(
    json.dumps(contoso(sites=1, hubs=hubs, edges=1).document()).encode() for hubs in (1, 2)
)

SCENARIO = Target(
    "scenario",
    "a scenario (TOML)",
    "every step has words",
    run_scenario,
    (InputInvalid, ConfigurationError),
    lambda: _SCENARIO,
    words=(
        b"[lab]\n",
        b"hubs = ",
        b"sites = ",
        b"seed = ",
        b"inf",
        b"policy = {",
        b"[play]\n",
        b"steps = '''\n",
        b"= 1979-05-27\n",
        b'"""',
        b"[[",
        b"1e9",
    ),
    growers={
        "nested arrays": lambda n: b"a = " + b"[" * n,
        "nested tables": lambda n: b"a = " + b"{b=" * (n // 3),
        "a dotted key": lambda n: b"a" + b".a" * (n // 2) + b" = 1\n",
        "dotted headers": lambda n: b"[a" + b".a" * (n // 2) + b"]\n",
        "many keys": lambda n: b"".join(b"a%d = 1\n" % i for i in range(n // 10)),
        "many steps": lambda n: (
            b"title='a'\nkind='b'\n[play]\nsteps='''\n" + b"a\n" * (n // 2) + b"'''"
        ),
        "a large lab": lambda n: (
            b"title='a'\nkind='b'\nplay.steps=''\n[lab]\nhubs=%d\n" % 10 ** min(n, 9)
        ),
        "a wide lab": lambda n: (
            b"title='a'\nkind='b'\nplay.steps=''\n[lab]\nsites=%d\n" % 10 ** min(n, 9)
        ),
    },
)
LAB_DESCRIPTION = Target(
    "lab-description",
    "a lab's lab.json",
    "its own document gives it again",
    run_lab_description,
    (InputInvalid, ConfigurationError),
    lambda: _LABS,
    words=(
        b'"name":',
        b'"version":',
        b'"exchange-2010"',
        b"null",
        b"[]",
        b"{}",
        b"1e400",
        b'"role":',
    ),
    size_max=4096,
)
PROTOCOL_LOG = Target(
    "protocol-log",
    "a protocol log (SmtpSend, SmtpReceive)",
    "a row's data written read the same",
    run_protocol_log,
    (InputInvalid,),
    lambda: _LOG,
    words=(b"#Fields: ", *(name.encode() + b"," for name in FIELDS), b'"', b"\r\n"),
    growers={
        "many rows": lambda n: _LOG[0] + _LOG[0].split(b"\r\n")[5] * 0 + b"#x\r\n" * (n // 4),
        "quotes": lambda n: _LOG[0] + b'"' * n,
        "commas": lambda n: _LOG[0] + b"," * n,
        "fields": lambda n: b"#Fields: " + b"a," * (n // 2),
    },
)

TARGETS = (PROTOCOL_LOG, LAB_DESCRIPTION, SCENARIO)
