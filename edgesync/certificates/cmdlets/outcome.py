"""What a cmdlet answers: what it did, what it warns of, and the question it would ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.store import StoreChange
from edgesync.config import Version

CHOICES = '[Y] Yes  [A] Yes to All  [N] No  [L] No to All  [?] Help (default is "Y"): '
"""Choices of every confirmation, Exchange's default last (certificate-facts 2.1)."""


class Answer(StrEnum):
    """What to do where the cmdlet asks. ASK does what No does and reports the question."""

    YES = "yes"
    NO = "no"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Question:
    """A confirmation a cmdlet asks. Exchange's default answer is Yes."""

    title: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The question without the choices."""
        return "\n".join((self.title, *self.lines))

    @property
    def prompt(self) -> str:
        """The whole text, ready to be followed by the answer."""
        return f"{self.text}\n{CHOICES}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cmdlet did on one server."""

    certificate: TransportCertificate
    change: StoreChange
    published: bool = False
    """Whether the directory's internal transport certificate was written or cleared."""
    question: Question | None = None
    """Asked and not answered: what would follow a Yes has not been done."""
    warnings: tuple[str, ...] = ()


def overwrite_question(
    version: Version,
    current: tuple[str, datetime | None],
    replacement: tuple[str | None, datetime],
) -> Question:
    """Whether to overwrite the default SMTP certificate: thumbprint and expiry of both.

    The replacement's thumbprint is None while it is not made yet, the current one's expiry when
    what is published is no certificate. Two lines from 2010 on, one
    sentence in 2007 (certificate-facts 2.1); the wording is ours.
    """
    if version is Version.EXCHANGE_2007:
        sentence = (
            f"Overwrite existing default SMTP certificate, {_shown(current)}, "
            f"with certificate {_shown(replacement)}?"
        )
        return Question("Confirm", (sentence,))
    return Question(
        "Confirm",
        (
            "Overwrite the existing default SMTP certificate?",
            "",
            f"Current certificate: {_shown(current)}",
            f"Replace it with certificate: {_shown(replacement)}",
        ),
    )


def removal_question(thumbprint: str) -> Question:
    """Whether to remove a certificate (certificate-facts 2.4)."""
    question = (
        f"Remove certificate with thumbprint {thumbprint} from the computer's certificate store?"
    )
    return Question("Confirm", ("Are you sure you want to perform this action?", question))


def _shown(certificate: tuple[str | None, datetime | None]) -> str:
    thumbprint, expires = certificate
    name = f"'{thumbprint}'" if thumbprint else "a new one"
    if expires is None:
        return f"{name} (not a certificate)"
    return f"{name} (expires {expires:%Y-%m-%d %H:%M:%S}Z)"
