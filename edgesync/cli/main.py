"""The ``edgesync`` command: find what is meant, call it, print what it answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from typer.exceptions import TyperException

import edgesync
from edgesync.cli.options import HELP, Options, split
from edgesync.errors import ExitCode
from edgesync.operations.registry import Operation, nouns

PROGRAM = "edgesync"
_COMPLETE = "_EDGESYNC_COMPLETE"

SPECIAL = {
    "demo": "Build a lab, make the classical mistake, explain and mend it",
    "web": "Console and control API of the lab",
}
"""Commands that are no operations: they run the show rather than answer a question."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the process's exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    options = Options(lab=_default_lab())
    try:
        options, rest = split(words)
        return int(_dispatch(rest, options))
    except TyperException as error:
        return _usage(error, options)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except BrokenPipeError:
        # the reader of a pipe left; that is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the outermost shell
        from edgesync.cli.output import write_error

        return int(write_error(error, options))


def entry() -> None:
    """Console-script entry point. Whatever it writes is for who started it, whatever the umask."""
    os.umask(0o077)
    raise SystemExit(main())


def _dispatch(words: list[str], options: Options) -> ExitCode:
    if words[:1] == ["--version"]:
        from directory.build import PLAIN, running_build

        build = running_build()
        directory = "" if build == PLAIN else f" (directory: {build})"
        print(f"{PROGRAM} {edgesync.__version__}{directory}")
        return ExitCode.OK
    first = words[0] if words else ""
    if "-" in first and not first.startswith("-"):
        return _cmdlet(first, words[1:], options)
    ended: list[ExitCode] = []

    def call(operation: Operation, given: Mapping[str, Any]) -> None:
        from edgesync.cli.invoke import invoke

        ended.append(invoke(operation, given, options))

    app = _application(first, call, options, ended)
    code = app(args=words or ["--help"], prog_name=PROGRAM, standalone_mode=False)
    if ended:
        return ended[-1]
    return ExitCode(code) if isinstance(code, int) else ExitCode.OK


def _cmdlet(name: str, words: list[str], options: Options) -> ExitCode:
    from dataclasses import replace

    from edgesync.cli.invoke import invoke
    from edgesync.operations import cmdlets

    operation, cmdlet = cmdlets.find_cmdlet(name)
    given, answer = cmdlets.parse(operation, cmdlet, words)
    if answer is not None:
        options = replace(options, answer=answer)
    return invoke(operation, given, options)


def _application(first: str, call: Any, options: Options, ended: list[ExitCode]) -> typer.Typer:
    """The whole command tree, with only the noun in use imported."""
    from edgesync.cli.build import command, help_text, noun_app

    app = typer.Typer(
        help=edgesync.__doc__, no_args_is_help=True, rich_markup_mode=None,
        pretty_exceptions_enable=False, epilog=f"\b\n{HELP}",
    )  # fmt: skip
    app.callback()(_nothing)
    completing = _COMPLETE in os.environ
    for noun, line in nouns().items():
        if noun == first or completing:
            from edgesync.operations.registry import operations_of

            single = [item for item in operations_of(noun) if not item.verb]
            if single:
                app.command(noun, help=help_text(single[0]))(command(single[0], call))
                continue
            sub = noun_app(noun, line, call, f"\b\n{HELP}")
            _add_special_verbs(sub, noun, options, ended)
        else:
            sub = typer.Typer(help=line, rich_markup_mode=None)
            sub.callback()(_nothing)
        app.add_typer(sub, name=noun, help=line)
    _add_special(app, first, options, ended)
    return app


def _nothing() -> None:
    """A group without work of its own."""


def _add_special_verbs(
    sub: typer.Typer, noun: str, options: Options, ended: list[ExitCode]
) -> None:
    if noun == "lab":
        from edgesync.cli import up

        up.register(sub, options, ended)
    elif noun == "directory":
        from edgesync.cli import serve

        serve.register(sub, options, ended)


def _add_special(app: typer.Typer, first: str, options: Options, ended: list[ExitCode]) -> None:
    if first == "demo":
        from edgesync.cli import demo

        demo.register(app, options, ended)
    else:
        app.command("demo", help=SPECIAL["demo"])(_nothing)
    if first == "web":
        from edgesync.cli import up

        up.register_web(app, options, ended)
    else:
        app.command("web", help=SPECIAL["web"])(_nothing)


def _usage(error: TyperException, options: Options) -> int:
    from edgesync.cli.output import write_error
    from edgesync.errors import UsageError

    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is not None and type(error).__name__ == "NoArgsIsHelpError":
        print(message, file=sys.stderr)
        return int(ExitCode.USAGE)
    where = context.command_path if context is not None else PROGRAM
    return int(write_error(UsageError(message, f"see {where} --help"), options))


def _default_lab() -> Any:
    from pathlib import Path

    return Path(os.environ.get("EDGESYNC_LAB") or ".edgesync")
