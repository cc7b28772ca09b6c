"""A lab's directories as plain values, without what differs between two equal runs."""

import json
from typing import Any

from directory.model.filter import ANY_ENTRY
from directory.model.messages import Scope, SearchRequest
from edgesync.lab.lab import Lab
from edgesync.port.port import iterate

COUNTERS = {"usnchanged", "usncreated", "replpropertymetadata", "highestcommittedusn"}
"""Move with every write, also with those that change nothing else."""

RANDOM = {"userpassword", "unicodepwd", "pwdlastset"}
"""Hashes with random salt; RSA-OAEP ciphertext is random too and is cut out of the records."""


def state(lab: Lab) -> dict[str, Any]:
    """Every entry of AD and every ADAM."""
    found: dict[str, Any] = {}
    for directory in lab.directories:
        port = directory.port("look")
        for context in port.identity.naming_contexts:
            for entry in iterate(port, SearchRequest(context, Scope.SUBTREE, ANY_ENTRY, ())):
                found[f"{directory.name} {entry.dn}"] = {
                    name: sorted(_shown(name, value) for value in values)
                    for name, values in entry.attributes.items()
                    if name.casefold() not in COUNTERS | RANDOM
                }
    return found


def _shown(name: str, value: bytes) -> str:
    if name.casefold() == "msexchedgesynccredential":
        record = json.loads(value)
        del record["Password"]
        return json.dumps(record)
    if name.casefold() == "msexchedgesynclease":
        return value.decode().partition(";sequence=")[0]
    return value.hex() if not value.isascii() else value.decode()
