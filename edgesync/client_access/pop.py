"""POP3: RFC 1939 with CAPA (2449) and STLS (2595), as far as reading a mailbox goes.

Nothing is ever deleted: the mailbox is the lab's own record of what was delivered.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from edgesync.client_access.accounts import Account
from edgesync.client_access.mail_dialogue import After, Reaction, Surroundings, crlf

_NOT_NOW = Reaction(crlf("-ERR Command is not valid in this state."), is_error=True)
_BYE = "+OK Microsoft Exchange Server POP3 server signing off."


@dataclass
class PopDialogue:
    """One POP3 conversation."""

    around: Surroundings
    _user: str = ""
    _account: Account | None = None
    _messages: tuple[bytes, ...] = field(default=(), repr=False)

    def greeting(self) -> bytes:
        """The banner."""
        text = self.around.banner or "Microsoft Exchange Server POP3 service ready"
        return crlf(f"+OK {text}")

    def line(self, line: bytes) -> Reaction:
        """The answer to one command."""
        verb, _, rest = line.decode("utf-8", "replace").partition(" ")
        match verb.upper():
            case "CAPA":
                return Reaction(crlf("+OK", *self._capabilities(), "."))
            case "QUIT":
                return Reaction(crlf(_BYE), After.HANG_UP)
            case "STLS":
                return self._start_tls()
            case "USER" | "PASS" if self._account is None:
                return self._log_on(verb.upper(), rest)
            case "NOOP" if self._account is not None:
                return Reaction(crlf("+OK"))
            case "RSET" if self._account is not None:
                return Reaction(crlf("+OK"))
            case "STAT" if self._account is not None:
                total = sum(len(m) for m in self._messages)
                return Reaction(crlf(f"+OK {len(self._messages)} {total}"))
            case "LIST" | "UIDL" if self._account is not None:
                return self._list(verb.upper(), rest)
            case "RETR" | "TOP" if self._account is not None:
                return self._retrieve(verb.upper(), rest)
        return _NOT_NOW

    def _capabilities(self) -> list[str]:
        words = ["TOP", "UIDL"]
        if self._may_log_on():
            words.append("USER")
        if self.around.offers_tls and not self.around.is_protected:
            words.append("STLS")
        return words

    def _may_log_on(self) -> bool:
        return self.around.is_protected or not self.around.needs_tls

    def _start_tls(self) -> Reaction:
        if self.around.is_protected or not self.around.offers_tls or self._account is not None:
            return _NOT_NOW
        self._user = ""
        return Reaction(crlf("+OK Begin TLS negotiation."), After.START_TLS)

    def _log_on(self, verb: str, rest: str) -> Reaction:
        if not self._may_log_on():
            return _NOT_NOW
        if verb == "USER":
            self._user = rest.strip()
            return Reaction(crlf("+OK"))
        if not self._user:
            return _NOT_NOW
        user, self._user = self._user, ""
        self._account = self.around.log_on(user, rest)
        if self._account is None:
            return Reaction(
                crlf("-ERR Logon failure: unknown user name or bad password."), is_error=True
            )
        self._messages = (
            self.around.messages(self._account.mailbox) if self._account.mailbox else ()
        )
        return Reaction(crlf("+OK User successfully logged on."))

    def _list(self, verb: str, rest: str) -> Reaction:
        def shown(number: int) -> str:
            message = self._messages[number - 1]
            if verb == "LIST":
                return f"{number} {len(message)}"
            return f"{number} {hashlib.sha256(message).hexdigest()[:32]}-{number}"

        if rest.strip():
            found = self._number(rest)
            return Reaction(crlf(f"+OK {shown(found)}")) if found else _no_such_message()
        numbers = range(1, len(self._messages) + 1)
        return Reaction(crlf("+OK", *(shown(n) for n in numbers), "."))

    def _retrieve(self, verb: str, rest: str) -> Reaction:
        words = rest.split()
        found = self._number(words[0]) if words else 0
        if not found:
            return _no_such_message()
        message = self._messages[found - 1]
        if verb == "TOP":
            lines = words[1] if len(words) > 1 else ""
            if not _is_number(lines):
                return _NOT_NOW
            head, blank, body = message.partition(b"\r\n\r\n")
            message = (
                head
                + blank
                + b"".join(line + b"\r\n" for line in body.split(b"\r\n")[: int(lines)])
            )
        stuffed = message.replace(b"\r\n.", b"\r\n..")
        if stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        if not stuffed.endswith(b"\r\n"):
            stuffed += b"\r\n"
        return Reaction(b"+OK\r\n" + stuffed + b".\r\n")

    def _number(self, text: str) -> int:
        """A message's number, or 0 when there is none of it."""
        text = text.strip()
        number = int(text) if _is_number(text) else 0
        return number if number <= len(self._messages) else 0


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _no_such_message() -> Reaction:
    return Reaction(crlf("-ERR The specified message is out of range."), is_error=True)
