"""One declaration per thing a person can ask for; every face of the program reads it from here.

An operation is a function with a ``Context`` first. Its positional parameters become arguments of
the command, its keyword-only ones become options; ``Annotated[..., Help("...")]`` says what they
mean. The same declaration gives the command line, the control API with its schema, the console's
forms and the Exchange cmdlet of the same effect.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from edgesync.errors import ExitCode, UsageError

if TYPE_CHECKING:
    pass

NUMBER_MAX = 2**63 - 1
"""Largest whole number of a parameter, none of which counts below zero: what SQLite keeps."""

Document = dict[str, Any]
"""What an operation answers: JSON, with its ``schema`` word."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer and how the command ends. Notes go to stderr; they are not data."""

    document: Document
    exit_code: ExitCode = ExitCode.OK
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Help:
    """What a parameter means; ``completes`` names what a shell may offer for it."""

    text: str
    metavar: str = ""
    completes: Literal["", "server", "edge", "hub", "thumbprint", "site", "scenario"] = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument or option, taken from the function's signature."""

    name: str
    kind: type
    """``str``, ``int``, ``float`` or ``bool``."""
    help: Help
    is_argument: bool
    is_list: bool = False
    is_required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The option as typed: ``--delete-threshold``."""
        return "--" + self.name.rstrip("_").replace("_", "-")

    def schema(self) -> Document:
        """The parameter as JSON Schema."""
        word = {str: "string", int: "integer", float: "number", bool: "boolean"}[self.kind]
        one: Document = {"type": word}
        if self.kind is int:
            one |= {"minimum": 0, "maximum": NUMBER_MAX}
        if self.choices:
            one["enum"] = list(self.choices)
        whole: Document = {"type": "array", "items": one} if self.is_list else one
        return {**whole, "description": self.help.text}


@dataclass(frozen=True, slots=True)
class Cmdlet:
    """Exchange's name for an operation and for its parameters (PascalCase → ours).

    ``fixed`` parameters are always given; names that Exchange has and a lab does not need
    (DomainController, Confirm) are listed in ``ignored`` so that scripts go on working.
    """

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    positional: tuple[str, ...] = ("Identity",)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ("DomainController",)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a person can ask for."""

    noun: str
    verb: str
    run: Callable[..., Outcome]
    parameters: tuple[Parameter, ...]
    render: Callable[[Document], Iterable[str]]
    summary: str
    details: str
    example: str
    writes: bool
    needs_lab: bool
    rows: str
    """Key of the document that holds its rows, for jsonl and csv; empty when it has none."""
    cmdlets: tuple[Cmdlet, ...]
    remote: bool
    """Whether a running lab's API offers it."""
    lab_unless: tuple[str, ...] = ()
    """Parameters that make the lab unnecessary: a file or an address to look at instead."""
    writes_with: tuple[str, ...] = ()
    """Parameters without which an operation that ``writes`` only looks; none: it always writes."""
    on_copy: bool = False
    """Whether it answers from a copy of the lab, so that nobody has to wait for it."""

    def changes(self, given: Mapping[str, Any]) -> bool:
        """Whether a call with these parameters may change the lab."""
        asked = not self.writes_with or any(given.get(name) for name in self.writes_with)
        return self.writes and asked

    def uses_lab(self, given: Mapping[str, Any]) -> bool:
        """Whether a call with these parameters needs the lab open."""
        return self.needs_lab and not any(given.get(name) for name in self.lab_unless)

    @property
    def name(self) -> str:
        """``sync.run``."""
        return f"{self.noun}.{self.verb}" if self.verb else self.noun

    @property
    def command(self) -> str:
        """``sync run``."""
        return f"{self.noun} {self.verb}".strip()

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters from JSON or the command line, checked and completed with defaults.

        Raises:
            UsageError: for an unknown, missing or wrongly typed parameter; names it.
        """
        known = {p.name: p for p in self.parameters}
        for name in given:
            if name not in known:
                raise UsageError(
                    f"{self.command} has no parameter {name!r}",
                    f"see edgesync {self.command} --help",
                )
        bound: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name in given:
                bound[parameter.name] = _checked(self, parameter, given[parameter.name])
            elif parameter.is_required:
                raise UsageError(
                    f"{self.command} needs {parameter.name}", f"for example: {self.example}"
                )
        return bound

    def command_line(self, given: Mapping[str, Any]) -> str:
        """The command that does this: ``edgesync cert renew EDGE01 --force``."""
        words = ["edgesync", *self.command.split()]
        for parameter in self.parameters:
            value = given.get(parameter.name, parameter.default)
            if value == parameter.default and not (parameter.is_argument and value):
                continue
            values = list(value) if parameter.is_list else [value]
            for one in values:
                if parameter.is_argument:
                    words.append(quote(str(one)))
                elif parameter.kind is bool:
                    flag = parameter.flag if one else "--no-" + parameter.flag[2:]
                    words.append(flag)
                else:
                    words += [parameter.flag, quote(str(one))]
        return " ".join(words)


def quote(word: str) -> str:
    """A word as a shell reads it back."""
    import shlex

    return shlex.quote(word)


NOUNS: dict[str, str] = {
    "lab": "Build, start, stop, snapshot and fork a whole organisation",
    "cert": "Certificates of servers: list, renew, enable, select, expiry",
    "subscription": "Edge Subscriptions: export on the Edge, import in the organisation",
    "sync": "EdgeSync: run, plan, verify, status, history, lease",
    "directory": "Look into AD, an Edge's ADAM, or any LDAP server",
    "recipient": "Find the hashed recipient behind an address",
    "trust": "Direct trust: check, explain, matrix, what-if, safe plans",
    "mail": "Send a message, look at queues and protocol logs",
    "event": "What the servers would have written to the event log",
    "connector": "Send and Receive connectors",
    "transport": "Transport settings of the organisation and of servers",
    "server": "The organisation's servers",
    "simulate": "Scenarios and campaigns in virtual time",
    "report": "Health and rehearsal reports",
    "fault": "Inject and clear faults",
    "client": "What clients of a Client Access server would see",
    "um": "Unified Messaging: dial plans and gateways",
    "config": "Settings of the lab and where they come from",
    "env": "Print variables for ldapsearch, openssl and swaks",
    "doctor": "Check this machine and the lab",
}
"""Every noun with its line of help; ``edgesync.operations.<noun>`` is imported only when used."""

_REGISTRY: dict[str, Operation] = {}


def nouns() -> dict[str, str]:
    """The nouns whose operations are there, without importing any."""
    return {
        noun: line
        for noun, line in NOUNS.items()
        if importlib.util.find_spec(f"edgesync.operations.{noun}")
    }


def operation(
    noun: str,
    verb: str = "",
    *,
    render: Callable[[Document], Iterable[str]],
    example: str,
    writes: bool = False,
    needs_lab: bool = True,
    remote: bool = True,
    rows: str = "",
    cmdlets: tuple[Cmdlet, ...] = (),
    lab_unless: tuple[str, ...] = (),
    writes_with: tuple[str, ...] = (),
    on_copy: bool = False,
) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Declare an operation; the function's docstring is its help."""

    def declare(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        summary, _, details = (inspect.getdoc(function) or "").partition("\n")
        declared = Operation(
            noun, verb, function, _parameters(function), render, summary, details.strip(), example,
            writes, needs_lab, rows, cmdlets, remote,
            lab_unless, writes_with, on_copy,
        )  # fmt: skip
        _REGISTRY[declared.name] = declared
        return function

    return declare


def operations_of(noun: str) -> tuple[Operation, ...]:
    """The operations of one noun, in the order declared."""
    if noun not in nouns():
        return ()
    importlib.import_module(f"edgesync.operations.{noun}")
    return tuple(item for item in _REGISTRY.values() if item.noun == noun)


def all_operations() -> tuple[Operation, ...]:
    """Every operation of every noun."""
    return tuple(item for noun in nouns() for item in operations_of(noun))


def find_operation(name: str) -> Operation:
    """One operation by name: ``sync.run``.

    Raises:
        UsageError: when there is none.
    """
    noun = name.partition(".")[0]
    for item in operations_of(noun):
        if item.name == name:
            return item
    raise UsageError(f"there is no operation {name!r}", "see edgesync --help")


def _parameters(function: Callable[..., Outcome]) -> tuple[Parameter, ...]:
    hints = get_type_hints(function, include_extras=True, localns=_LateNames())
    found = []
    for name, item in list(inspect.signature(function).parameters.items())[1:]:
        found.append(_parameter(name, item, hints[name]))
    return tuple(found)


class _LateNames(dict[str, Any]):
    """Lets a declaration name ``Context`` without importing the lab at start-up."""

    def __missing__(self, key: str) -> Any:
        if key == "Context":
            return Any
        raise KeyError(key)


def _parameter(name: str, item: inspect.Parameter, hint: Any) -> Parameter:
    text = Help("")
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        text = next((e for e in extras if isinstance(e, Help)), text)
    choices: tuple[str, ...] = ()
    is_list = False
    if get_origin(hint) in {Union, types.UnionType}:
        hint = next(a for a in get_args(hint) if a is not type(None))
    if get_origin(hint) is tuple:
        is_list, hint = True, get_args(hint)[0]
    if get_origin(hint) is Literal:
        choices, hint = tuple(get_args(hint)), str
    if hint not in {str, int, float, bool}:
        raise TypeError(f"parameter {name}: {hint!r} has no form on a command line")
    required = item.default is inspect.Parameter.empty
    default = None if required else item.default
    return Parameter(
        name, hint, text, item.kind is not inspect.Parameter.KEYWORD_ONLY, is_list,
        required, () if required and is_list else default, choices,
    )  # fmt: skip


def _checked(operation_: Operation, parameter: Parameter, value: Any) -> Any:
    if parameter.is_list:
        values = value if isinstance(value, (list, tuple)) else [value]
        return tuple(_checked_one(operation_, parameter, one) for one in values)
    return None if value is None else _checked_one(operation_, parameter, value)


def _checked_one(operation_: Operation, parameter: Parameter, value: Any) -> Any:
    kind = parameter.kind
    fits = isinstance(value, kind) and not (kind is not bool and isinstance(value, bool))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        fits = True
    if not fits:
        raise UsageError(
            f"{operation_.command}: {parameter.name} must be {kind.__name__}, not {value!r}",
            f"for example: {operation_.example}",
        )
    if kind is int and not 0 <= value <= NUMBER_MAX:
        raise UsageError(
            f"{operation_.command}: {parameter.name} must be from 0 to {NUMBER_MAX}, not {value}",
            f"for example: {operation_.example}",
        )
    if parameter.choices and value not in parameter.choices:
        raise UsageError(
            f"{operation_.command}: {parameter.name} cannot be {value!r}",
            f"use one of {', '.join(parameter.choices)}",
        )
    return value
