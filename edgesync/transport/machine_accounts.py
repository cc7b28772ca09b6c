"""Machine accounts in AD, and the secrets behind their service principal names.

Stands in for a domain controller's KDC, together with ``exchange_auth``: a secret exists for an
SPN only while a computer object in AD carries it, so a removed account or a missing SPN fails the
way Kerberos does (certificate-facts 4.9).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from directory.errors import LdapError, ResultCode
from directory.model.entry import Entry
from directory.model.filter import Equality
from directory.model.messages import AddRequest, Scope
from edgesync.organization.names import ForestNames
from edgesync.port.port import DirectoryPort, find
from edgesync.transport.exchange_auth import principal

COMPUTER_CLASSES = (b"top", b"person", b"organizationalPerson", b"user", b"computer")


def add_machine_account(port: DirectoryPort, names: ForestNames, name: str, fqdn: str) -> None:
    """Write the computer object that joining the domain makes, unless it is there."""
    entry = Entry(
        names.computers.child("CN", name),
        {
            "objectClass": COMPUTER_CLASSES,
            "cn": (name.encode(),),
            "sAMAccountName": (f"{name}$".encode(),),
            "dNSHostName": (fqdn.encode(),),
            "servicePrincipalName": (
                f"HOST/{fqdn}".encode(),
                principal(fqdn).encode(),
                principal(name).encode(),
            ),
        },
    )
    try:
        port.add(AddRequest(entry))
    except LdapError as error:
        if error.code is not ResultCode.ENTRY_ALREADY_EXISTS:
            raise


def machine_secrets(
    port: DirectoryPort, names: ForestNames, domain_key: bytes
) -> Callable[[str], bytes | None]:
    """Secrets by SPN; None when no computer object carries it, or more than one does.

    ``domain_key`` is what a domain controller keeps to itself; the secret of an account is
    derived from it and from the object's GUID, so a re-created account has another.
    """

    def secret(spn: str) -> bytes | None:
        wanted = Equality("servicePrincipalName", spn.encode())
        found = find(
            port, names.computers, wanted, scope=Scope.ONE, attributes=("objectGUID", "cn")
        )
        if len(found) != 1:  # a duplicate SPN fails in Kerberos as well
            return None
        identity = found[0].first("objectGUID") or str(found[0].dn.normal).encode()
        return hmac.new(domain_key, identity, hashlib.sha256).digest()

    return secret
