"""Commands as text, and back: what-if steps, fixes, plans and scenarios are commands people type.

The same words as on the command line, without a shell: ``cert renew EDGE01 --force``, with or
without the leading ``edgesync``, or a cmdlet with its -PascalCase parameters.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any

from edgesync.errors import UsageError
from edgesync.operations import cmdlets
from edgesync.operations.context import Context
from edgesync.operations.registry import (
    Operation,
    Outcome,
    Parameter,
    nouns,
    operations_of,
)

WORDS_MAX = 200
"""Most words of one command: the longest real one has a tenth of that."""

_FORMAT = {"-o", "--output"}
_ANSWERS = {"-y": True, "--yes": True, "--no": False}


@dataclass(frozen=True, slots=True)
class Command:
    """An operation with its parameters, ready to be run."""

    operation: Operation
    parameters: dict[str, Any] = field(default_factory=dict)
    answer: bool | None = None

    @property
    def text(self) -> str:
        """The command as it can be typed."""
        line = self.operation.command_line(self.parameters)
        return line if self.answer is None else line + (" --yes" if self.answer else " --no")

    def run(self, context: Context) -> Outcome:
        """Run it in a context; a question takes Exchange's default when it has no answer."""
        from edgesync.operations.context import ConfirmationNeeded

        context.answer = self.answer
        if self.operation.changes(self.parameters) and context.current is not None:
            context.current.begin_command(self.text)
        try:
            return self.operation.run(context, **self.parameters)
        except ConfirmationNeeded as needed:
            context.answer = needed.default
            return self.operation.run(context, **self.parameters)


def parse_command(text: str) -> Command:
    """Read one command.

    Raises:
        UsageError: names the word that does not fit.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!r}: {error}", "close the quotation") from error
    if len(words) > WORDS_MAX:
        raise UsageError(f"a command of more than {WORDS_MAX} words", "split it")
    if words[:1] == ["edgesync"]:
        words = words[1:]
    if not words:
        raise UsageError("an empty command", "for example: cert renew EDGE01")
    if cmdlets.looks_like_cmdlet(words[0]):
        operation, cmdlet = cmdlets.find_cmdlet(words[0])
        given, answer = cmdlets.parse(operation, cmdlet, words[1:])
        return Command(operation, operation.bind(given), answer)
    operation, rest = _operation(words)
    given, answer = _read(operation, rest)
    return Command(operation, operation.bind(given), answer)


def _operation(words: list[str]) -> tuple[Operation, list[str]]:
    noun = words[0]
    known = operations_of(noun)
    if not known:
        raise UsageError(f"there is no command {noun!r}", f"commands are {', '.join(nouns())}")
    for item in known:
        if not item.verb:
            return item, words[1:]
        if words[1:2] == [item.verb]:
            return item, words[2:]
    verbs = ", ".join(item.verb for item in known)
    raise UsageError(f"{noun} has no verb {' '.join(words[1:2])!r}", f"verbs are {verbs}")


def _read(operation: Operation, words: list[str]) -> tuple[dict[str, Any], bool | None]:
    options = {p.flag: p for p in operation.parameters if not p.is_argument}
    arguments = [p for p in operation.parameters if p.is_argument]
    given: dict[str, Any] = {}
    answer: bool | None = None
    queue = list(words)
    while queue:
        word = queue.pop(0)
        name, equals, value = word.partition("=")
        if word in _ANSWERS:
            answer = _ANSWERS[word]
        elif name in _FORMAT:  # how an answer is shown is no part of what is done
            if not equals and queue:
                queue.pop(0)
        elif name in options:
            parameter = options[name]
            if parameter.kind is bool:
                given[parameter.name] = True
                continue
            if not equals:
                if not queue:
                    raise UsageError(f"{name} needs a value", f"for example: {operation.example}")
                value = queue.pop(0)
            _put(operation, given, parameter, value)
        elif word.startswith("--no-") and (p := options.get("--" + word[5:])) and p.kind is bool:
            given[p.name] = False
        elif word.startswith("-") and word != "-":
            raise UsageError(
                f"{operation.command} has no option {word}", f"for example: {operation.example}"
            )
        else:
            if not arguments:
                raise UsageError(
                    f"{operation.command}: {word!r} is one word too many",
                    f"for example: {operation.example}",
                )
            parameter = arguments[0]
            if not parameter.is_list:
                arguments.pop(0)
            _put(operation, given, parameter, word)
    return given, answer


def _put(operation: Operation, given: dict[str, Any], parameter: Parameter, word: str) -> None:
    try:
        value = parameter.kind(word)
    except ValueError:
        raise UsageError(
            f"{operation.command}: {parameter.name} must be {parameter.kind.__name__}, "
            f"not {word!r}",
            f"for example: {operation.example}",
        ) from None
    if parameter.is_list:
        given[parameter.name] = [*given.get(parameter.name, []), value]
    else:
        given[parameter.name] = value
