"""``python -m directory``: one stand-alone LDAP server in the foreground."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from directory.errors import DirectoryError, InvalidDN, ParseError
from directory.model.dn import DN
from directory.net.limits import BUSY_POLL_S
from directory.net.serve import Serving, serve
from directory.net.server import Address

BUSY_POLL_MAX_US = 10_000
"""Whoever has more to wait for is not asking one question after the other."""


def _dn(text: str) -> DN:
    try:
        return DN.parse(text)
    except InvalidDN as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return Address(host.strip("[]") or "127.0.0.1", int(port))


def _microseconds(text: str) -> float:
    """Seconds of an option in microseconds."""
    if not text.isdecimal() or int(text) > BUSY_POLL_MAX_US:
        raise argparse.ArgumentTypeError(f"{text!r} is not 0 to {BUSY_POLL_MAX_US}")
    return int(text) / 1e6


def _tls_address(text: str) -> Address:
    plain = _address(text)
    return Address(plain.host, plain.port, is_tls=True)


def parser() -> argparse.ArgumentParser:
    """The options, as the contract lists them (section 3.2)."""
    options = argparse.ArgumentParser(
        prog="python -m directory",
        description="One stand-alone LDAP server in the foreground; SIGTERM or SIGINT stops it.",
    )
    add = options.add_argument
    add("command", nargs="?", choices=["serve"], default="serve", help=argparse.SUPPRESS)
    add(
        "--profile",
        choices=["ad", "adam", "generic"],
        default="generic",
        help="behave as Active Directory, AD LDS, or an RFC 4511 server (default)",
    )
    add("--suffix", type=_dn, metavar="DN", help="the naming context")
    add(
        "--schema",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="RFC 4512 definitions: .schema, cn=config LDIF or bare text",
    )
    add(
        "--ldif",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="load before serving; a file is loaded as a whole or not at all",
    )
    add("--listen", type=_address, metavar="HOST:PORT", help="port 0: any free one (default)")
    add("--listen-tls", type=_tls_address, metavar="HOST:PORT", help="LDAPS")
    add(
        "--certificate",
        type=Path,
        metavar="PEM",
        help="for LDAPS and StartTLS; LDAPS without one makes its own",
    )
    add("--key", type=Path, metavar="PEM", help="the certificate's key")
    add("--admin-dn", type=_dn, metavar="DN", help="the administrator")
    add("--admin-password-file", type=Path, metavar="FILE", help="its password, first line")
    add("--database", type=Path, metavar="FILE", help="keep everything here (SQLite)")
    add(
        "--durability",
        choices=["full", "normal", "off"],
        default="full",
        help="what an answered change survives: power loss, a crash, nothing",
    )
    add("--allow-anonymous-read", action="store_true", help="let nobody read everything")
    add("--ready-file", type=Path, metavar="FILE", help="written when serving: addresses, pid")
    add(
        "--busy-poll",
        type=_microseconds,
        default=BUSY_POLL_S,
        metavar="MICROSECONDS",
        help="keep looking for so long when clients ask one question after the other"
        " (default 200; 0: go to sleep, which is slower and leaves the core to others)",
    )
    return options  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; the exit codes are the contract's (section 2)."""
    options = parser().parse_args(arguments)
    try:
        password = b""
        if options.admin_password_file is not None:
            first, *_ = options.admin_password_file.read_bytes().splitlines() or [b""]
            password = first
        serve(
            Serving(
                profile=options.profile,
                suffix=options.suffix,
                schema=tuple(options.schema),
                ldif=tuple(options.ldif),
                listen=options.listen,
                listen_tls=options.listen_tls,
                certificate=options.certificate,
                key=options.key,
                admin_dn=options.admin_dn,
                admin_password=password,
                database=options.database,
                durability=options.durability,
                allow_anonymous_read=options.allow_anonymous_read,
                ready_file=options.ready_file,
                busy_poll_s=options.busy_poll,
            )
        )
    except (DirectoryError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        print(f"hint: {_hint(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _hint(error: Exception) -> str:
    if isinstance(error, ParseError):
        return "correct the file at the place named, or leave it out"
    if isinstance(error, OSError):
        return "check that the file can be read and the address is free on this machine"
    return str(getattr(error, "hint", "correct what the message names and start again"))


if __name__ == "__main__":
    sys.exit(main())
