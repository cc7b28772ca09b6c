"""Passwords on their way into an entry: never kept as they came."""

from __future__ import annotations

from directory.dsa import refusals as r
from directory.dsa.context import Context
from directory.dsa.session import Session
from directory.model.names import AttributeName

UNICODE_PASSWORD = AttributeName("unicodepwd")
USER_PASSWORD = AttributeName("userpassword")


def protect(
    context: Context, session: Session, attributes: dict[AttributeName, tuple[bytes, ...]]
) -> None:
    """Put hashes in place of the passwords among attributes to be written.

    AD's unicodePwd is the password in quotation marks in UTF-16 (MS-ADTS 3.1.1.3.1.5); it is
    hashed as UTF-8, so that a bind, which has UTF-8, matches.

    Raises:
        LdapError: unwillingToPerform for a unicodePwd that is not so formed.
    """
    del session
    if values := attributes.get(UNICODE_PASSWORD):
        attributes[UNICODE_PASSWORD] = tuple(
            context.hasher.hash(_unquoted(context, value)) for value in values
        )
    if values := attributes.get(USER_PASSWORD):
        attributes[USER_PASSWORD] = tuple(context.hasher.hash(value) for value in values)


def _unquoted(context: Context, value: bytes) -> bytes:
    if value.startswith(b"{SCRYPT}"):
        return value
    try:
        text = value.decode("utf-16-le")
    except UnicodeDecodeError:
        text = ""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        reason = "unicodePwd is the password in quotation marks, in UTF-16LE"
        raise r.refusal(context, r.UNWILLING, "unicodePwd", reason)
    return text[1:-1].encode()
