"""Typer commands made from operations: one declaration, no second list of options to keep."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from edgesync.operations.registry import Operation, Parameter, operations_of

Call = Callable[[Operation, Mapping[str, Any]], None]


def noun_app(noun: str, help_: str, call: Call, epilog: str) -> typer.Typer:
    """The Typer application of one noun."""
    app = typer.Typer(
        help=help_, no_args_is_help=True, rich_markup_mode=None, add_completion=False,
        pretty_exceptions_enable=False, epilog=epilog,
    )  # fmt: skip
    for item in operations_of(noun):
        if item.verb:
            app.command(item.verb, help=help_text(item), epilog=epilog)(command(item, call))
    return app


def help_text(operation: Operation) -> str:
    """Summary, details, an example and the Exchange name, for ``--help``."""
    parts = [operation.summary]
    if operation.details:
        parts.append(operation.details)
    parts.append(f"\b\nExample:\n  {operation.example}")
    if operation.cmdlets:
        parts.append("Exchange: " + ", ".join(item.name for item in operation.cmdlets))
    return "\n\n".join(parts)


def command(operation: Operation, call: Call) -> Callable[..., None]:
    """A function with the operation's parameters in its signature, for Typer to read."""

    def run(**given: Any) -> None:
        chosen = {
            name: value
            for name, value in given.items()
            if value is not None and not (isinstance(value, (list, tuple)) and not value)
        }
        call(operation, chosen)

    run.__name__ = operation.name.replace(".", "_")
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what Typer reads
        [_signature_parameter(item) for item in operation.parameters]
    )
    run.__annotations__ = {
        item.name: _signature_parameter(item).annotation for item in operation.parameters
    }
    return run


def _signature_parameter(item: Parameter) -> inspect.Parameter:
    kind: Any = item.kind
    metavar = item.help.metavar or ("|".join(item.choices) if item.choices else None)
    shown: dict[str, Any] = {"help": item.help.text, "metavar": metavar}
    if completes := item.help.completes:
        shown["autocompletion"] = _completer(completes)
    info: Any
    if item.is_argument:
        info = typer.Argument(**shown)
    elif kind is bool:
        info = typer.Option(
            f"{item.flag}/--no-{item.flag[2:]}" if item.default else item.flag, **shown
        )
    else:
        info = typer.Option(item.flag, **shown)
    if item.is_list:
        kind = list[item.kind]  # type: ignore[name-defined]  # built at run time, as Typer reads it
    if item.is_required:
        default: Any = inspect.Parameter.empty
    elif kind is bool:
        default = item.default
    else:
        kind, default = kind | None, None
    return inspect.Parameter(
        item.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info]
    )


def _completer(what: str) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        from edgesync.cli.complete import words_for

        return [word for word in words_for(what) if word.lower().startswith(incomplete.lower())]

    return complete
