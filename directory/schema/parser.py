"""Read schema text: RFC 4512 descriptions bare, in OpenLDAP's ``.schema`` form, or as LDIF.

The three forms differ only in what stands before the parenthesis: nothing, ``attributetype``,
``attributeTypes:`` or ``olcAttributeTypes: {3}``; so one scanner reads all of them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import NoReturn

from directory.errors import InvalidSchema
from directory.schema.definitions import (
    AttributeType,
    ContentRule,
    Definition,
    ObjectClass,
    ObjectClassKind,
    Usage,
)

DEFINITIONS_MAX = 20_000
"""Most definitions in one text; the whole of AD with Exchange has about 5,000."""

_TOKEN = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|([()$])|([^\s()$']+))")
_ESCAPE = re.compile(r"\\(27|5[cC])")
_OID = re.compile(r"\d+(?:\.\d+)+(?:\{\d+\})?\Z")
_START = re.compile(
    r"^(?:olc)?(attributetypes?|objectclass(?:es)?|ditcontentrules?|objectidentifier"
    r"|ldapsyntaxes|ldapsyntax|matchingrules?|matchingruleuse)\b(::?)?\s*(?:\{\d+\}\s*)?",
    re.IGNORECASE,
)
_KINDS = {
    "attributetype": AttributeType, "attributetypes": AttributeType,
    "objectclass": ObjectClass, "objectclasses": ObjectClass,
    "ditcontentrule": ContentRule, "ditcontentrules": ContentRule,
}  # fmt: skip
_FLAGS = {
    "OBSOLETE": "obsolete", "SINGLE-VALUE": "single_value", "COLLECTIVE": "collective",
    "NO-USER-MODIFICATION": "no_user_modification",
}  # fmt: skip
_WORDS = {
    "DESC": "description", "EQUALITY": "equality", "ORDERING": "ordering", "SUBSTR": "substring",
    "SYNTAX": "syntax",
}  # fmt: skip
_LISTS = {"MUST": "must", "MAY": "may", "AUX": "auxiliaries", "NOT": "never"}


def parse_schema(text: str) -> list[Definition]:
    """Read every attribute type, object class and content rule of a text, in its order.

    Raises:
        InvalidSchema: with the offset of the definition's part that does not fit.
    """
    macros: dict[str, str] = {}
    result: list[Definition] = []
    for offset, keyword, body in _statements(text):
        if keyword == "objectidentifier":
            name, _, oid = body.strip().partition(" ")
            macros[name] = _expand(oid.strip().strip("'\""), macros)
            continue
        kind = _KINDS.get(keyword) if keyword else _guess(body)
        if kind is None:
            continue  # syntaxes and matching rules are code here; their descriptions are ours
        if len(result) >= DEFINITIONS_MAX:
            raise InvalidSchema(text, offset, f"more than {DEFINITIONS_MAX} definitions")
        result.append(_Definition(text, offset, body, macros).read(kind))
    return result


def parse_definition(
    kind: type[AttributeType | ObjectClass | ContentRule], body: str
) -> Definition:
    """Read one description, from parenthesis to parenthesis."""
    return _Definition(body, 0, body, {}).read(kind)


def _statements(text: str) -> Iterator[tuple[int, str, str]]:
    """Offset, keyword (lower case, may be empty) and body of each statement.

    A statement starts in the first column; a line that starts with white space continues it.
    """
    offset = 0
    start = 0
    lines: list[str] = []
    for line in [*text.splitlines(keepends=True), ""]:
        if lines and (line[:1] in {" ", "\t"} or line.startswith(")")):
            lines.append(line)
        else:
            if lines and (statement := _statement_at(text, start, "".join(lines))):
                yield start, *statement
            start = offset
            lines = [line] if line.strip() and not line.startswith("#") else []
        offset += len(line)


def _statement_at(text: str, start: int, logical: str) -> tuple[str, str] | None:
    try:
        return _statement(logical)
    except ValueError as error:  # binascii.Error and UnicodeDecodeError are ones
        raise InvalidSchema(text, start, f"base64 that is no text: {error}") from None


def _statement(logical: str) -> tuple[str, str] | None:
    match = _START.match(logical)
    if match is None:
        return ("", logical) if logical.lstrip().startswith("(") else None
    keyword = match[1].lower()
    body = logical[match.end() :]
    if match[2] == "::":
        body = base64.b64decode("".join(body.split())).decode()
    elif match[2] == ":":
        # LDIF folds inside words: the newline and one blank are not part of the text
        body = re.sub(r"\r?\n ", "", body)
        body = re.sub(r"\A\s*\{\d+\}\s*", "", body)
    if keyword == "objectclass" and match[2] and not body.lstrip().startswith("("):
        return None  # the objectClass attribute of an LDIF entry, not a definition
    return keyword, body


def _guess(body: str) -> type[Definition] | None:
    if re.search(r"\s(?:SYNTAX|EQUALITY|USAGE|SINGLE-VALUE|SUBSTR)\s", body):
        return AttributeType
    if re.search(r"\sAUX\s", body):
        return ContentRule
    return ObjectClass


def _expand(oid: str, macros: Mapping[str, str]) -> str:
    """``exAttr:3`` becomes the OID of exAttr with ``.3`` after it (OpenLDAP's objectIdentifier)."""
    base, colon, rest = oid.partition(":")
    if colon and base in macros:
        return f"{macros[base]}.{rest}"
    return macros.get(oid, oid)


class _Definition:
    """One description being read."""

    def __init__(self, text: str, offset: int, body: str, macros: Mapping[str, str]) -> None:
        self.text, self.offset, self.body, self.macros = text, offset, body, macros
        self.tokens: list[str] = []
        self.quoted: list[bool] = []
        at = 0
        while at < len(body):
            match = _TOKEN.match(body, at)
            if match is None:
                if body[at:].strip():
                    self.fail(f"unreadable text {body[at : at + 20]!r}")
                break
            string = match[1]
            if string is not None:
                self.tokens.append(_ESCAPE.sub(lambda m: chr(int(m[1], 16)), string))
            else:
                self.tokens.append(match[2] or match[3])
            self.quoted.append(string is not None)
            at = match.end()
        self.at = 0

    def fail(self, reason: str) -> NoReturn:
        raise InvalidSchema(self.text, self.offset, reason)

    def next(self) -> str:
        if self.at >= len(self.tokens):
            self.fail("definition is not closed")
        self.at += 1
        return self.tokens[self.at - 1]

    def names(self) -> tuple[str, ...]:
        """One word, or a list in parentheses with or without dollar signs."""
        first = self.next()
        if first != "(" or self.quoted[self.at - 1]:
            return (first,)
        words: list[str] = []
        while (word := self.next()) != ")":
            if word != "$":
                words.append(word)
        return tuple(words)

    def read(self, kind: type[Definition]) -> Definition:
        if self.next() != "(":
            self.fail("definition does not start with '('")
        oid = _expand(self.next(), self.macros)
        if not _OID.match(oid) and not re.match(r"[A-Za-z][\w.;-]*\Z", oid):
            self.fail(f"{oid!r} is not an object identifier")
        fields: dict[str, object] = {"oid": oid}
        extensions: dict[str, tuple[str, ...]] = {}
        while (token := self.next()) != ")":
            word = token.upper()
            if word == "NAME":
                fields["names"] = self.names()
            elif word == "SUP":
                names = self.names()
                if kind is not AttributeType:
                    fields["superiors"] = names
                elif len(names) == 1:
                    fields["superior"] = names[0]
                else:
                    self.fail(f"an attribute type has one superior, {oid} names {len(names)}")
            elif word in _WORDS:
                value = _expand(self.next(), self.macros)
                fields[_WORDS[word]] = value.partition("{")[0] if word == "SYNTAX" else value
            elif word in _FLAGS:
                fields[_FLAGS[word]] = True
            elif word in _LISTS:
                fields[_LISTS[word]] = self.names()
            elif word == "USAGE":
                fields["usage"] = self.usage()
            elif word in ObjectClassKind.__members__:
                fields["kind"] = ObjectClassKind(word)
            elif word.startswith("X-"):
                extensions[word] = self.names()
            else:
                self.fail(f"unknown word {token!r} in the definition of {oid}")
        if extensions:
            fields["extensions"] = extensions
        try:
            text = " ".join(self.body.split())
            return kind(text=text, **fields)  # type: ignore[arg-type]  # or TypeError, caught
        except TypeError:
            self.fail(f"the definition of {oid} has a part that its kind does not know")

    def usage(self) -> Usage:
        word = self.next()
        found = next((usage for usage in Usage if usage.value.lower() == word.lower()), None)
        return found or self.fail(f"unknown usage {word!r}")
