"""What TLS the directory speaks."""

from __future__ import annotations

import ssl
import warnings
from pathlib import Path

import pytest

from directory.net.tls import server_context
from tests.support.tls import certificate_files


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Both sides in memory; the version agreed on."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    ours = client.wrap_bio(to_client, to_server)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ours.version()


@pytest.mark.parametrize(
    ("version", "is_taken"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_tls_before_1_2_is_refused(
    tmp_path: Path, version: ssl.TLSVersion, *, is_taken: bool
) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_ciphers("ALL:@SECLEVEL=0")  # so that the server is the one to refuse
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = client.maximum_version = version
    server = server_context(*certificate_files(tmp_path))
    if is_taken:
        assert _shake_hands(server, client) == version.name.replace("_", ".")
        return
    with pytest.raises(ssl.SSLError, match=r"(?i)unsupported.protocol"):
        _shake_hands(server, client)
