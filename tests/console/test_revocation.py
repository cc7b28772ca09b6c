"""Revocation lists of the lab's authorities over HTTP."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.console.conftest import Site


def test_an_authoritys_list_is_served_to_anybody_with_what_it_revoked(site: Site) -> None:
    site.lab.run("cert.new", server="HUB02", request=True)
    signed = site.lab.run("cert.sign", server="HUB02", authority="public")
    mark = signed.document["certificate"]["thumbprint"]
    before = site.ask("GET", "/crl/public.crl")
    assert (before.status, before.headers["content-type"]) == (200, "application/pkix-crl")
    assert len(x509.load_der_x509_crl(before.body)) == 0

    site.lab.run("cert.revoke", server="HUB02", thumbprint=mark)
    found = x509.load_der_x509_crl(site.ask("GET", "/crl/public.crl").body)
    issuer = site.lab.lab.authorities.get("public").certificate.public_key()
    assert isinstance(issuer, rsa.RSAPublicKey)
    assert found.is_signature_valid(issuer)
    serial = site.lab.lab.store("HUB02").find(mark).certificate.serial_number
    assert found.get_revoked_certificate_by_serial_number(serial) is not None


def test_an_authority_that_is_not_there_has_no_list(site: Site) -> None:
    assert site.ask("GET", "/crl/nobody.crl").status == 404
