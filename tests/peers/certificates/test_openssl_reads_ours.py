"""What the openssl tool makes of our certificates, requests, lists and PFX files."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgesync.certificates.authority import Authority
from edgesync.certificates.authority_store import AuthorityStore, Founding, found_authorities
from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.cmdlets.export import export_certificate
from edgesync.certificates.cmdlets.import_ import import_certificate
from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.cmdlets.request import new_request
from edgesync.certificates.cmdlets.setup import setup_certificate
from edgesync.certificates.request import parse_request
from edgesync.config import Version
from tests.support.peers import require_tool
from tests.unit.certificates.bench import START, Bench, bench

pytestmark = pytest.mark.peers
AT = str(int(START.timestamp()))


class OpenSsl:
    """The tool, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = require_tool("openssl")

    def run(self, *words: str, ok: bool = True) -> str:
        done = subprocess.run(
            [self.path, *words], capture_output=True, text=True, cwd=self.folder, timeout=30,
            check=False,
        )  # fmt: skip
        assert (done.returncode == 0) is ok, f"{words}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def write(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return name


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSsl:
    return OpenSsl(tmp_path)


def authorities(made: Bench) -> AuthorityStore:
    store = AuthorityStore()
    found_authorities(
        store, Founding("Contoso", "contoso.test"), now=START, entropy=made.host.entropy,
        keys=made.host.keys,
    )  # fmt: skip
    return store


def signed(made: Bench, issuer: Authority) -> TransportCertificate:
    wanted = NewCertificate(domain_names=("mail.contoso.test",), private_key_exportable=True)
    request = parse_request(new_request(made.host, wanted).der)
    answer = issuer.sign(request, now=START, entropy=made.host.entropy)
    return import_certificate(made.host, issuer.answer(answer)).certificate


@pytest.mark.fact("certificate-facts 1")
def test_it_prints_setups_certificate_as_the_fact_sheet_has_it(openssl: OpenSsl) -> None:
    item = setup_certificate(bench("EDGE01", version=Version.EXCHANGE_2010).host)
    assert item is not None
    name = openssl.write("setup.der", item.der)
    text = openssl.run("x509", "-in", name, "-noout", "-text", "-fingerprint", "-sha1")
    flat = re.sub(r"\s+", " ", text)
    assert "Version: 3 (0x2)" in flat
    assert "Subject: CN = EDGE01 " in flat
    assert "Public-Key: (2048 bit)" in flat
    assert (
        "X509v3 Key Usage: critical Digital Signature, Key Encipherment "
        "X509v3 Subject Alternative Name: DNS:EDGE01, DNS:edge01.contoso.test "
        "X509v3 Extended Key Usage: TLS Web Server Authentication "
        "X509v3 Basic Constraints: critical CA:FALSE Signature"
    ) in flat
    colons = ":".join(item.thumbprint[i : i + 2] for i in range(0, 40, 2))
    assert f"Fingerprint={colons}" in text


def test_it_verifies_our_chains_and_revocation_lists(openssl: OpenSsl) -> None:
    made = bench()
    store = authorities(made)
    public, root = store.get("public"), store.get("public-root")
    leaf = signed(made, public)
    openssl.write("leaf.pem", leaf.certificate_pem())
    openssl.write("root.pem", TransportCertificate(root.certificate).certificate_pem())
    openssl.write("issuing.pem", TransportCertificate(public.certificate).certificate_pem())
    lists = b""
    for number, item in enumerate((root, public)):
        der = openssl.write(f"{number}.crl", item.crl(now=START))
        lists += openssl.run("crl", "-inform", "DER", "-in", der).encode()
    openssl.write("crls.pem", lists)
    words = (
        "verify", "-attime", AT, "-purpose", "sslserver", "-x509_strict", "-crl_check_all",
        "-CAfile", "root.pem", "-untrusted", "issuing.pem", "-CRLfile", "crls.pem",
        "-verify_hostname", "mail.contoso.test", "leaf.pem",
    )  # fmt: skip
    assert "leaf.pem: OK" in openssl.run(*words)

    revoked = public.revoke(leaf.certificate, at=START)
    der = openssl.write("revoked.crl", revoked.crl(now=START))
    fresh = openssl.run("crl", "-inform", "DER", "-in", der).encode()
    openssl.write("crls.pem", lists[: lists.index(b"-----END") + 25] + b"\n" + fresh)
    assert "certificate revoked" in openssl.run(*words, ok=False)


def test_it_verifies_our_request(openssl: OpenSsl) -> None:
    wanted = NewCertificate(
        subject_name='C=NL, O="Contoso, Ltd.", CN=mail.contoso.test',
        domain_names=("mail.contoso.test", "*.contoso.test"),
    )
    made = new_request(bench().host, wanted)
    for form, data in (("DER", made.der), ("PEM", made.text.encode())):
        name = openssl.write("request", data)
        text = openssl.run("req", "-in", name, "-inform", form, "-noout", "-verify", "-text")
        assert "verify OK" in text
        assert "DNS:mail.contoso.test, DNS:*.contoso.test" in text
        assert 'CN = mail.contoso.test, O = "Contoso, Ltd.", C = NL' in text


@pytest.mark.parametrize(
    ("legacy", "algorithm"), [(False, "AES-256-CBC"), (True, "3-KeyTripleDES")]
)
def test_it_opens_our_pfx(openssl: OpenSsl, legacy: bool, algorithm: str) -> None:
    made = bench()
    leaf = signed(made, authorities(made).get("public"))
    data = export_certificate(
        made.host, leaf.thumbprint, password="päss", binary_encoded=True, legacy_pfx=legacy
    )
    name = openssl.write("our.pfx", data)
    more = ["-legacy"] if legacy else []
    text = openssl.run("pkcs12", "-in", name, "-passin", "pass:päss", "-noenc", "-info", *more)
    assert algorithm in text.replace("pbeWithSHA1And3-KeyTripleDES-CBC", "3-KeyTripleDES")
    assert "friendlyName: Microsoft Exchange" in text
    assert text.count("BEGIN CERTIFICATE") == 2
    assert "BEGIN PRIVATE KEY" in text
    assert "invalid password" in openssl.run(
        "pkcs12", "-in", name, "-passin", "pass:wrong", "-noout", *more, ok=False
    )


def test_it_lists_our_pkcs7_answers(openssl: OpenSsl) -> None:
    made = bench()
    store = authorities(made)
    leaf = signed(made, store.get("public"))
    name = openssl.write("answer.p7b", store.get("public").answer(leaf.certificate))
    text = openssl.run("pkcs7", "-inform", "DER", "-in", name, "-print_certs", "-noout")
    assert text.count("subject=") == 3


@pytest.mark.fact("certificate-facts 10")
def test_files_it_makes_today_import_too(openssl: OpenSsl) -> None:
    """The committed fixtures are of one version of the tool; this is the one installed."""
    openssl.run(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "a.key", "-out", "a.pem",
        "-subj", "/CN=today", "-days", "9",
    )  # fmt: skip
    for options in (
        (),
        ("-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"),
    ):
        openssl.run(
            "pkcs12", "-export", "-in", "a.pem", "-inkey", "a.key", "-passout", "pass:x",
            "-out", "a.pfx", *options,
        )  # fmt: skip
        made = bench()
        item = import_certificate(
            made.host, (openssl.folder / "a.pfx").read_bytes(), password="x"
        ).certificate
        assert item.subject == "CN=today"
        assert item.has_private_key
        assert item.not_after > datetime(2026, 1, 1, tzinfo=UTC)


def test_a_renewed_certificate_has_another_key_by_its_account_too(openssl: OpenSsl) -> None:
    made = bench()
    old = setup_certificate(made.host)
    assert old is not None
    renewed = new(made.host, NewCertificate(instance=old)).certificate
    keys = {
        openssl.run("x509", "-in", openssl.write("c.pem", c.certificate_pem()), "-noout", "-pubkey")
        for c in (old, renewed)
    }
    assert len(keys) == 2
