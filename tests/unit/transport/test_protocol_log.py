"""Protocol logs byte for byte, their files, and reading them back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from directory.clock import ManualClock
from edgesync.config import PROFILES, Version
from edgesync.errors import InputInvalid
from edgesync.log_files import LogLimits
from edgesync.transport.log_reader import parse_log, read_log, sessions
from edgesync.transport.protocol_log import LogKind, ProtocolLog, SessionLog
from tests.support.mail_bench import START, subscribed
from tests.unit.transport.conversation import as_server

AT = datetime(2019, 1, 25, 0, 3, 58, 478000, tzinfo=UTC)
HEADER = (
    "#Software: Microsoft Exchange Server\r\n"
    "#Version: 8.0.0.0\r\n"
    "#Log-type: SMTP Receive Protocol Log\r\n"
    "#Date: 2019-01-25T00:03:58.478Z\r\n"
    "#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,"
    "event,data,context\r\n"
)
REAL = (
    "\ufeff#Software: Microsoft Exchange Server\r\n"
    "#Version: 15.0.0.0\r\n"
    "#Log-type: SMTP Send Protocol Log\r\n"
    "#Date: 2019-01-25T00:03:58.478Z\r\n"
    "#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,"
    "event,data,context\r\n"
    "2019-01-25T00:03:58.478Z,Internet,08D675E58CA1DA38,0,,203.0.113.9:25,*,,attempting to"
    " connect\r\n"
    "2019-01-25T00:03:58.712Z,Internet,08D675E58CA1DA38,1,10.0.0.5:4711,203.0.113.9:25,+,,\r\n"
    '2019-01-25T00:03:58.900Z,Internet,08D675E58CA1DA38,2,10.0.0.5:4711,203.0.113.9:25,<,"220 mx'
    ' ESMTP, hello ""you""",\r\n'
)


def log_in(
    folder: Path, version: Version = Version.EXCHANGE_2007, limits: LogLimits | None = None
) -> tuple[ProtocolLog, ManualClock]:
    clock = ManualClock(AT)
    return ProtocolLog(LogKind.RECEIVE, PROFILES[version], clock, folder, limits), clock


@pytest.mark.fact("certificate-facts 5.4")
def test_a_file_has_exchanges_name_header_and_rows(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path)
    session = SessionLog(
        log, "HUB01\\Default HUB01", verbose=True, local="10.0.0.1:25", remote="10.0.0.9:4711"
    )
    session.connected()
    session.sent("220 hub01 Microsoft ESMTP MAIL Service ready at Fri, 25 Jan 2019")
    session.received('MAIL FROM:<"a b"@x.test>')
    session.disconnected("Remote")
    text = (tmp_path / "RECV20190125-1.LOG").read_bytes().decode()
    start = "2019-01-25T00:03:58.478Z,HUB01\\Default HUB01,08D682589AC41AE0,"
    assert text == HEADER + "".join(
        (
            start + "0,10.0.0.1:25,10.0.0.9:4711,+,,\r\n",
            start + "1,10.0.0.1:25,10.0.0.9:4711,>,"
            '"220 hub01 Microsoft ESMTP MAIL Service ready at Fri, 25 Jan 2019",\r\n',
            start + '2,10.0.0.1:25,10.0.0.9:4711,<,"MAIL FROM:<""a b""@x.test>",\r\n',
            start + "3,10.0.0.1:25,10.0.0.9:4711,-,,Remote\r\n",
        )
    )


@pytest.mark.fact("certificate-facts 5.4")
@pytest.mark.parametrize(
    ("version", "name", "number"),
    [
        (Version.EXCHANGE_2007, "RECV20190125-1.LOG", "8.0.0.0"),
        (Version.EXCHANGE_2010, "RECV20190125-1.LOG", "14.0.0.0"),
        (Version.EXCHANGE_2019, "RECV2019012500-1.LOG", "15.0.0.0"),
    ],
)
def test_names_and_version_lines_differ_by_version(
    tmp_path: Path, version: Version, name: str, number: str
) -> None:
    log, _ = log_in(tmp_path, version)
    SessionLog(log, "c", verbose=True).connected()
    assert f"#Version: {number}\r\n" in (tmp_path / name).read_bytes().decode()


@pytest.mark.fact("certificate-facts 5.4")
@pytest.mark.fact("edgesync-facts 4.6")
def test_a_file_has_ten_megabytes_all_have_250_and_live_thirty_days() -> None:
    assert LogLimits() == LogLimits(10 * 1024**2, 250 * 1024**2, timedelta(days=30))


@pytest.mark.fact("certificate-facts 5.4")
def test_files_roll_over_when_full_and_begin_anew_each_day(tmp_path: Path) -> None:
    log, clock = log_in(tmp_path, limits=LogLimits(file_size=1000))
    session = SessionLog(log, "c", verbose=True)
    for _ in range(30):
        session.sent("x" * 60)
    clock.advance(timedelta(days=1))
    session.sent("tomorrow")
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names[0] == "RECV20190125-1.LOG"
    assert names[-1] == "RECV20190126-1.LOG"
    assert len(names) > 3
    assert all(p.stat().st_size <= 1200 for p in tmp_path.iterdir())


@pytest.mark.fact("certificate-facts 5.4")
def test_logging_is_circular_in_size_and_age(tmp_path: Path) -> None:
    log, clock = log_in(tmp_path, limits=LogLimits(file_size=1000, folder_size=4000))
    session = SessionLog(log, "c", verbose=True)
    for _ in range(200):
        session.sent("x" * 60)
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < 6500
    clock.advance(timedelta(days=31))
    session.sent("later")
    assert [p.name for p in tmp_path.iterdir()] == ["RECV20190225-1.LOG"]


def test_a_reopened_log_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for _ in range(2):
        log, _ = log_in(tmp_path)
        SessionLog(log, "c", verbose=True).connected()
        text = (tmp_path / "RECV20190125-1.LOG").read_text()
    assert text.count("#Fields") == 1
    assert text.count(",+,") == 2


def test_a_connector_that_does_not_log_leaves_no_file(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path / "logs")
    SessionLog(log, "c", verbose=False).connected()
    assert not (tmp_path / "logs").exists()


def test_session_ids_never_repeat_at_one_instant(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path)
    ids = [SessionLog(log, "c", verbose=True).id for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(len(i) == 16 and int(i, 16) for i in ids)


@pytest.mark.fact("certificate-facts 5.4")
def test_a_trusted_session_logs_certificates_tls_and_rights_in_order() -> None:
    organization = subscribed()
    edge = organization.machines["EDGE01"]
    as_server(edge, organization.machines["HUB01"])
    notes = [(r.data, r.context) for r in edge.host.receive_log.recent if r.event == "*"]
    contexts = [context for _, context in notes]
    assert contexts == [
        "Set Session Permissions", "Sending certificate", "Certificate subject",
        "Certificate issuer name", "Certificate serial number", "Certificate thumbprint",
        "Certificate alternate names", "Received certificate", "Certificate thumbprint", "",
        "Set Session Permissions",
    ]  # fmt: skip
    assert notes[2][0] == "CN=EDGE01"
    assert notes[6][0] == "EDGE01;edge01.contoso.test"
    assert notes[9][0].startswith("TLS protocol SP_PROT_TLS1_3_SERVER negotiation succeeded using")


@pytest.mark.fact("certificate-facts 5.4")
def test_newest_builds_write_one_row_per_certificate_and_ehlo() -> None:
    organization = subscribed(Version.EXCHANGE_2019)
    edge = organization.machines["EDGE01"]
    as_server(edge, organization.machines["HUB01"])
    rows = list(edge.host.receive_log.recent)
    hello = next(r for r in rows if r.event == ">" and "Hello" in r.data)
    assert hello.data.startswith(
        "250  edge01.contoso.test Hello [10.9.9.9] SIZE 10485760 PIPELINING"
    )
    sent = next(r for r in rows if r.context.startswith("Sending certificate "))
    assert sent.data.startswith("CN=EDGE01 CN=EDGE01 ")


@pytest.mark.fact("certificate-facts 5.4")
def test_a_password_never_reaches_the_log() -> None:
    from base64 import b64encode

    from tests.unit.transport.conversation import greeted

    organization = subscribed()
    hub = organization.machines["HUB01"]
    hub.host.authenticate = lambda user, word: "CONTOSO\\amy" if word == "pa55word" else None
    caller = greeted(hub)
    caller.start_tls("STARTTLS")
    caller.hello()
    assert caller.say("AUTH LOGIN") == ["334 VXNlcm5hbWU6"]
    assert caller.say(b64encode(b"amy").decode()) == ["334 UGFzc3dvcmQ6"]
    secret = b64encode(b"pa55word").decode()
    assert caller.say(secret) == ["235 2.7.0 Authentication successful"]
    rows = "\n".join(hub.log_rows())
    assert secret not in rows
    assert b64encode(b"amy").decode() not in rows
    assert "CONTOSO\\amy,authenticated" in rows
    assert caller.say("MAIL FROM:<amy@contoso.test>") == ["250 2.1.0 Sender OK"]


def test_a_wrong_password_is_refused_with_event_1035() -> None:
    from tests.unit.transport.conversation import greeted

    hub = subscribed().machines["HUB01"]
    caller = greeted(hub)
    caller.start_tls("STARTTLS")
    caller.hello()
    caller.say("AUTH LOGIN", "YW15")
    assert caller.say("d3Jvbmc=") == ["535 5.7.3 Authentication unsuccessful"]
    assert hub.events[-1].kind.id == 1035


def test_a_real_log_is_read_with_its_quoting_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "SEND20190125-1.LOG"
    path.write_bytes(REAL.encode())
    rows = list(read_log(path))
    assert [row.event for row in rows] == ["*", "+", "<"]
    assert rows[2].data == '220 mx ESMTP, hello "you"'
    assert rows[0].at == AT
    assert list(sessions(rows)) == ["08D675E58CA1DA38"]
    assert [row.render() for row in rows] == REAL.split("\r\n")[5:-1]


def test_a_row_that_is_still_being_written_is_left_out() -> None:
    assert len(list(parse_log(REAL + "2019-01-25T00:03:59"))) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello\nworld\n", "line 1: no #Fields"),
        ("", "no #Fields line"),
        ("#Fields: date-time,data\r\n", "no field connector-id"),
        (REAL + "2019-01-25T00:03:59\r\n" + "x" * 10, "line 9: 1 fields instead of 9"),
        (REAL.replace(",+,", ",?,"), "line 7: event '\\?'"),
        (REAL.replace("2019-01-25T00:03:58.712Z", "yesterday"), "line 7"),
    ],
)
def test_what_is_no_protocol_log_is_named_with_its_line(text: str, words: str) -> None:
    with pytest.raises(InputInvalid, match=words):
        list(parse_log(text, "x.LOG"))


def test_a_missing_file_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="cannot be read") as caught:
        list(read_log(tmp_path / "none.LOG"))
    assert caught.value.hint
    assert START.year == 2026


def test_a_line_that_is_no_command_is_not_written_down() -> None:
    from tests.unit.transport.conversation import greeted

    hub = subscribed().machines["HUB01"]
    caller = greeted(hub)  # in clear: AUTH LOGIN is refused, and the client goes on regardless
    answers = caller.say("AUTH LOGIN", "YW15", "cGE1NXdvcmQ=")
    assert [a[:3] for a in answers] == ["504", "500", "500"]
    rows = "\n".join(hub.log_rows())
    assert "YW15" not in rows
    assert "cGE1NXdvcmQ=" not in rows
    assert rows.count("<unrecognized command>") == 2


def test_hub_to_hub_without_a_certificate_is_no_failed_direct_trust() -> None:
    from tests.unit.transport.conversation import greeted

    hub = subscribed().machines["HUB01"]
    greeted(hub).start_tls("X-ANONYMOUSTLS")
    assert "Direct trust failed" not in "\n".join(hub.log_rows())
