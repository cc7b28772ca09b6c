"""New-ExchangeCertificate: a self-signed certificate, fresh or as the renewal of another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cryptography import x509

from edgesync.certificates.certificate import (
    FRIENDLY_NAME,
    TransportCertificate,
    unique_names,
)
from edgesync.certificates.cmdlets.enable import described, put_enabled
from edgesync.certificates.cmdlets.outcome import Answer, Outcome, Question, overwrite_question
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
    years_later,
)
from edgesync.certificates.keys import DEFAULT_KEY_SIZE
from edgesync.certificates.names import (
    DOMAIN_NAME_MAX,
    common_name,
    is_domain_name,
    name_of,
    names_match,
    parse_subject,
)
from edgesync.certificates.services import Services
from edgesync.config import Version
from edgesync.errors import UsageError

FRIENDLY_NAME_MAX = 63
"""Longest friendly name, characters (certificate-facts 2.1)."""


@dataclass(frozen=True, slots=True)
class NewCertificate:
    """Parameters of New-ExchangeCertificate; what is None takes Exchange's default."""

    subject_name: str | None = None
    domain_names: tuple[str, ...] = ()
    include_accepted_domains: bool = False
    include_auto_discover: bool = False
    include_server_fqdn: bool = False
    include_server_netbios_name: bool = False
    key_size: int = DEFAULT_KEY_SIZE
    friendly_name: str | None = None
    private_key_exportable: bool = False
    services: Services | None = None
    instance: TransportCertificate | None = None
    """The certificate to renew: subject, names, services and friendly name come from it."""
    subject_key_identifier: str | None = None
    """Hex digits; 2010 and later."""


def new(
    host: CertificateHost, wanted: NewCertificate | None = None, *, answer: Answer = Answer.ASK
) -> Outcome:
    """Make a self-signed certificate, enable it, and publish it if it is to be the default.

    Renewal (``wanted.instance``) clones subject, names and services with a new key, serial and
    dates; exportability must be given again (certificate-facts 2.1).

    Raises:
        UsageError: for a name, size or parameter the version does not take.
    """
    wanted = wanted or NewCertificate()
    check_parameters(host, wanted)
    subject = subject_of(host, wanted)
    key = host.next_key(wanted.key_size)
    profile = IssueProfile.of(host.profile)
    certificate = issue_self_signed(
        subject,
        key,
        now=host.now(),
        serial=serial_number(host.entropy),
        profile=profile,
        subject_key_identifier=_key_identifier(wanted),
    )
    stored = TransportCertificate(
        certificate,
        key,
        friendly_name=friendly_name_of(wanted),
        exportable=wanted.private_key_exportable,
    )
    outcome = put_enabled(host, stored, _services_of(host, wanted), answer=answer)
    if not profile.hash_note:
        return outcome
    return replace(outcome, warnings=(*outcome.warnings, profile.hash_note))


def question_before_new(host: CertificateHost, wanted: NewCertificate) -> Question | None:
    """What :func:`new` would ask, before anything is made: its thumbprint is not known yet."""
    check_parameters(host, wanted)
    if not _services_of(host, wanted) & Services.SMTP or not host.has_transport:
        return None
    domains = subject_of(host, wanted).domains
    named = any(names_match(d, n) for d in domains for n in (host.fqdn, host.name))
    if host.version is Version.EXCHANGE_2007 and not named:
        return None
    published = host.published()
    if published is None:
        return None
    ends = years_later(host.now().replace(microsecond=0), host.profile.self_signed_years)
    return overwrite_question(host.version, described(published), (None, ends))


def planned(host: CertificateHost, wanted: NewCertificate) -> tuple[str, ...]:
    """Host names the certificate would have; refuses what :func:`new` would refuse."""
    check_parameters(host, wanted)
    return subject_of(host, wanted).domains


def check_parameters(host: CertificateHost, wanted: NewCertificate) -> None:
    """Refuse what the version's cmdlet does not take (certificate-facts 2.1)."""
    if host.version is Version.EXCHANGE_2007:
        later = {
            "-SubjectKeyIdentifier": wanted.subject_key_identifier is not None,
            "-IncludeServerFQDN": wanted.include_server_fqdn,
            "-IncludeServerNetBIOSName": wanted.include_server_netbios_name,
        }
        for option, used in later.items():
            if used:
                raise UsageError(
                    f"Exchange 2007 has no {option}", "leave it out, or use a later version"
                )
    if wanted.friendly_name and len(wanted.friendly_name) > FRIENDLY_NAME_MAX:
        raise UsageError(
            f"the friendly name has {len(wanted.friendly_name)} characters",
            f"use at most {FRIENDLY_NAME_MAX}",
        )
    for name in wanted.domain_names:
        if not is_domain_name(name):
            raise UsageError(
                f"{name!r} cannot be a domain name",
                f"use letters, digits, hyphens and dots, at most {DOMAIN_NAME_MAX} characters",
            )


def subject_of(host: CertificateHost, wanted: NewCertificate) -> CertificateSubject:
    """Subject and names a certificate or request gets (certificate-facts 2.1)."""
    template = wanted.instance
    if wanted.subject_name:
        name = parse_subject(wanted.subject_name)
    else:
        name = template.certificate.subject if template else common_name(host.name)
    return CertificateSubject(name, unique_names((*_from_subject(name), *_names(host, wanted))))


def friendly_name_of(wanted: NewCertificate) -> str:
    """The friendly name given, the template's, or Exchange's."""
    if wanted.friendly_name is not None:
        return wanted.friendly_name
    return wanted.instance.friendly_name if wanted.instance else FRIENDLY_NAME


def _names(host: CertificateHost, wanted: NewCertificate) -> list[str]:
    names = list(wanted.domain_names)
    if wanted.include_server_netbios_name:
        names.append(host.name)
    if wanted.include_server_fqdn:
        names.append(host.fqdn)
    # An accepted domain may be a pattern (*.contoso.com, or * for all); its base can be named.
    accepted = [d.removeprefix("*.") for d in host.accepted_domains() if d != "*"]
    if wanted.include_accepted_domains:
        names.extend(accepted)
    if wanted.include_auto_discover:
        names.extend(f"autodiscover.{domain}" for domain in accepted)
    if names:
        return names
    return list(wanted.instance.domains) if wanted.instance else [host.name, host.fqdn]


def _from_subject(name: x509.Name) -> list[str]:
    common = name_of(name)
    return [common] if is_domain_name(common) else []


def _services_of(host: CertificateHost, wanted: NewCertificate) -> Services:
    if wanted.services is not None:
        return wanted.services
    if wanted.instance is not None:
        return wanted.instance.services
    if wanted.include_accepted_domains or wanted.include_auto_discover:
        return Services.SMTP
    choice = host.policy.new_certificate_services
    if choice == "smtp" or (choice == "by-version" and host.version is Version.EXCHANGE_2007):
        return Services.SMTP
    return Services.IMAP | Services.POP | Services.SMTP


def _key_identifier(wanted: NewCertificate) -> bytes | None:
    if wanted.subject_key_identifier is None:
        return None
    try:
        return bytes.fromhex(wanted.subject_key_identifier)
    except ValueError as error:
        raise UsageError(
            f"{wanted.subject_key_identifier!r} is not a subject key identifier",
            "give hex digits, two for each byte",
        ) from error
