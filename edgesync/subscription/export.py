"""New-EdgeSubscription on the Edge: bootstrap account, clean-up, file (edgesync-facts 1.2)."""

from __future__ import annotations

from datetime import datetime, timedelta

from directory.entropy import Entropy
from directory.model.messages import ModifyRequest
from directory.model.modification import replace
from edgesync.config import VersionProfile
from edgesync.errors import NoSuchThing, RefusedByRule, UsageError
from edgesync.events import SUBSCRIPTION_EXPORTED, Emit, Event
from edgesync.organization.names import EdgeNames
from edgesync.organization.servers import read_server
from edgesync.port.port import DirectoryPort
from edgesync.subscription.accounts import install_account, list_accounts, remove_account
from edgesync.subscription.credentials import bootstrap_name, new_password
from edgesync.subscription.file import SubscriptionFile
from edgesync.subscription.replicated import delete_configuration, disabled_cmdlets

ACCOUNT_EXPIRY = timedelta(hours=24)
"""Life of the bootstrap account (edgesync-facts 1.2)."""

ACCOUNT_EXPIRY_MIN = timedelta(minutes=2)
"""Least of -AccountExpiryDuration (edgesync-facts 1.2)."""


def export_question(profile: VersionProfile) -> str:
    """What has to be agreed to before an Edge is exported."""
    cmdlets = ", ".join(disabled_cmdlets(profile.version))
    return (
        "If you create an Edge Subscription, this Edge Transport server will be managed via "
        "EdgeSync replication. As a result, any of the following objects that were created "
        "manually will be deleted: accepted domains, message classifications, remote domains and "
        f"Send connectors. The following cmdlets will be disabled: {cmdlets}. InternalSMTPServers "
        "will be overwritten during the synchronization process. Do you want to continue?"
    )


def export_subscription(
    port: DirectoryPort,
    names: EdgeNames,
    edge: str,
    *,
    now: datetime,
    profile: VersionProfile,
    entropy: Entropy,
    emit: Emit,
    account_expiry: timedelta | None = None,
) -> SubscriptionFile:
    """Make this Edge ready to be subscribed and return what its file must say.

    ``port`` is its own ADAM as administrator. The file holds the password in clear text.

    Raises:
        UsageError: an expiry this version cannot have.
        NoSuchThing: ADAM has no such server.
        RefusedByRule: the Edge has no internal transport certificate to be known by.
    """
    life = _life(account_expiry, profile)
    server = read_server(port, names, edge)
    if server is None:
        raise NoSuchThing(f"{edge} is not in its own ADAM", "set the Edge up first")
    if server.internal_certificate is None:
        raise RefusedByRule(
            f"{edge} publishes no internal transport certificate",
            f"edgesync cert enable {edge} THUMBPRINT --services SMTP",
        )
    user_name = bootstrap_name(server.name)
    secret = new_password(entropy, server.internal_certificate)
    for account in list_accounts(port, names):
        if account.casefold() == user_name.casefold():
            remove_account(port, names, account)
    install_account(port, names, user_name, secret, now + life)
    delete_configuration(port, names)
    # What an earlier subscription left must not pass for this one's progress.
    # Old credential records would let the Credential Service end the bootstrap account too early.
    held = {
        "msExchEdgeSyncLease": server.lease, "msExchEdgeSyncCookies": server.cookies,
        "msExchEdgeSyncStatus": server.status, "msExchEdgeSyncCredential": server.credentials,
    }  # fmt: skip
    present = [name for name, value in held.items() if value]
    if present:
        port.modify(ModifyRequest(server.dn, tuple(replace(name) for name in present)))
    file = SubscriptionFile(
        edge_server_name=server.name,
        edge_server_fqdn=server.fqdn,
        certificate=server.internal_certificate,
        user_name=user_name,
        password=secret.reveal().decode("ascii"),
        effective_at=now,
        duration=life,
        adam_ssl_port=server.adam_ssl_port,
        product_id=server.product_id,
        serial_number=server.serial_number or profile.serial_number,
    )
    emit(Event(SUBSCRIPTION_EXPORTED, now, server.name,
               {"edge": server.name, "until": file.expires_at.isoformat()}))  # fmt: skip
    return file


def _life(wanted: timedelta | None, profile: VersionProfile) -> timedelta:
    if wanted is None:
        return ACCOUNT_EXPIRY
    if not profile.sync_editable and wanted != ACCOUNT_EXPIRY:
        raise UsageError(
            f"{profile.title} has no account expiry to choose: it is 24 hours",
            "leave --account-expiry out",
        )
    if wanted < ACCOUNT_EXPIRY_MIN:
        raise UsageError(
            "the bootstrap account must live at least 00:02:00", "give a longer --account-expiry"
        )
    return wanted
