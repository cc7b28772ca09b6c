"""Refusals in the words of each profile: RFC code and plain text, or AD's string with its number.

The strings have AD's published shape, ``win32 code: kind: DSID, problem n (NAME), data``; DSIDs
are places in Microsoft's source and mean nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass

from directory.dsa.context import Context
from directory.errors import LdapError, ResultCode


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal in both languages. ``code_ad`` where AD's result code differs."""

    code: ResultCode
    text: str
    win32: str
    kind: str
    problem: str
    code_ad: ResultCode | None = None


NO_ATTRIBUTE = Refusal(
    ResultCode.NO_SUCH_ATTRIBUTE, "{name}: no such value", "00002085", "AtrErr",
    "problem 1001 (NO_ATTRIBUTE_OR_VAL)",
)  # fmt: skip
VALUE_EXISTS = Refusal(
    ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, "{name}: value exists", "00002083", "AtrErr",
    "problem 1006 (ATT_OR_VALUE_EXISTS)",
)  # fmt: skip
UNDEFINED_ATTRIBUTE = Refusal(
    ResultCode.UNDEFINED_ATTRIBUTE_TYPE, "{name}: attribute type undefined", "00000057", "LdapErr",
    "comment: Error in attribute conversion operation", ResultCode.NO_SUCH_ATTRIBUTE,
)  # fmt: skip
BAD_SYNTAX = Refusal(
    ResultCode.INVALID_ATTRIBUTE_SYNTAX, "{name}: {reason}", "00000057", "AtrErr",
    "problem 1002 (INVALID_ATT_SYNTAX)",
)  # fmt: skip
SINGLE_VALUE = Refusal(
    ResultCode.CONSTRAINT_VIOLATION, "{name}: only one value is allowed", "00002081", "AtrErr",
    "problem 1005 (CONSTRAINT_ATT_TYPE)",
)  # fmt: skip
READ_ONLY = Refusal(
    ResultCode.CONSTRAINT_VIOLATION, "{name}: no user modification allowed", "000020B1", "AtrErr",
    "problem 1005 (CONSTRAINT_ATT_TYPE)",
)  # fmt: skip
CLASS_VIOLATION = Refusal(
    ResultCode.OBJECT_CLASS_VIOLATION, "{reason}", "0000207D", "UpdErr",
    "problem 6002 (OBJ_CLASS_VIOLATION)",
)  # fmt: skip
ENTRY_EXISTS = Refusal(
    ResultCode.ENTRY_ALREADY_EXISTS, "", "00000524", "UpdErr", "problem 6005 (ENTRY_EXISTS)"
)
NON_LEAF = Refusal(
    ResultCode.NOT_ALLOWED_ON_NON_LEAF, "subordinates must be deleted first", "00002015", "UpdErr",
    "problem 6003 (CANT_ON_NON_LEAF)",
)  # fmt: skip
ON_RDN = Refusal(
    ResultCode.NOT_ALLOWED_ON_RDN, "{name}: value is part of the name", "000020B2", "UpdErr",
    "problem 6004 (CANT_ON_RDN)",
)  # fmt: skip
NAMING_VIOLATION = Refusal(
    ResultCode.NAMING_VIOLATION, "{reason}", "00002099", "NameErr",
    "problem 2005 (NAMING_VIOLATION)",
)  # fmt: skip
NO_ACCESS = Refusal(
    ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "{reason}", "00002098", "SecErr",
    "problem 4003 (INSUFF_ACCESS_RIGHTS)",
)  # fmt: skip
UNWILLING = Refusal(
    ResultCode.UNWILLING_TO_PERFORM, "{reason}", "0000209A", "SvcErr",
    "problem 5003 (WILL_NOT_PERFORM)",
)  # fmt: skip


def refusal(context: Context, what: Refusal, name: str = "", reason: str = "") -> LdapError:
    """The error to raise."""
    text = what.text.format(name=name, reason=reason)
    if context.configuration.is_generic:
        return LdapError(what.code, text)
    dsid = "DSID-0315166D"
    where = f", Att 0 ({name})" if name and what.kind == "AtrErr" else ""
    detail = f"; {reason}" if reason else ""
    if what.kind == "AtrErr":
        message = (
            f"{what.win32}: AtrErr: {dsid}, #1:\n"
            f"\t0: {what.win32}: {dsid}, {what.problem}, data 0{where}{detail}\n"
        )
    else:
        message = f"{what.win32}: {what.kind}: {dsid}, {what.problem}, data 0{where}{detail}\n"
    return LdapError(what.code_ad or what.code, message)
