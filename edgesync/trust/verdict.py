"""The words an answer about trust is given in (contract 3.4)."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a verifier makes of a peer."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    ANONYMOUS = "anonymous"
    UNREACHABLE = "unreachable"
    NOT_APPLICABLE = "not_applicable"


class Reason(StrEnum):
    """Why; stable words that programs may compare."""

    TRUSTED = "trusted"
    TRUSTED_EXPIRED = "trusted_expired"
    NO_CERTIFICATE = "no_certificate"
    NOT_PUBLISHED = "not_published"
    MISMATCH = "mismatch"
    STALE_REPLICA = "stale_replica"
    STALE_PRESENTER = "stale_presenter"
    SHARED_CERTIFICATE = "shared_certificate"
    NOT_YET_VALID = "not_yet_valid"
    WEAK_CERTIFICATE = "weak_certificate"
    KEY_UNAVAILABLE = "key_unavailable"
    TLS_NOT_OFFERED = "tls_not_offered"
    TLS_FAILED = "tls_failed"
    CREDENTIAL_EXPIRED = "credential_expired"
    CREDENTIAL_UNREADABLE = "credential_unreadable"
    CONNECTOR_REFUSES = "connector_refuses"
    UNREACHABLE = "unreachable"
