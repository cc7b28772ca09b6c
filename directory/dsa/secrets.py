"""Passwords on their way into an entry: never kept as they came."""

from __future__ import annotations

from collections.abc import Iterable

from directory.dsa import content, nt_hash
from directory.dsa import refusals as r
from directory.dsa.context import Context
from directory.dsa.passwords import is_hashed
from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.model.modification import Modification, ModifyOperation
from directory.model.names import AttributeName
from directory.store.entry import StoredEntry

UNICODE_PASSWORD = AttributeName("unicodepwd")
USER_PASSWORD = AttributeName("userpassword")
PASSWORDS = frozenset((UNICODE_PASSWORD, USER_PASSWORD))

Values = tuple[bytes, ...]


def protect(context: Context, session: Session, attributes: dict[AttributeName, Values]) -> None:
    """Put hashes in place of the passwords among attributes to be written.

    AD's unicodePwd is the password in quotation marks in UTF-16 (MS-ADTS 3.1.1.3.1.5); it is
    hashed as UTF-8, so that a bind, which has UTF-8, matches.

    Raises:
        LdapError: unwillingToPerform for a unicodePwd that is not so formed, or that would cross
            the network in clear.
    """
    if values := attributes.get(UNICODE_PASSWORD):
        if session.deliver is not None and not session.is_secure:
            reason = "unicodePwd is set over TLS only"
            raise r.refusal(context, r.UNWILLING, "unicodePwd", reason)
        plain = (v if is_hashed(v) else _unquoted(context, v) for v in values)
        attributes[UNICODE_PASSWORD] = hashed(context, UNICODE_PASSWORD, plain)
    if values := attributes.get(USER_PASSWORD):
        attributes[USER_PASSWORD] = hashed(context, USER_PASSWORD, values)


def hashed(context: Context, name: AttributeName, values: Iterable[bytes]) -> Values:
    """What a password attribute keeps for passwords in UTF-8.

    Beside each hash a generic directory's userPassword has a SCRAM verifier, and AD's and ADAM's
    attributes, where NTLM is spoken, the NT hash.
    """
    configuration = context.configuration
    result: list[bytes] = []
    for value in values:
        result.append(context.hasher.hash(value))
        if is_hashed(value):
            continue
        if configuration.is_generic and name == USER_PASSWORD:
            result.append(context.hasher.scram(value))
        if nt_hash.is_kept(configuration):
            result.append(nt_hash.stored(value))
    return tuple(result)


def hashed_password(context: Context, name: AttributeName, password: bytes) -> bytes:
    """A password attribute with one password, as the store keeps it."""
    return content.encode(context, name, hashed(context, name, (password,)))


def translated(context: Context, entry: StoredEntry, modification: Modification) -> Modification:
    """A modification that names an old password in clear, naming what is stored for it instead.

    Raises:
        LdapError: constraintViolation when it is not the old password (MS-ADTS 3.1.1.3.1.5).
    """
    name = context.schema.canonical(modification.name)
    if (
        name not in PASSWORDS
        or modification.operation is not ModifyOperation.DELETE
        or not modification.values
    ):
        return modification
    stored: list[bytes] = []
    for value in modification.values:
        plain = _unquoted(context, value) if name == UNICODE_PASSWORD else value
        same = [
            v for v in entry.values(name)
            # who found an NT hash does not know the password
            if (v == value and not nt_hash.is_stored(v)) or context.hasher.verify(plain, v)
        ]  # fmt: skip
        if not same:
            raise LdapError(ResultCode.CONSTRAINT_VIOLATION, "not the old password")
        stored += same
    return Modification(modification.operation, modification.name, tuple(stored))


def is_own_password_change(modifications: tuple[Modification, ...], context: Context) -> bool:
    """Whether a modify is a user's change of password: the old one deleted, a new one added."""
    kinds = [m.operation for m in modifications]
    names = {context.schema.canonical(m.name) for m in modifications}
    return (
        kinds == [ModifyOperation.DELETE, ModifyOperation.ADD]
        and len(names) == 1
        and names <= PASSWORDS
        and all(len(m.values) == 1 for m in modifications)
    )


def _unquoted(context: Context, value: bytes) -> bytes:
    try:
        text = value.decode("utf-16-le")
    except UnicodeDecodeError:
        text = ""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        reason = "unicodePwd is the password in quotation marks, in UTF-16LE"
        raise r.refusal(context, r.UNWILLING, "unicodePwd", reason)
    return text[1:-1].encode()
