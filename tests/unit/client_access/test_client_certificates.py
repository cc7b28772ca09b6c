"""Certificate-based authentication: from a user's certificate to an account, or a sub-status."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from directory.model.messages import ModifyRequest
from directory.model.modification import replace
from edgesync.client_access.accounts import Account, by_log_on_name
from edgesync.client_access.client_certificates import map_certificate, security_identity
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from tests.support.access_lab import do, enable_user, fresh_lab, web


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with fresh_lab() as made:
        enable_user(made, tmp_path)
        do(made, "client ntauth --add enterprise")
        yield made


def enrolled(lab: Lab, folder: Path, options: str = "", user: str = "user0") -> list[bytes]:
    file = folder / f"{len(list(folder.iterdir()))}.pem"
    do(lab, f"client enroll {user} --file {file} {options}")
    certificates = x509.load_pem_x509_certificates(file.read_bytes())
    return [c.public_bytes(Encoding.DER) for c in certificates]


def mapped(lab: Lab, sent: list[bytes]) -> str:
    """The account's name, or IIS's number."""
    found = map_certificate(lab.service(ClientAccess).web_server("CAS01").host, sent)
    return found.name if isinstance(found, Account) else found.status.number


@pytest.mark.fact("certificate-facts 7.1")
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ("", "user0"),
        ("--days 10 --backdate 30", "403.17"),
        ("--authority public", "403.16"),  # trusted, and not in NTAuth
        ("--for-servers", "403.16"),
    ],
)
def test_a_certificate_opens_its_account_or_says_why_not(
    lab: Lab, tmp_path: Path, options: str, status: str
) -> None:
    assert mapped(lab, enrolled(lab, tmp_path, options)) == status


def test_a_revoked_certificate_is_refused(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "revoked.pem"
    do(lab, f"client enroll user0 --file {file}")
    do(lab, f"client revoke {file}")
    sent = [x509.load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.DER)]
    assert mapped(lab, sent) == "403.13"


def test_a_certificate_of_nobody_is_refused_by_the_mapper(lab: Lab, tmp_path: Path) -> None:
    assert mapped(lab, enrolled(lab, tmp_path, user="user1")) == "403.12"


def test_an_account_can_be_mapped_by_name_instead(lab: Lab, tmp_path: Path) -> None:
    sent = enrolled(lab, tmp_path, user="user1")
    account = by_log_on_name(lab.ad_port(), lab.ad.names, "user1")
    assert account is not None
    identity = security_identity(x509.load_der_x509_certificate(sent[0])).encode()
    enabled = replace("userAccountControl", b"512")
    password = replace("unicodePwd", '"Secret-1"'.encode("utf-16-le"))
    mapping = replace("altSecurityIdentities", identity)
    lab.ad_port().modify(ModifyRequest(account.dn, (mapping, password, enabled)))
    assert mapped(lab, sent) == "user1"


def test_a_disabled_account_is_not_opened(lab: Lab, tmp_path: Path) -> None:
    sent = enrolled(lab, tmp_path)
    do(lab, "client account user0 --disable")
    assert mapped(lab, sent) == "401.1"


@pytest.mark.fact("certificate-facts 7.1")
def test_leaving_ntauth_counts_at_once(lab: Lab, tmp_path: Path) -> None:
    sent = enrolled(lab, tmp_path)
    do(lab, "client ntauth --remove enterprise")
    assert mapped(lab, sent) == "403.16"


def test_a_directory_that_requires_a_certificate_refuses_whoever_has_none(lab: Lab) -> None:
    do(lab, "client directory CAS01 EWS --client-certificates require")
    assert web(lab, "/EWS").status.number == "403.7"
    assert web(lab, "/EWS", secure=False).status.number == "403.4"
    do(lab, "client directory CAS01 EWS --client-certificates accept")
    assert web(lab, "/EWS").status.number == "401.2"
