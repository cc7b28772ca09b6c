"""Users who log on at a Client Access server: passwords, personal certificates, NTAuth."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from edgesync.errors import NoSuchThing, RefusedByRule, UsageError
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns, properties

if TYPE_CHECKING:
    from cryptography import x509

    from edgesync.client_access.accounts import Account
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context

ISSUERS = Literal["enterprise", "public"]
NORMAL_ACCOUNT = b"512"
"""userAccountControl of an enabled user (MS-ADTS 2.2.16)."""


def _account(lab: Lab, user: str) -> Account:
    from edgesync.client_access.accounts import by_log_on_name

    found = by_log_on_name(lab.ad_port(), lab.ad.names, user)
    if found is None:
        raise NoSuchThing(f"no account {user!r} in AD", "for example user0; see recipient find")
    return found


@operation(
    "client", "account", render=properties, writes=True,
    example="edgesync client account user0 --password-file secret.txt",
)  # fmt: skip
def account(
    context: Context,
    user: Annotated[str, Help("log-on name")],
    *,
    password_file: Annotated[
        str | None, Help("file whose first line is the new password", metavar="FILE")
    ] = None,
    disable: Annotated[bool, Help("disable the account instead of enabling it")] = False,
) -> Outcome:
    """Enable a user for logging on: sets a password and a user principal name.

    The lab's people have neither, so nobody can log on until somebody wants them to.
    """
    from directory.model.messages import ModifyRequest
    from directory.model.modification import replace
    from edgesync.operations.cert_files import read_password

    lab = context.lab
    found = _account(lab, user)
    password = read_password(password_file)
    upn = f"{found.name}@{lab.ad.names.dns_domain}"
    changes = [replace("userPrincipalName", upn.encode())]
    if password is not None:
        changes.append(replace("unicodePwd", f'"{password}"'.encode("utf-16-le")))
    control = b"514" if disable else NORMAL_ACCOUNT
    changes.append(replace("userAccountControl", control))
    lab.ad_port().modify(ModifyRequest(found.dn, tuple(changes)))
    document = {
        "schema": "edgesync.client-account/1",
        "dn": str(found.dn),
        "user": f"{lab.ad.names.netbios_domain}\\{found.name}",
        "user_principal_name": upn,
        "mail": found.mail,
        "enabled": not disable,
        "password_set": password is not None,
    }
    return Outcome(document)


@operation(
    "client", "enroll", render=properties, writes=True,
    example="edgesync client enroll user0 --file user0.pem",
)  # fmt: skip
def enroll(
    context: Context,
    user: Annotated[str, Help("log-on name")],
    *,
    file: Annotated[str, Help("PEM file for certificate, issuers and key", metavar="FILE")],
    authority: Annotated[
        ISSUERS, Help("who issues it; NTAuth usually has enterprise")
    ] = "enterprise",
    days: Annotated[int, Help("validity")] = 365,
    backdate: Annotated[int, Help("days ago it was issued: older than --days is expired")] = 0,
    for_servers: Annotated[bool, Help("serverAuth instead of clientAuth: not for users")] = False,
) -> Outcome:
    """Issue a personal certificate from one of the lab's authorities, with a key of its own.

    It maps to the account by the user principal name in its SAN. The file is readable by its
    owner only; curl takes it as ``--cert FILE``.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    from edgesync.certificates.certificate import TransportCertificate
    from edgesync.client_access.client_certificates import principal_name_value
    from edgesync.lab.authorities import found_in
    from edgesync.operations.cert_files import write_new_file

    if days < 1 or backdate < 0:
        raise UsageError("days are counted from 1, and backwards from 0", "for example --days 30")
    lab = context.lab
    found = _account(lab, user)
    upn = f"{found.name}@{lab.ad.names.dns_domain}"
    found_in(lab)
    issuer = lab.authorities.get(authority)
    key = lab.keys.next_key(f"user/{found.name}")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, found.display_name)])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.SubjectAlternativeName([principal_name_value(upn)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    start = lab.clock.now() - timedelta(days=backdate)
    entropy = lab.entropy(f"authority/{authority}")
    leaf = issuer.sign(request, now=start, entropy=entropy, days=days, server_auth=for_servers)
    chain = [leaf] if issuer.parent is None else [leaf, issuer.certificate]
    parts = [c.public_bytes(Encoding.PEM) for c in chain]
    parts.append(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_new_file(file, b"".join(parts))
    shown = TransportCertificate(leaf)
    document = {
        "schema": "edgesync.client-enroll/1",
        "user_principal_name": upn,
        "subject": shown.subject,
        "issuer": shown.issuer,
        "thumbprint": shown.thumbprint,
        "sha256": shown.sha256,
        "not_before": f"{shown.not_before:%FT%TZ}",
        "not_after": f"{shown.not_after:%FT%TZ}",
        "file": str(Path(file)),
    }
    return Outcome(document)


def _render_revoke(document: Document) -> Iterable[str]:
    yield f"{document['authority']} revoked {document['thumbprint']}"


@operation(
    "client", "revoke", render=_render_revoke, writes=True,
    example="edgesync client revoke user0.pem",
)  # fmt: skip
def revoke(
    context: Context,
    file: Annotated[str, Help("the user's certificate, PEM or DER", metavar="FILE")],
) -> Outcome:
    """Put a personal certificate on the revocation list of the authority that issued it."""
    from edgesync.certificates.certificate import TransportCertificate

    lab = context.lab
    shown = TransportCertificate(_read(file))
    name = lab.authorities.issuer_of(shown.issuer)
    if name is None:
        raise RefusedByRule(
            f"{shown.issuer} is no authority of the lab", "only its own certificates are revoked"
        )
    revoked = lab.authorities.get(name).revoke(shown.certificate, at=lab.clock.now())
    lab.authorities.put(**{name.replace("-", "_"): revoked})
    document = {
        "schema": "edgesync.client-revoke/1",
        "authority": name,
        "thumbprint": shown.thumbprint,
    }
    return Outcome(document)


def _render_ntauth(document: Document) -> Iterable[str]:
    rows = [(c["subject"], c["thumbprint"], c["not_after"]) for c in document["authorities"]]
    yield from columns(("Subject", "Thumbprint", "NotAfter"), rows)


@operation(
    "client", "ntauth", render=_render_ntauth, rows="authorities", writes=True,
    writes_with=("add", "remove"),
    example="edgesync client ntauth --add enterprise",
)  # fmt: skip
def ntauth(
    context: Context,
    *,
    add: Annotated[
        str | None, Help("an authority of the lab, or its certificate", metavar="NAME|FILE")
    ] = None,
    remove: Annotated[
        str | None, Help("an authority of the lab, or its certificate", metavar="NAME|FILE")
    ] = None,
) -> Outcome:
    """Show or change NTAuth: the authorities in AD whose certificates log users on."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from edgesync.certificates.certificate import TransportCertificate, parse_certificate
    from edgesync.lab.authorities import found_in
    from edgesync.organization.trusted_issuers import read_ntauth, write_ntauth

    lab = context.lab

    def der(word: str) -> bytes:
        found_in(lab)
        if word in lab.authorities.names:
            certificate = lab.authorities.get(word).certificate
        else:
            certificate = _read(word)
        return certificate.public_bytes(Encoding.DER)

    port, names = lab.ad_port(), lab.ad.names
    current = read_ntauth(port, names)
    wanted = current
    if add is not None:
        wanted = tuple(dict.fromkeys((*wanted, der(add))))
    if remove is not None:
        gone = der(remove)
        if gone not in wanted:
            raise NoSuchThing(f"{remove} is not in NTAuth", "edgesync client ntauth lists it")
        wanted = tuple(item for item in wanted if item != gone)
    if wanted != current:
        write_ntauth(port, names, wanted)
    shown = [TransportCertificate(parse_certificate(item)) for item in wanted]
    rows = [
        {"subject": c.subject, "thumbprint": c.thumbprint, "not_after": f"{c.not_after:%FT%TZ}"}
        for c in shown
    ]
    return Outcome({"schema": "edgesync.ntauth/1", "authorities": rows})


def _read(file: str) -> x509.Certificate:
    from edgesync.certificates.certificate import parse_certificate
    from edgesync.operations.cert_files import read_input

    return parse_certificate(read_input(file), file)
