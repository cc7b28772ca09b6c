"""New-ExchangeCertificate -GenerateRequest: ask an authority, keep the key until it answers."""

from __future__ import annotations

from dataclasses import dataclass

from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.cmdlets.new import (
    NewCertificate,
    check_parameters,
    friendly_name_of,
    subject_of,
)
from edgesync.certificates.cmdlets.outcome import Outcome
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.issue import IssueProfile, issue_self_signed, serial_number
from edgesync.certificates.request import make_request, request_text
from edgesync.errors import UsageError
from edgesync.events import CERTIFICATE_STORED


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """A request and the pending entry that waits for its answer."""

    outcome: Outcome
    der: bytes
    """PKCS#10, as ``-BinaryEncoded`` writes it."""

    @property
    def text(self) -> str:
        """The request as Base64 text."""
        return request_text(self.der)


def new_request(host: CertificateHost, wanted: NewCertificate | None = None) -> RequestOutcome:
    """Make a key and a request; with ``wanted.instance`` the request renews that certificate.

    The pending entry is a placeholder with the same subject and key, as Windows keeps one; its
    Status is PendingRequest (certificate-facts 2.1).

    Raises:
        UsageError: with services, which a request cannot have.
    """
    wanted = wanted or NewCertificate()
    check_parameters(host, wanted)
    if wanted.services:
        raise UsageError(
            "a request cannot be combined with services",
            "enable the certificate for them after importing the answer",
        )
    subject = subject_of(host, wanted)
    key = host.next_key(wanted.key_size)
    der = make_request(subject, key)
    placeholder = issue_self_signed(
        subject, key, now=host.now(), serial=serial_number(host.entropy), profile=IssueProfile(1)
    )
    pending = TransportCertificate(
        placeholder,
        key,
        friendly_name=friendly_name_of(wanted),
        exportable=wanted.private_key_exportable,
        request=der,
    )
    change = host.store.put(pending)
    host.report(CERTIFICATE_STORED, thumbprint=pending.thumbprint, server=host.name)
    return RequestOutcome(Outcome(pending, change), der)
