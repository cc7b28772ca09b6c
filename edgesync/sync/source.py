"""Which feed fits a source: asked of its own rootDSE, never configured."""

from __future__ import annotations

from directory.model import oids
from directory.model.dn import DN
from edgesync.port.port import DirectoryIdentity, DirectoryPort
from edgesync.sync.content_sync import ContentSyncFeed
from edgesync.sync.feed import DirSyncFeed, Feed, FullFeed, UsnFeed, naming_context


def choose_feed(
    port: DirectoryPort, job: str, base: DN, watched: tuple[str, ...] = ()
) -> tuple[Feed, DirectoryIdentity]:
    """The best change tracking a source has, by its own rootDSE, and that rootDSE."""
    identity = port.identity
    context = naming_context(identity, base)
    if oids.DIR_SYNC in identity.supported_controls:
        return DirSyncFeed(port, identity, job, context, watched), identity
    if identity.highest_usn is not None:
        return UsnFeed(port, identity, job, context, watched), identity
    if oids.SYNC_REQUEST in identity.supported_controls:
        return ContentSyncFeed(port, identity, job, base, watched), identity
    return FullFeed(port, identity, job, base, watched), identity
