"""Certificates that come from files and go into files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from edgesync.operations.cert_target import render_change
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation

if TYPE_CHECKING:
    from edgesync.operations.context import Context

_PASSWORD = Help("file whose first line is the password of the PFX", metavar="FILE")


def write_new_file(name: str, data: bytes) -> None:
    """Write a file that is not there yet, readable by its owner only.

    Raises:
        RefusedByRule: when it exists.
        InputInvalid: when it cannot be written.
    """
    from edgesync.certificates.private_files import create_private
    from edgesync.errors import InputInvalid, RefusedByRule

    try:
        create_private(Path(name), data)
    except FileExistsError as error:
        raise RefusedByRule(f"{name} exists", "choose another name, or delete it") from error
    except OSError as error:
        raise InputInvalid(f"{name}: {error.strerror}", "choose another place") from error


def read_input(name: str) -> bytes:
    """A file the person named.

    Raises:
        NoSuchThing: when it is not there; InputInvalid: when it cannot be read.
    """
    from edgesync.errors import InputInvalid, NoSuchThing

    try:
        return Path(name).read_bytes()
    except FileNotFoundError as error:
        raise NoSuchThing(f"no file {name}", "give the path of a file that exists") from error
    except OSError as error:
        raise InputInvalid(f"{name}: {error.strerror}", "give a file that can be read") from error


def read_password(name: str | None) -> str | None:
    """The password in a file: its first line."""
    return None if name is None else read_input(name).decode("utf-8", "replace").split("\n")[0]


@operation(
    "cert", "import", render=render_change, writes=True,
    example="edgesync cert import HUB01 mail.pfx --password-file secret.txt",
    cmdlets=(
        Cmdlet("Import-ExchangeCertificate", {
            "Server": "server", "Path": "file", "FileName": "file", "Password": "password_file",
            "FriendlyName": "friendly_name", "PrivateKeyExportable": "private_key_exportable",
        }, positional=()),
    ),
)  # fmt: skip
def import_(
    context: Context,
    server: Annotated[str, Help("server to import on", completes="server")],
    file: Annotated[str, Help("PFX, PKCS#7 answer or certificate", metavar="FILE")],
    *,
    password_file: Annotated[str | None, _PASSWORD] = None,
    friendly_name: Annotated[str | None, Help("default: the file's own, or Exchange's")] = None,
    private_key_exportable: Annotated[bool, Help("let the key leave the machine")] = False,
    allow_cng: Annotated[bool, Help("take a CNG key, which EdgeSync cannot use")] = False,
) -> Outcome:
    """Import a PFX, or an authority's answer to a request made on this server.

    The certificate is enabled for nothing: edgesync cert enable comes next.
    """
    from edgesync.certificates.cmdlets.import_ import import_certificate
    from edgesync.operations.cert_target import change_document, host_of

    host = host_of(context.lab, server)
    outcome = import_certificate(
        host, read_input(file), password=read_password(password_file), friendly_name=friendly_name,
        private_key_exportable=private_key_exportable, allow_cng=allow_cng,
    )  # fmt: skip
    return Outcome(change_document(host, outcome, "imported"), notes=outcome.warnings)


def _render_export(document: Document) -> Iterable[str]:
    yield document["file"] or document["content"].rstrip()


@operation(
    "cert", "export", render=_render_export,
    example="edgesync cert export HUB01 9F3A11C2 --password-file secret.txt --file mail.pfx",
    cmdlets=(
        Cmdlet("Export-ExchangeCertificate", {
            "Identity": "server", "Server": "server", "Thumbprint": "thumbprint",
            "Password": "password_file", "Path": "file", "FileName": "file",
            "BinaryEncoded": "binary_encoded",
        }),
    ),
)  # fmt: skip
def export(
    context: Context,
    server: Annotated[str, Help("server that has it", completes="server")] = "",
    thumbprint: Annotated[str, Help("its thumbprint", completes="thumbprint")] = "",
    *,
    password_file: Annotated[str | None, _PASSWORD] = None,
    file: Annotated[str | None, Help("file to write; must not exist", metavar="FILE")] = None,
    binary_encoded: Annotated[bool, Help("write binary instead of Base64")] = False,
    legacy_pfx: Annotated[bool, Help("3DES and SHA-1, for Windows before 2016")] = False,
    public: Annotated[bool, Help("the certificate alone, without its key, as PEM")] = False,
) -> Outcome:
    """Export a certificate with its key as a PFX, or a pending request once more.

    Only a key made or imported as exportable can be exported; --public needs no key.
    """
    from edgesync.certificates.cmdlets.export import export_certificate
    from edgesync.errors import UsageError
    from edgesync.operations.cert_target import target

    host, certificate = target(context.lab, server, thumbprint)
    if not (public or file or certificate.is_pending):
        raise UsageError("a PFX goes into a file", "give one with --file")
    if public:
        data = certificate.certificate_pem()
    else:
        data = export_certificate(
            host, certificate.thumbprint, password=read_password(password_file),
            binary_encoded=binary_encoded and bool(file), legacy_pfx=legacy_pfx,
        )  # fmt: skip
    if file:
        write_new_file(file, data)
    document = {
        "schema": "edgesync.cert-export/1",
        "server": host.name,
        "thumbprint": certificate.thumbprint,
        "file": file or "",
        "content": "" if file else data.decode("ascii"),
    }
    return Outcome(document)
