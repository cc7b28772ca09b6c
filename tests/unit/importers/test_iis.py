"""IIS's configuration tells where a server listens and what a path asks of a client."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesync.errors import InputInvalid
from edgesync.lab.importers.iis import IisBinding, IisConfiguration, SslFlags, parse_iis, read_iis
from tests.support.peers import require_data

SITE_WITHOUT_ADDRESS = "<sites><site id='1'><binding protocol='http'/></site></sites>"


@pytest.fixture
def real() -> IisConfiguration:
    return read_iis(require_data("exchange-2019-clixml/applicationHost.config"))


def test_the_real_sites_have_their_bindings_and_applications(real: IisConfiguration) -> None:
    default, back_end = real.sites
    assert (default.name, default.id) == ("Default Web Site", 1)
    assert IisBinding("https", "", 443) in default.bindings
    assert IisBinding("http", "127.0.0.1", 80) in default.bindings
    assert {binding.protocol for binding in default.bindings} == {"http", "https"}
    assert [b.port for b in back_end.bindings] == [81, 444]
    assert {"/owa", "/EWS", "/Microsoft-Server-ActiveSync"} <= set(default.applications)


@pytest.mark.fact("certificate-facts 7.1")
def test_the_real_paths_ask_for_tls_and_client_certificates(real: IisConfiguration) -> None:
    assert real.ssl_flags("Default Web Site") == SslFlags.SSL | SslFlags.SSL_128
    assert SslFlags.NEGOTIATE_CERT in real.ssl_flags("exchange back end/powershell")
    assert real.ssl_flags("Default Web Site/owa") == SslFlags.SSL | SslFlags.SSL_128
    assert real.ssl_flags("Default Web Site/owa/Calendar") == SslFlags.NONE
    assert real.ssl_flags("Some Other Site") == SslFlags.NONE


def test_a_path_says_which_authentication_it_switches_on() -> None:
    data = b"""<configuration><location path="a"><system.webServer><security><authentication>
        <basicAuthentication enabled="true" /><windowsAuthentication enabled="false" />
        </authentication></security></system.webServer></location></configuration>"""
    assert parse_iis(data, "x").locations[0].authentication == ("basic",)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<web/>", "line 1: <web> is not the root element configuration"),
        (
            "<configuration>\n<sites><site name='a' id='one'/></sites></configuration>",
            "line 2: <site> has no number in id ('one')",
        ),
        (
            f"<configuration>{SITE_WITHOUT_ADDRESS}</configuration>",
            "<binding> has no bindingInformation of address:port:host",
        ),
        (
            "<configuration><location><access sslFlags='Tls'/></location></configuration>",
            "<access> has an unknown word in sslFlags: 'Tls'",
        ),
    ],
)
def test_a_malformed_configuration_is_refused_by_line(body: str, reason: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        parse_iis(body.encode(), "x")
    assert reason in caught.value.message


@given(st.binary(max_size=200))
def test_any_bytes_as_configuration(data: bytes) -> None:
    with contextlib.suppress(InputInvalid):
        parse_iis(b"<configuration>" + data + b"</configuration>", "x")
