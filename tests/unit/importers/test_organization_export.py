"""A folder of exports becomes one organisation; what was taken, ignored and assumed is said."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgesync.certificates.services import Services
from edgesync.config import Version
from edgesync.errors import InputInvalid
from edgesync.lab.importers.exported import OrganizationExport
from edgesync.lab.importers.exported_servers import serial_number, version_number, version_of
from edgesync.lab.importers.organization_export import read_exports
from edgesync.organization.connectors import AuthMechanism, PermissionGroups
from edgesync.organization.domains import DomainKind
from edgesync.organization.servers import ServerRole
from tests.support.peers import require_data

SETUP_CERTIFICATE = "6C7DE09FB39A40144F57EFEBC3DF0148E3A9AB28"
AUTH_CERTIFICATE = "C3EDCF181EF4F9B53D01768ECA99564014BCA6E7"
WEB_MANAGEMENT_CERTIFICATE = "38247AD2B76244411748274C508D13446311830B"

NAMESPACE = "http://schemas.microsoft.com/powershell/2004/04"
ORGANIZATION = (
    "CN=Servers,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups,"
    "CN=Contoso,CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=contoso,DC=test"
)


@pytest.fixture
def real() -> Path:
    return require_data("exchange-2019-clixml")


@pytest.fixture
def exported(real: Path) -> OrganizationExport:
    return read_exports(real)


def write(folder: Path, cmdlet: str, *objects: str) -> None:
    body = "".join(f"<Obj>{item}</Obj>" for item in objects)
    (folder / f"{cmdlet}.xml").write_text(f'<Objs xmlns="{NAMESPACE}">{body}</Objs>')


def server(name: str, build: str = "Version 15.2 (Build 986.5)", *switches: str) -> str:
    flags = "".join(f'<B N="{switch}">true</B>' for switch in switches or ("IsHubTransportServer",))
    return (
        f"<ToString>{name}</ToString><Props>"
        f'<S N="Name">{name}</S><S N="Fqdn">{name}.contoso.test</S>'
        f'<S N="AdminDisplayVersion">{build}</S>{flags}'
        f'<S N="DistinguishedName">CN={name},{ORGANIZATION}</S></Props>'
    )


def test_the_real_server_is_taken_with_its_site_roles_and_version(
    exported: OrganizationExport,
) -> None:
    (only,) = exported.servers
    assert (only.name, only.fqdn) == ("SOLO-E19A", "Solo-E19A.Solo.com")
    assert only.roles == ServerRole.MAILBOX | ServerRole.HUB
    assert only.version is Version.EXCHANGE_2019
    assert only.site == "Default-First-Site-Name"
    assert only.serial_number == "Version 15.2 (Build 30986.5)"
    assert (exported.forest, exported.organization) == ("Solo.com", "SoloORG")


@pytest.mark.fact("certificate-facts 2.2")
def test_the_real_certificates_keep_services_status_and_friendly_name(
    exported: OrganizationExport,
) -> None:
    found = {c.thumbprint: c for c in exported.certificates_of("solo-e19a")}
    assert found.keys() == {SETUP_CERTIFICATE, AUTH_CERTIFICATE, WEB_MANAGEMENT_CERTIFICATE}
    setup = found[SETUP_CERTIFICATE]
    assert setup.services == Services.IMAP | Services.POP | Services.IIS | Services.SMTP
    assert (setup.status, setup.friendly_name) == ("Valid", "Microsoft Exchange")
    assert (setup.root_ca_type, setup.exportable) == ("Registry", False)
    assert setup.provider_type == 12
    assert setup.recorded["Identity"] == f"Solo-E19A.Solo.com\\{SETUP_CERTIFICATE}"
    assert found[AUTH_CERTIFICATE].services == Services.SMTP
    assert found[WEB_MANAGEMENT_CERTIFICATE].services == Services.NONE
    assert exported.auth_certificate == AUTH_CERTIFICATE


def test_the_published_certificate_is_the_servers_own_and_a_strangers_is_ignored(
    exported: OrganizationExport,
) -> None:
    assert exported.published["SOLO-E19A"] == next(
        c.der for c in exported.certificates if c.thumbprint == SETUP_CERTIFICATE
    )
    assert any("D003810EBE1624145889D031FBB77ED2BD280FD3" in line for line in exported.ignored)
    assert any(SETUP_CERTIFICATE in line and "published" in line for line in exported.assumed)


def test_an_internal_certificate_that_names_the_server_is_published(
    tmp_path: Path, real: Path
) -> None:
    shutil.copy(real / "InternalTransportCertificate.xml", tmp_path)
    write(tmp_path, "Get-ExchangeServer", server("E2K16-1"))
    exported = read_exports(tmp_path)
    assert exported.published.keys() == {"E2K16-1"}
    assert "InternalTransportCertificate.xml: published for E2K16-1" in exported.taken


@pytest.mark.fact("certificate-facts 1.1")
def test_the_certificate_the_transport_service_names_is_published(
    tmp_path: Path, real: Path
) -> None:
    for name in ("Get-ExchangeServer", "Get-ExchangeCertificate"):
        shutil.copy(real / f"{name}.xml", tmp_path)
    named = "<Props><S N='Name'>SOLO-E19A</S><S N='InternalTransportCertificateThumbprint'>{}</S>"
    write(tmp_path, "Get-TransportService", f"{named.format(AUTH_CERTIFICATE)}</Props>")
    exported = read_exports(tmp_path)
    assert exported.published["SOLO-E19A"] == next(
        c.der for c in exported.certificates if c.thumbprint == AUTH_CERTIFICATE
    )
    write(tmp_path, "Get-TransportService", f"{named.format('AB' * 20)}</Props>")
    exported = read_exports(tmp_path)
    assert f"Get-TransportService.xml: {'AB' * 20} is in no exported store" in exported.ignored
    assert exported.published["SOLO-E19A"] == next(
        c.der for c in exported.certificates if c.thumbprint == SETUP_CERTIFICATE
    )


def test_accepted_domains_keep_their_wildcards_and_kinds(exported: OrganizationExport) -> None:
    assert [(d.name, d.domain, d.kind, d.is_default) for d in exported.accepted_domains] == [
        ("Solo.com", "Solo.com", DomainKind.AUTHORITATIVE, True),
        ("Contoso Wild", "*.contoso.local", DomainKind.AUTHORITATIVE, False),
        ("Wild .com", "*.com", DomainKind.INTERNAL_RELAY, False),
    ]
    assert exported.accepted_domains[1].covers("mail.contoso.local")


def test_faulty_wildcard_domains_are_taken_as_recorded(tmp_path: Path, real: Path) -> None:
    write(tmp_path, "Get-ExchangeServer", server("HUB01"))
    shutil.copy(real / "Get-AcceptedDomain.bad.xml", tmp_path / "Get-AcceptedDomain.xml")
    bad = read_exports(tmp_path).accepted_domains[-1]
    assert (bad.domain, bad.kind) == ("*", DomainKind.EXTERNAL_RELAY)


def test_the_real_send_connector_goes_to_the_only_server(exported: OrganizationExport) -> None:
    (connector,) = exported.send_connectors
    assert connector.name == "Mail to O365"
    assert connector.address_spaces == ("SMTP:*;1",)
    assert connector.smart_hosts == ("microsoft-com.mail.protection.outlook.com",)
    assert connector.tls_certificate_name == "<I>CN=localhost<S>CN=localhost"
    assert connector.max_message_size == 36_700_160
    assert connector.connection_inactivity_timeout == timedelta(minutes=10)
    assert connector.source_transport_servers == (exported.names.server("SOLO-E19A"),)
    assert any("WIN-CTD3L0RGEN4" in line for line in exported.assumed)


@pytest.mark.fact("certificate-facts 5.5")
def test_the_real_receive_connectors_have_exchanges_mechanisms_and_groups(
    exported: OrganizationExport,
) -> None:
    connectors = {c.name: c for c in exported.receive_connectors["SOLO-E19A"]}
    assert len(connectors) == 5
    default = connectors["Default WIN-CTD3L0RGEN4"]
    assert default.auth_mechanism == (
        AuthMechanism.TLS
        | AuthMechanism.BASIC_AUTH
        | AuthMechanism.BASIC_AUTH_REQUIRE_TLS
        | AuthMechanism.INTEGRATED
        | AuthMechanism.EXCHANGE_SERVER
    )
    assert default.permission_groups == (
        PermissionGroups.EXCHANGE_USERS
        | PermissionGroups.EXCHANGE_SERVERS
        | PermissionGroups.EXCHANGE_LEGACY_SERVERS
    )
    assert default.bindings == ("0.0.0.0:2525", "[::]:2525")
    assert default.fqdn == "Solo-E19A.Solo.com"
    client = connectors["Client Frontend WIN-CTD3L0RGEN4"]
    assert AuthMechanism.EXCHANGE_SERVER not in client.auth_mechanism
    assert client.permission_groups == PermissionGroups.EXCHANGE_USERS


def test_virtual_directories_keep_urls_and_authentication(exported: OrganizationExport) -> None:
    owa, ews = exported.virtual_directories
    assert (owa.kind, owa.server, owa.internal_url) == (
        "Owa", "SOLO-E19A", "https://solo-e19a.solo.com/owa",
    )  # fmt: skip
    assert owa.internal_authentication == ("Basic", "Fba")
    assert "OAuth" in ews.internal_authentication


def test_the_newest_change_tells_when_the_exports_were_made_at_the_earliest(
    exported: OrganizationExport,
) -> None:
    assert exported.last_changed is not None
    assert exported.last_changed > datetime(2021, 10, 6, 19, 24, tzinfo=UTC)


def test_every_file_is_either_taken_or_ignored_by_name(
    exported: OrganizationExport, real: Path
) -> None:
    said = "\n".join(exported.taken + exported.ignored)
    assert [path.name for path in real.glob("*.xml") if path.name not in said] == []


@pytest.mark.parametrize(
    ("build", "in_ad", "version", "number"),
    [
        ("8.3 (Build 83.6)", "8.3 (Build 30083.6)", Version.EXCHANGE_2007, 1912832083),
        ("14.3 (Build 123.4)", "14.3 (Build 30123.4)", Version.EXCHANGE_2010, 1937997947),
        ("15.0 (Build 1497.2)", "15.0 (Build 31497.2)", Version.EXCHANGE_2013, 1941997017),
        ("15.2 (Build 986.5)", "15.2 (Build 30986.5)", Version.EXCHANGE_2019, 1942127578),
        ("15.2 (Build 2562.17)", "15.2 (Build 32562.17)", Version.EXCHANGE_SE, 1942129154),
    ],
)
def test_a_version_is_read_from_what_exchange_displays(
    build: str, in_ad: str, version: Version, number: int
) -> None:
    assert version_of(f"Version {build}") is version
    assert serial_number(f"Version {build}") == f"Version {in_ad}"
    assert version_number(f"Version {build}") == number
    assert version_of(f"Version {in_ad}") is version


def test_a_version_nobody_knows_is_taken_for_2019() -> None:
    assert version_of("unheard of") is Version.EXCHANGE_2019
    assert (serial_number("unheard of"), version_number("unheard of")) == ("unheard of", 0)


def test_roles_of_2010_are_kept_apart(tmp_path: Path) -> None:
    build = "Version 14.3 (Build 123.4)"
    write(
        tmp_path, "Get-ExchangeServer",
        server("HUB01", build, "IsHubTransportServer"),
        server("CAS01", build, "IsClientAccessServer"),
        server("UM01", build, "IsUnifiedMessagingServer"),
        server("EDGE01", build, "IsEdgeServer"),
    )  # fmt: skip
    roles = {s.name: (s.roles, s.site) for s in read_exports(tmp_path).servers}
    assert roles == {
        "HUB01": (ServerRole.HUB, "Default-First-Site-Name"),
        "CAS01": (ServerRole.CLIENT_ACCESS, "Default-First-Site-Name"),
        "UM01": (ServerRole.UNIFIED_MESSAGING, "Default-First-Site-Name"),
        "EDGE01": (ServerRole.EDGE, ""),
    }


@pytest.mark.parametrize("name", ["", "..", "a/b", "HUB 01", "-HUB", "x" * 64])
def test_a_name_no_computer_can_have_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, "Get-ExchangeServer", server(name))
    with pytest.raises(
        InputInvalid, match=r"Get-ExchangeServer\.xml, line 1: .* no name of a server"
    ):
        read_exports(tmp_path)


def test_connectors_of_a_server_that_was_not_exported_are_left_out(
    tmp_path: Path, real: Path
) -> None:
    write(tmp_path, "Get-ExchangeServer", server("HUB01"), server("HUB02"))
    shutil.copy(real / "Get-ReceiveConnector.xml", tmp_path)
    shutil.copy(real / "Get-ExchangeCertificate.xml", tmp_path)
    exported = read_exports(tmp_path)
    assert exported.receive_connectors == {}
    assert exported.certificates == ()
    assert sum("its server WIN-CTD3L0RGEN4 was not exported" in s for s in exported.ignored) == 5
    assert "3 certificates of Solo-E19A, which was not exported" in exported.ignored


def test_a_certificate_exported_without_services_is_said_to_have_none(
    tmp_path: Path, real: Path
) -> None:
    text = (real / "InternalTransportCertificate.xml").read_text("utf-8-sig")
    named = text.replace("</Props>", "</Props><MS><S N='PSComputerName'>hub01.x.test</S></MS>")
    (tmp_path / "Get-ExchangeCertificate.xml").write_text(named)
    write(tmp_path, "Get-ExchangeServer", server("HUB01"))
    exported = read_exports(tmp_path)
    assert exported.certificates[0].services is None
    assert any("enabled for nothing" in line for line in exported.assumed)


def test_other_files_name_the_servers_when_the_first_was_not_exported(
    tmp_path: Path, real: Path
) -> None:
    shutil.copy(real / "Get-MailboxServer.xml", tmp_path)
    exported = read_exports(tmp_path)
    assert [(s.name, s.fqdn) for s in exported.servers] == [("SOLO-E19A", "SOLO-E19A.Solo.com")]
    assert any("only Get-MailboxServer.xml names them" in line for line in exported.assumed)


def test_a_folder_without_a_server_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"no Get-ExchangeServer\.xml") as caught:
        read_exports(tmp_path)
    assert "Export-Clixml" in caught.value.hint


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="No such file"):
        read_exports(tmp_path / "absent")


@pytest.mark.parametrize(
    ("cmdlet", "body", "message"),
    [
        ("Get-SendConnector", "<Objs>\n<Obj>", r"Get-SendConnector\.xml, line 2"),
        (
            "Get-ExchangeCertificate",
            '<Objs>\n<Obj><Props><BA N="RawData">MDA=</BA></Props></Obj></Objs>',
            r"Get-ExchangeCertificate\.xml, line 2: not a certificate",
        ),
        (
            "Get-ExchangeCertificate",
            '<Objs><Obj><MS><BA N="SerializationData">AAEA</BA></MS></Obj></Objs>',
            r"Get-ExchangeCertificate\.xml, line 1, offset 1 of SerializationData",
        ),
    ],
)
def test_one_malformed_file_stops_the_import_and_is_named(
    tmp_path: Path, cmdlet: str, body: str, message: str
) -> None:
    write(tmp_path, "Get-ExchangeServer", server("HUB01"))
    (tmp_path / f"{cmdlet}.xml").write_text(body)
    with pytest.raises(InputInvalid, match=message):
        read_exports(tmp_path)


def test_a_malformed_file_that_nothing_takes_is_only_ignored(tmp_path: Path) -> None:
    write(tmp_path, "Get-ExchangeServer", server("HUB01"))
    (tmp_path / "Get-Weather.xml").write_text("<not")
    assert read_exports(tmp_path).ignored == (
        "Get-Weather.xml: no export this project takes has that name",
    )
