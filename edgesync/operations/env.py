"""What ldapsearch, openssl and swaks need to look into the running lab."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from edgesync.errors import NoSuchThing, RefusedByRule
from edgesync.operations.registry import Document, Help, Outcome, operation

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context

PASSWORD_FILE = "administrator.password"  # noqa: S105 - a file name
ANCHORS_FILE = "lab-certificates.pem"


def _render(document: Document) -> Iterable[str]:
    for name, value in document["variables"].items():
        yield _ASSIGNMENTS[document["shell"]].format(
            name=name, value=_quoted(value, document["shell"])
        )
    if document["shell"] != "dotenv":
        for line in document["examples"]:
            yield f"# {line}"


_ASSIGNMENTS = {
    "sh": "export {name}={value}", "fish": "set -gx {name} {value}",
    "pwsh": "$env:{name} = {value}", "dotenv": "{name}={value}",
}  # fmt: skip


def _quoted(value: str, shell: str) -> str:
    if shell == "pwsh":
        return "'" + value.replace("'", "''") + "'"
    import shlex

    return shlex.quote(value)


@operation(
    "env", render=_render, example='eval "$(edgesync env)" && ldapsearch -x -D "$LDAPBINDDN" '
    '-y "$EDGESYNC_PASSWORD_FILE" "(cn=HUB01)"',
)  # fmt: skip
def env(
    context: Context,
    server: Annotated[str, Help("AD, or an Edge of the lab", completes="server")] = "AD",
    *,
    shell: Annotated[Literal["sh", "fish", "pwsh", "dotenv"], Help("syntax to print")] = "sh",
) -> Outcome:
    """Print variables for other tools; the lab must be up.

    LDAPTLS_CACERT names a file with the certificates that the lab's listeners present: they are
    self-signed, and that is what direct trust is about.
    """
    from edgesync.certificates.private_files import replace_private
    from edgesync.lab.directories import ADMIN_PASSWORD, administrator

    lab = context.lab
    name = "AD" if server.upper() == "AD" else lab.edge(server).name
    addresses = lab.addresses.get(name)
    if not addresses:
        raise NoSuchThing(f"{name} listens nowhere: the lab is down", "edgesync lab up --detach")
    if lab.root is None:
        raise RefusedByRule("a lab in memory has no files for other tools", "use a lab in a folder")
    folder = lab.root.absolute()
    password = folder / PASSWORD_FILE
    anchors = folder / ANCHORS_FILE
    directory = lab.ad if name == "AD" else lab.edges[name]
    replace_private(password, ADMIN_PASSWORD.encode())
    replace_private(anchors, _presented(lab))
    smtp = {s: a["smtp"] for s, a in lab.addresses.items() if "smtp" in a}
    variables = {
        "LDAPURI": addresses["ldap"],
        "LDAPBASE": str(directory.names.configuration),
        "LDAPBINDDN": str(administrator(directory.names)),
        "LDAPTLS_CACERT": str(anchors),
        "LDAPTLS_REQCERT": "allow",
        "EDGESYNC_LAB": str(folder),
        "EDGESYNC_PASSWORD_FILE": str(password),
        "EDGESYNC_LDAPS": addresses["ldaps"],
        "EDGESYNC_CONTROL": lab.control,
    }
    for machine, url in smtp.items():
        variables[f"EDGESYNC_SMTP_{machine.upper()}"] = url.removeprefix("smtp://")
    document = {
        "schema": "edgesync.env/1", "shell": shell, "variables": variables,
        "examples": _examples(smtp),
    }  # fmt: skip
    return Outcome(document)


def _examples(smtp: dict[str, str]) -> list[str]:
    lines = [
        'ldapsearch -x -D "$LDAPBINDDN" -y "$EDGESYNC_PASSWORD_FILE" "(cn=HUB01)"',
        'ldapsearch -x -ZZ -D "$LDAPBINDDN" -y "$EDGESYNC_PASSWORD_FILE" -s base -b ""',
    ]
    for machine in sorted(smtp)[:1]:
        address = smtp[machine].removeprefix("smtp://")
        lines.append(f"openssl s_client -starttls smtp -connect {address}")
        lines.append(f"swaks --server {address} --tls --to user0@contoso.test --quit-after RCPT")
    return lines


def _presented(lab: Lab) -> bytes:
    from edgesync.lab.network import Network

    network = lab.service(Network)
    shown = [network.presented(name) for name in ("AD", *lab.edges)]
    return b"".join(item.certificate_pem() for item in shown if item is not None)
