"""A lab whose AD says nothing of clients, as one made by an earlier version, still comes up."""

from __future__ import annotations

from directory.model.messages import DeleteRequest
from edgesync.lab.client_access import ClientAccess
from edgesync.organization.client_protocols import settings_dn
from tests.support.access_lab import fresh_lab, up


def test_missing_settings_are_the_defaults() -> None:
    with fresh_lab() as lab:
        port, names = lab.ad_port(), lab.ad.names
        port.delete(DeleteRequest(settings_dn(names, "CAS01", "POP3")))
        port.delete(DeleteRequest(settings_dn(names, "CAS01", "IMAP4")))
        access = lab.service(ClientAccess).mail_access("CAS01")
        assert access.settings("pop").x509_certificate_name == "cas01.contoso.test"
        with up(lab) as addresses:
            assert addresses["CAS01"]["pop"].startswith("pop://127.0.0.1:")
