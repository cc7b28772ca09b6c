"""The lab's authorities: kept across a restart, forked, and asked for their lists."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from edgesync.certificates.authority_store import AuthorityStore, Founding, found_authorities
from edgesync.certificates.certificate import RootCAType
from edgesync.certificates.cmdlets.request import new_request
from edgesync.certificates.request import parse_request
from edgesync.errors import CertificateUnreadable, NoSuchThing

from .bench import START, Bench, bench


def founded(store: AuthorityStore, made: Bench) -> AuthorityStore:
    found_authorities(
        store, Founding("Contoso", "contoso.test"), now=START, entropy=made.host.entropy,
        keys=made.host.keys,
    )  # fmt: skip
    return store


def issue(store: AuthorityStore, made: Bench, name: str) -> x509.Certificate:
    request = parse_request(new_request(made.host).der)
    return store.get(name).sign(request, now=START, entropy=made.host.entropy)


def test_there_is_an_enterprise_and_a_public_authority() -> None:
    store = founded(AuthorityStore(), bench())
    assert store.names == ("enterprise", "public-root", "public")
    assert store.get("enterprise").kind is RootCAType.ENTERPRISE
    public = store.get("public")
    assert public.root == store.get("public-root").certificate
    assert public.certificate.issuer == public.root.subject
    with pytest.raises(NoSuchThing, match="'other'"):
        store.get("other")


def test_founding_twice_changes_nothing() -> None:
    made = bench()
    store = founded(AuthorityStore(), made)
    before = store.get("enterprise")
    founded(store, made)
    assert store.get("enterprise") is before


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    made = bench()
    store = founded(AuthorityStore.open(tmp_path / "authorities"), made)
    certificate = issue(store, made, "public")
    store.put(public=store.get("public").revoke(certificate, at=START))
    again = AuthorityStore.open(tmp_path / "authorities")
    assert again.names == store.names
    for name in store.names:
        assert again.get(name).crl(now=START) == store.get(name).crl(now=START)
    parent = again.get("public").parent
    assert parent is not None
    assert parent.certificate == store.get("public-root").certificate
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "authorities").iterdir()}
    assert modes == {0o600}


def test_an_authority_below_a_changed_one_sees_the_change() -> None:
    made = bench()
    store = founded(AuthorityStore(), made)
    root = store.get("public-root")
    store.put(public_root=root.revoke(store.get("public").certificate, at=START))
    parent = store.get("public").parent
    assert parent is not None
    assert len(parent.revoked) == 1


def test_lists_are_fetched_by_address_at_the_clocks_time() -> None:
    made = bench()
    store = founded(AuthorityStore(), made)
    fetch = store.crls(made.clock)
    url = store.get("enterprise").crl_url
    made.clock.advance(timedelta(days=30))
    data = fetch(url)
    assert data is not None
    assert x509.load_der_x509_crl(data).last_update_utc == START + timedelta(days=30)
    assert fetch("http://elsewhere.test/x.crl") is None


def test_a_fork_revokes_for_itself_only() -> None:
    made = bench()
    store = founded(AuthorityStore(), made)
    twin = store.fork()
    certificate = issue(twin, made, "enterprise")
    twin.put(enterprise=twin.get("enterprise").revoke(certificate, at=START))
    assert len(twin.get("enterprise").revoked) == 1
    assert store.get("enterprise").revoked == ()


def test_the_issuer_of_a_certificate_is_found_by_name() -> None:
    store = founded(AuthorityStore(), bench())
    assert store.issuer_of("CN=Lab Public Issuing CA, O=Lab Public Trust, C=NL") == "public"
    assert store.issuer_of("CN=HUB01") is None


@pytest.mark.parametrize("damage", ["index", "key", "missing"])
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "authorities"
    founded(AuthorityStore.open(folder), bench())
    if damage == "index":
        (folder / "index.json").write_text("{")
    elif damage == "key":
        (folder / "public.key").write_text("no key")
    else:
        (folder / "public.pem").unlink()
    with pytest.raises(CertificateUnreadable) as caught:
        AuthorityStore.open(folder)
    assert str(folder) in caught.value.message
