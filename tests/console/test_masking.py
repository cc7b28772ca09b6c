"""Credential records are for the Hub alone: no page and no GET gives their passwords away."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest

from edgesync.console.masking import MASKED, masked, masked_ldif
from edgesync.port.port import read
from edgesync.subscription.credentials import readable_records
from tests.console.conftest import Site


def secrets_of(site: Site) -> list[str]:
    """The encrypted passwords of every record that AD holds, as they stand in it."""
    inner = site.lab.lab
    found = []
    for server in ("HUB01", "EDGE01"):
        entry = read(inner.ad_port(), inner.ad.names.server(server), ("msExchEdgeSyncCredential",))
        assert entry is not None
        texts = entry.texts("msExchEdgeSyncCredential")
        assert readable_records(text.encode() for text in texts)
        found += [part for text in texts for part in re.findall(r'"Password":"([^"]{20,})', text)]
    assert len(found) > 1
    return found


def test_no_page_and_no_get_shows_a_credential(site: Site) -> None:
    dn = quote(str(site.lab.lab.ad.names.server("EDGE01")))
    hub = quote(str(site.lab.lab.ad.names.server("HUB01")))
    for path in (
        f"/directory?server=AD&dn={dn}",
        f"/directory/history?dn={dn}&attribute=msExchEdgeSyncCredential",
        f"/directory/compare?server=AD&left={dn}&other_server=AD&right={hub}",
        f"/directory/entries.ldif?server=AD&base={dn}",
        "/directory/search?filter=(msExchEdgeSyncCredential=*)&attributes=msExchEdgeSyncCredential",
        f"/api/v1/operations/directory.get?dn={dn}",
        f"/api/v1/operations/directory.diff?left={dn}&right={hub}",
        f"/api/v1/operations/directory.log?dn={dn}",
        "/api/v1/operations/directory.search?filter_=(msExchEdgeSyncCredential=*)",
    ):
        answer = site.ask("GET", path, accept="text/html" if "api" not in path else "*/*")
        assert answer.status == 200, path
        whole = answer.text.replace("\n ", "")
        assert not [secret for secret in secrets_of(site) if secret[:24] in whole], path


def test_an_answer_kept_for_the_page_is_masked_and_the_token_s_owner_gets_it_whole(
    site: Site,
) -> None:
    dn = str(site.lab.lab.ad.names.server("EDGE01"))
    given = site.submit("/do/directory.get", **{"p.dn": dn})
    assert given.status == 303
    kept = site.page(given.headers["location"]).text
    assert not [secret for secret in secrets_of(site) if secret[:24] in kept]
    whole = site.call("directory.get", parameters={"dn": dn}).text
    assert [secret for secret in secrets_of(site) if secret[:24] in whole]


@pytest.mark.parametrize("deep", [0, 1, 2])
def test_a_record_is_masked_however_deep_it_lies_in_json(deep: int) -> None:
    text = json.dumps({"UserName": "ESRA", "Password": "abc+/=", "Key": "k"})
    for _ in range(deep):
        text = json.dumps({"inner": text})
    found = json.dumps(masked({"values": [text, 7, None]}))
    assert "abc" not in found
    assert MASKED in found
    assert "ESRA" in found


def test_ldif_keeps_all_but_the_records() -> None:
    text = (
        'dn: CN=a\ncn: a\nmsExchEdgeSyncCredential: {"Pass\n word":"x"}\n'
        "msexchedgesynccredential;range=0-1:: YQ==\nmail: b\n"
    )
    assert masked_ldif(text).splitlines() == [
        "dn: CN=a", "cn: a",
        f"# msExchEdgeSyncCredential: {MASKED}", f"# msExchEdgeSyncCredential: {MASKED}", "mail: b",
    ]  # fmt: skip
