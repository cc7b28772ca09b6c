"""Values in words: times, flags and identifiers as people read them, raw for programs."""

from __future__ import annotations

from uuid import UUID

import pytest

from edgesync.operations.decoding import json_value, shown

SID = bytes.fromhex("0105000000000005150000000102030405060708090a0b0cf4010000")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("whenCreated", b"20261102080003.0Z", "2026-11-02T08:00:03Z"),
        ("modifyTimestamp", b"20261102080003Z", "2026-11-02T08:00:03Z"),
        ("whenChanged", b"yesterday", "yesterday"),
        ("pwdLastSet", b"0", "never"),
        ("accountExpires", b"9223372036854775807", "never"),
        ("pwdLastSet", b"116444736000000000", "1970-01-01T00:00:00Z"),
        ("objectSid", SID, "S-1-5-21-67305985-134678021-202050057-500"),
        ("objectSid", SID[:-1], SID[:-1][:24].hex(" ") + " … (27 bytes)"),
        ("objectGUID", UUID(int=7).bytes_le, str(UUID(int=7))),
        (
            "userAccountControl",
            b"66050",
            "66050 (ACCOUNTDISABLE NORMAL_ACCOUNT DONT_EXPIRE_PASSWD)",
        ),
        ("msExchCurrentServerRoles", b"64", "64 (EDGE)"),
        ("msExchTransportServerFlags", b"0", "0 (NONE)"),
        ("msExchTransportServerFlags", b"not a number", "not a number"),
        ("cn", b"plain", "plain"),
    ],
)
def test_a_value_in_words(name: str, value: bytes, words: str) -> None:
    assert shown(name, value) == words


def test_programs_get_times_and_flags_as_the_directory_has_them() -> None:
    assert json_value("whenCreated", b"20261102080003.0Z") == "20261102080003.0Z"
    assert json_value("userAccountControl", b"514") == "514"
    assert json_value("objectSid", SID) == "S-1-5-21-67305985-134678021-202050057-500"
    assert json_value("other", b"\xff") == {"base64": "/w=="}
