"""The RFC's bytes: hex on one side, the value on the other (RFC 4511, the section in each row)."""

from __future__ import annotations

import pytest

from directory.errors import DecodeError, LdapError, ResultCode
from directory.model import controls, messages
from directory.model.controls import Control
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Extensible, parse_filter
from directory.model.messages import DerefAliases, LdapMessage, LdapResult, Request, Response, Scope
from directory.model.modification import Modification, ModifyOperation
from directory.wire.messages import decode_message, encode_message

EXAMPLE = DN.parse("dc=example,dc=com")
NAME = "0411 64633d6578616d706c652c64633d636f6d"  # dc=example,dc=com
REFUSED = LdapResult(ResultCode.REFERRAL, "dc=com", "no", ("ldap://a/",))

OPERATIONS: list[tuple[str, str, Request | Response]] = [
    ("4.2 simple bind", "6011 020103 0406 636e3d626f62 8004 68757368",
     messages.BindRequest(3, "cn=bob", messages.SimpleCredentials(b"hush"))),
    ("4.2 SASL bind", "6011 020103 0400 a30a 0408 45585445524e414c",
     messages.BindRequest(3, "", messages.SaslCredentials("EXTERNAL"))),
    ("4.2.2 bind response", "6107 0a0100 0400 0400", messages.BindResponse(LdapResult())),
    ("4.3 unbind", "4200", messages.UnbindRequest()),
    ("4.5.1 search, and, not, substrings",
     (f"634c {NAME} 0a0102 0a0103 020105 020109 0101ff"
      " a01d a308 0402 636e 0402 6162 a211 a40f 0402 736e 3009 8001 61 8101 62 8201 63"
      " 3009 0402 636e 0403 312e31"),
     messages.SearchRequest(EXAMPLE, Scope.SUBTREE, parse_filter("(&(cn=ab)(!(sn=a*b*c)))"),
                            ("cn", "1.1"), 5, 9, True, DerefAliases.ALWAYS)),
    ("4.5.1.7.7 extensible match",
     (f"633c {NAME} 0a0102 0a0100 020100 020100 010100"
      " a916 8108 322e352e31332e35 8202 636e 8303 426f62 8401ff 3000"),
     messages.SearchRequest(EXAMPLE, filter=Extensible("cn", "2.5.13.5", b"Bob", True))),
    ("4.5.2 entry", f"6426 {NAME} 3011 300f 0402 6463 3109 0407 6578616d706c65",
     messages.SearchResultEntry(Entry(EXAMPLE, {"dc": (b"example",)}))),
    ("4.5.2 reference", "730b 0409 6c6461703a2f2f612f",
     messages.SearchResultReference(("ldap://a/",))),
    ("4.1.10 referral", "651c 0a010a 0406 64633d636f6d 0402 6e6f a30b 0409 6c6461703a2f2f612f",
     messages.SearchResultDone(REFUSED)),
    ("4.6 modify, with RFC 4525 increment",
     (f"6634 {NAME} 301f 300e 0a0102 3009 0402 6463 3103 0401 78"
      " 300d 0a0103 3008 0401 6e 3103 0401 31"),
     messages.ModifyRequest(EXAMPLE, (
         Modification(ModifyOperation.REPLACE, "dc", (b"x",)),
         Modification(ModifyOperation.INCREMENT, "n", (b"1",))))),
    ("4.7 add", f"6826 {NAME} 3011 300f 0402 6463 3109 0407 6578616d706c65",
     messages.AddRequest(Entry(EXAMPLE, {"dc": (b"example",)}))),
    ("4.8 delete", "4a11 64633d6578616d706c652c64633d636f6d", messages.DeleteRequest(EXAMPLE)),
    ("4.9 modify DN", f"6c26 {NAME} 0406 64633d6e6577 0101ff 8006 64633d6f7267",
     messages.ModifyDnRequest(EXAMPLE, DN.parse("dc=new"), True, DN.parse("dc=org"))),
    ("4.10 compare", f"6e1c {NAME} 3007 0402 6463 0401 78",
     messages.CompareRequest(EXAMPLE, "dc", b"x")),
    ("4.11 abandon", "5001 02", messages.AbandonRequest(2)),
    ("4.14 StartTLS", "7718 8016 312e332e362e312e342e312e313436362e3230303337",
     messages.ExtendedRequest("1.3.6.1.4.1.1466.20037")),
    ("4.12 extended response", "780f 0a0100 0400 0400 8a03 312e32 8b01 76",
     messages.ExtendedResponse(LdapResult(), "1.2", b"v")),
    ("4.13 intermediate", "7908 8003 312e32 8101 76", messages.IntermediateResponse("1.2", b"v")),
    ("RFC 4533 2.5 refreshPresent",
     "7922 8018 312e332e362e312e342e312e343230332e312e392e312e34 8106 a204 0402 6331",
     messages.SyncInfo(b"c1", messages.SyncPhase.PRESENT)),
]  # fmt: skip

CONTROLS: list[tuple[str, str, Control]] = [
    ("RFC 2696 2",
     ("3027 0416 312e322e3834302e3131333535362e312e342e333139 0101ff"
      " 040a 3008 020200ff 0402 6363"),
     controls.PagedResults(size=255, cookie=b"cc", critical=True)),
    ("MS-ADTS DirSync as Windows and ldap3 write it",
     ("302b 0416 312e322e3834302e3131333535362e312e342e383431"
      " 0411 300f 0205 0080000001 020203e8 0402 6363"),
     controls.DirSync(flags=0x80000001, max_bytes=1000, cookie=b"cc")),
]  # fmt: skip


def _message(operation: str, extra: str = "") -> bytes:
    inner = bytes.fromhex("020101" + operation + extra)
    return bytes((0x30, len(inner))) + inner


@pytest.mark.parametrize(("section", "octets", "value"), OPERATIONS, ids=[o[0] for o in OPERATIONS])
def test_an_operation_has_the_bytes_of_its_section(
    section: str, octets: str, value: Request | Response
) -> None:
    message = LdapMessage(1, value)
    assert encode_message(message).hex(" ") == _message(octets).hex(" ")
    assert decode_message(_message(octets)) == message


@pytest.mark.parametrize(("section", "octets", "value"), CONTROLS, ids=[c[0] for c in CONTROLS])
def test_a_control_has_the_bytes_of_its_section(section: str, octets: str, value: Control) -> None:
    raw = bytes.fromhex(octets)
    message = LdapMessage(1, messages.UnbindRequest(), (value,))
    extra = (bytes((0xA0, len(raw))) + raw).hex()
    assert encode_message(message).hex(" ") == _message("4200", extra).hex(" ")
    assert decode_message(_message("4200", extra)) == message


def test_dirsync_flags_are_accepted_as_a_negative_number_too() -> None:
    """libldap writes 0x80000000 in four octets (peers sheet, section 3)."""
    raw = bytes.fromhex(
        "3027 0416 312e322e3834302e3131333535362e312e342e383431 040d 300b 0204 80000000 020100 0400"
    )
    read = decode_message(_message("4200", (bytes((0xA0, len(raw))) + raw).hex()))
    assert read.controls == (controls.DirSync(flags=0x80000000),)


def test_lengths_may_be_longer_than_needed() -> None:
    """BER allows it, and Windows always writes four octets."""
    raw = "30840000000d 02840000000101 428400000000"
    assert decode_message(bytes.fromhex(raw)).operation == (messages.UnbindRequest())


def test_elements_the_rfc_does_not_know_are_ignored_at_the_end() -> None:
    raw = bytes.fromhex("020101 4200 8501 00 8600")
    assert decode_message(bytes((0x30, len(raw))) + raw).operation == messages.UnbindRequest()


BAD: list[tuple[str, str]] = [
    ("not a sequence", "3105 020101 4200"),
    ("indefinite length", "3080 020101 4200 0000"),
    ("no message id", "3002 4200"),
    ("negative message id", "3005 0201ff 4200"),
    ("operation cut off", "3006 020101 630a 04"),
    ("unknown operation", "3005 020101 5f00"),
    ("bind version is text", "300c 020101 6007 040103 0400 8000"),
    ("attribute is not UTF-8", "300a 020101 7705 8003 ff3131"),
    ("boolean of two octets",
     "3016 020101 6c11 0404 64633d78 0404 64633d79 01020000"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "octets"), BAD, ids=[b[0] for b in BAD])
def test_bytes_that_are_not_ldap_are_refused_with_offset_and_reason(
    fault: str, octets: str
) -> None:
    with pytest.raises(DecodeError, match="offset"):
        decode_message(bytes.fromhex(octets))


ANSWERED: list[tuple[str, str, ResultCode]] = [
    ("a name that is no DN", "4a03 616263", ResultCode.INVALID_DN_SYNTAX),
    ("an unknown way to authenticate", "6007 020103 0400 8500",
     ResultCode.AUTH_METHOD_NOT_SUPPORTED),
    ("an unknown scope", "6316 0400 0a0109 0a0100 020100 020100 010100 8701 61 3000",
     ResultCode.PROTOCOL_ERROR),
    ("an unknown filter", "6315 0400 0a0102 0a0100 020100 020100 010100 8f00 3000",
     ResultCode.PROTOCOL_ERROR),
    ("a negative size limit", "6316 0400 0a0102 0a0100 0201ff 020100 010100 8701 61 3000",
     ResultCode.PROTOCOL_ERROR),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "octets", "code"), ANSWERED, ids=[a[0] for a in ANSWERED])
def test_a_request_that_makes_no_sense_has_an_answer(
    fault: str, octets: str, code: ResultCode
) -> None:
    with pytest.raises(LdapError) as refusal:
        decode_message(_message(octets))
    assert refusal.value.code == code
