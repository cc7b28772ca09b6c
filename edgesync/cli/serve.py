"""``directory serve``: the stand-alone LDAP server, with the options of ``python -m directory``."""

from __future__ import annotations

import typer

from edgesync.cli.options import Options
from edgesync.errors import ExitCode

_EVERYTHING = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def register(app: typer.Typer, options: Options, ended: list[ExitCode]) -> None:
    """Add ``serve``; its options are parsed by the server itself, so that there is one list."""
    del options

    @app.command("serve", context_settings=_EVERYTHING)
    def serve(context: typer.Context) -> None:
        """Run one stand-alone LDAP server in the foreground (generic, ad or adam)."""
        from directory.__main__ import main

        ended.append(ExitCode(main(context.args)))
