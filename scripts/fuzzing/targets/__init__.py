"""The parsers that are fuzzed: names, fastest first, and the module each target is in.

A target's module is imported by name, and alone: what is imported is instrumented, and the fewer
places there are to watch, the more inputs fit into a second.
"""

from __future__ import annotations

from importlib import import_module

from scripts.fuzzing.target import Target

MODULES = {
    "ldap": (
        "ber", "ldap-message", "ldap-stream", "ldap-fast-lane", "ldap-controls",
        "ldap-control-value", "ldap-filter",
    ),
    "text": ("dn", "filter", "ldif", "schema"),
    "files": ("serialized-certificate", "nrbf", "subscription", "iis", "clixml"),
    "labs": ("protocol-log", "lab-description", "scenario"),
    "mail": ("smtp-command", "smtp-reply", "mail-headers", "smtp-content", "lines"),
    "access": ("sdp", "pop", "imap", "sip", "http"),
    "certificates": (
        "certificate", "peer-certificate", "certificate-request", "revocation-list",
        "certificate-bundle",
    ),
    "logon": ("ntlm", "scram", "exchange-auth"),
    "replication": ("sync-config",),
    "records": ("lease", "sync-status", "sync-cursor", "credential"),
    "console": ("console-json", "console-form", "command-line"),
    "session": ("smtp-session",),
    "directory": ("directory",),
}  # fmt: skip
"""Modules of this package with the targets in them."""

NAMES = tuple(name for names in MODULES.values() for name in names)


def find_target(name: str) -> Target:
    """A target by name.

    Raises:
        KeyError: there is none.
    """
    module = next((m for m, names in MODULES.items() if name in names), None)
    if module is None:
        raise KeyError(name)
    loaded = import_module(f"scripts.fuzzing.targets.{module}")
    found: Target = next(target for target in loaded.TARGETS if target.name == name)
    return found
