"""IMAP4rev1 (RFC 3501) as far as TLS, log-on and looking into the inbox go.

LOGIN and AUTHENTICATE PLAIN with an initial response (RFC 4959), LIST, SELECT, STATUS, NOOP and
FETCH of whole messages. Nothing is ever changed.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass, field

from edgesync.client_access.accounts import Account
from edgesync.client_access.mail_dialogue import After, Reaction, Surroundings, crlf

_TAG = re.compile(r"[\x21-\x7e]{1,64}\Z")
_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"(){]+))')
_FETCH = re.compile(r"(\d{1,9}|\*)(?::(\d{1,9}|\*))? (.*)\Z")
_LITERALS = ("RFC822", "BODY[]", "BODY.PEEK[]")


@dataclass
class ImapDialogue:
    """One IMAP4 conversation."""

    around: Surroundings
    _account: Account | None = None
    _messages: tuple[bytes, ...] | None = field(default=None, repr=False)
    """The selected inbox; None while none is selected."""

    def greeting(self) -> bytes:
        """The banner."""
        text = self.around.banner or "The Microsoft Exchange IMAP4 service is ready."
        return crlf(f"* OK {text}")

    def line(self, line: bytes) -> Reaction:
        """The answer to one command."""
        tag, _, rest = line.decode("utf-8", "replace").partition(" ")
        if not _TAG.match(tag) or tag in {"*", "+"}:
            return Reaction(crlf("* BAD Invalid tag"), is_error=True)
        verb, _, rest = rest.partition(" ")
        verb = verb.upper()
        match verb:
            case "CAPABILITY":
                return _ok(tag, verb, f"* CAPABILITY {' '.join(self._capabilities())}")
            case "NOOP":
                return _ok(tag, verb)
            case "LOGOUT":
                data = crlf("* BYE Microsoft Exchange Server IMAP4 server signing off.",
                            f"{tag} OK LOGOUT completed.")  # fmt: skip
                return Reaction(data, After.HANG_UP)
            case "STARTTLS":
                return self._start_tls(tag)
            case "LOGIN":
                return self._login(tag, rest)
            case "AUTHENTICATE":
                return self._authenticate(tag, rest)
        if self._account is None:
            return _bad(tag, "Command received in invalid state.")
        return self._in_mailbox(tag, verb, rest)

    def _capabilities(self) -> list[str]:
        words = ["IMAP4", "IMAP4rev1"]
        if self._may_log_on():
            words += ["AUTH=PLAIN", "SASL-IR"]
        else:
            words.append("LOGINDISABLED")
        if self.around.offers_tls and not self.around.is_protected:
            words.append("STARTTLS")
        return words

    def _may_log_on(self) -> bool:
        return self.around.is_protected or not self.around.needs_tls

    def _start_tls(self, tag: str) -> Reaction:
        if self.around.is_protected or not self.around.offers_tls or self._account is not None:
            return _bad(tag, "Command received in invalid state.")
        return Reaction(crlf(f"{tag} OK Begin TLS negotiation now."), After.START_TLS)

    def _login(self, tag: str, rest: str) -> Reaction:
        words = _words(rest)
        if words is None or len(words) != 2:
            return _bad(tag, "Command Argument Error.")
        return self._log_on(tag, "LOGIN", words[0], words[1])

    def _authenticate(self, tag: str, rest: str) -> Reaction:
        mechanism, _, token = rest.partition(" ")
        if mechanism.upper() != "PLAIN" or not token:
            return _no(tag, "AUTHENTICATE takes PLAIN with an initial response.")
        try:
            parts = b64decode(token, validate=True).decode().split("\0")
        except (NotBase64, ValueError):
            return _bad(tag, "Command Argument Error.")
        if len(parts) != 3:
            return _bad(tag, "Command Argument Error.")
        return self._log_on(tag, "AUTHENTICATE", parts[1], parts[2])

    def _log_on(self, tag: str, verb: str, user: str, password: str) -> Reaction:
        if self._account is not None:
            return _bad(tag, "Command received in invalid state.")
        if not self._may_log_on():
            return _no(tag, f"[PRIVACYREQUIRED] {verb} failed: TLS is needed first.")
        self._account = self.around.log_on(user, password)
        if self._account is None:
            return _no(tag, f"[AUTHENTICATIONFAILED] {verb} failed.")
        return _ok(tag, verb)

    def _in_mailbox(self, tag: str, verb: str, rest: str) -> Reaction:
        words = _words(rest) or []
        match verb:
            case "LIST" | "LSUB":
                return _ok(tag, verb, f'* {verb} (\\HasNoChildren) "/" INBOX')
            case "SELECT" | "EXAMINE":
                if not words or words[0].upper() != "INBOX":
                    return _no(tag, f"{words[0] if words else ''} doesn't exist.")
                return self._select(tag, verb)
            case "STATUS":
                if not words or words[0].upper() != "INBOX":
                    return _no(tag, "there is no mailbox but INBOX.")
                return _ok(tag, verb, f"* STATUS INBOX (MESSAGES {len(self._inbox())})")
            case "FETCH" if self._messages is not None:
                return self._fetch(tag, rest, self._messages)
        return _bad(tag, "Command Error.")

    def _inbox(self) -> tuple[bytes, ...]:
        assert self._account is not None
        return self.around.messages(self._account.mailbox) if self._account.mailbox else ()

    def _select(self, tag: str, verb: str) -> Reaction:
        self._messages = self._inbox()
        data = crlf(
            f"* {len(self._messages)} EXISTS", "* 0 RECENT", "* FLAGS ()",
            "* OK [PERMANENTFLAGS ()] nothing can be changed", "* OK [UIDVALIDITY 1] stable",
            f"{tag} OK [READ-ONLY] {verb} completed.",
        )  # fmt: skip
        return Reaction(data)

    def _fetch(self, tag: str, rest: str, messages: tuple[bytes, ...]) -> Reaction:
        found = _FETCH.match(rest)
        if found is None:
            return _bad(tag, "Command Argument Error.")
        last = len(messages)
        first, until = (last if x == "*" else int(x) for x in (found[1], found[2] or found[1]))
        items = found[3].strip("() ").upper().split()
        word = next((item for item in items if item in _LITERALS), "")
        parts = []
        for number in range(max(1, min(first, until)), min(last, max(first, until)) + 1):
            message = messages[number - 1]
            if word:
                shown = word.replace(".PEEK", "")
                head = f"* {number} FETCH ({shown} {{{len(message)}}}\r\n"
                parts.append(head.encode() + message + b")\r\n")
            elif items == ["RFC822.SIZE"]:
                parts.append(crlf(f"* {number} FETCH (RFC822.SIZE {len(message)})"))
            else:
                return _bad(tag, "The lab fetches RFC822, BODY[] and RFC822.SIZE.")
        return Reaction(b"".join(parts) + crlf(f"{tag} OK FETCH completed."))


def _words(text: str) -> list[str] | None:
    """Atoms and quoted strings; None when something else is there."""
    words, position = [], 0
    while position < len(text.rstrip()):
        found = _WORD.match(text, position)
        if found is None:
            return None
        quoted = found[1]
        words.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else found[2])
        position = found.end()
    return words


def _ok(tag: str, verb: str, *untagged: str) -> Reaction:
    return Reaction(crlf(*untagged, f"{tag} OK {verb} completed."))


def _no(tag: str, text: str) -> Reaction:
    return Reaction(crlf(f"{tag} NO {text}"), is_error=True)


def _bad(tag: str, text: str) -> Reaction:
    return Reaction(crlf(f"{tag} BAD {text}"), is_error=True)
