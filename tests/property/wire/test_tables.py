"""Adds sent as a table are those sent one by one, and their answers are read as if one by one."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from directory.model import ber
from directory.model.encoded import EntryForm, EntryTable
from directory.model.messages import AddRequest, LdapMessage
from directory.wire.connection import ClientConnection, ResponseReceived
from directory.wire.frame import MESSAGE_ID_MAX, Frame, FrameBuffer, envelope
from directory.wire.tables import ExpectedAnswers, encode_adds
from edgesync.port.awaited import AwaitedAdds

VALUES = st.sampled_from([b"a", b"b" * 60, b"c" * 119, b"d" * 130, b"e" * 300, b"f" * 70_000])
FORM = EntryForm(
    b"OU=Gateway", b"CN", ber.attribute(b"objectClass", (b"top",)), (b"objectClass", b"cn", b"sn")
)
IDS = st.sampled_from([1, 100, 127, 128, 255, 256, 32_000, 32_760, 2**24, MESSAGE_ID_MAX - 20])


@given(IDS, st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=12))
def test_messages_are_the_same(first: int, rows: list[tuple[bytes, bytes]]) -> None:
    columns = [
        [FORM.classes] * len(rows), [ber.attribute(b"cn", (v,)) for v, _ in rows],
        [ber.attribute(b"sn", (v,)) for _, v in rows],
    ]  # fmt: skip
    table = EntryTable(FORM, [value for value, _ in rows], columns)
    alone = ClientConnection()
    alone._last_id = first - 1
    assert encode_adds(table, first) == [alone.send(AddRequest(e))[1] for e in table.entries()]
    together = ClientConnection()
    together._last_id = first - 1
    assert together.send_adds(table) == (first, encode_adds(table, first))
    assert together.send(AddRequest(next(table.entries())))[0] == first + len(rows)


def test_numbers_start_again_after_the_largest() -> None:
    connection = ClientConnection()
    connection._last_id = MESSAGE_ID_MAX - 1
    table = EntryTable(FORM, [b"a", b"b"], [[FORM.classes] * 2] * 3)
    assert connection.send_adds(table)[0] == 1


def interpreted(frame: Frame) -> LdapMessage:
    event = ClientConnection().interpret(frame)
    assert isinstance(event, ResponseReceived)
    return event.message


def answer(number: int, code: int) -> bytes:
    return envelope(ber.integer(number), bytes((0x69, 7, 10, 1, code, 4, 0, 4, 0)))


@given(
    IDS, st.lists(st.sampled_from([0, 0, 0, 0, 0, 68]), min_size=1, max_size=40),
    st.lists(st.integers(1, 200), max_size=12), st.sampled_from(["in order", "shuffled"]),
    st.randoms(),
)  # fmt: skip
def test_each_add_gets_its_own_answer_however_it_comes(
    first: int, codes: list[int], cuts: list[int], order: str, chance: random.Random
) -> None:
    codes = codes[: MESSAGE_ID_MAX - first + 1]
    answers = [answer(number, code) for number, code in enumerate(codes, first)]
    if order == "shuffled":
        chance.shuffle(answers)
    stream = b"".join(answers)
    connection, awaited = ClientConnection(), AwaitedAdds(interpreted, first, len(codes))
    left = set(range(first, first + len(codes)))
    for size in [*cuts, len(stream)]:
        connection.receive_data(stream[:size])
        stream = stream[size:]
        while True:
            at_once = awaited.take_expected(connection)
            assert left >= {*at_once}
            left -= {*at_once}
            if at_once:
                continue
            frame = connection.next_frame()
            if frame is None:
                break
            assert awaited.take(frame)
            left.remove(frame.message_id)
    assert awaited.is_done
    assert not left
    assert [0 if r is None else int(r.code) for r in awaited.results] == codes


def test_answers_as_expected_are_read_at_once() -> None:
    frames = FrameBuffer()
    frames.receive_data(b"".join(answer(number, 0) for number in range(5, 25))[:-3])
    expected = ExpectedAnswers(5, 20)
    assert expected.take(frames.data, frames.at) == 19 * len(answer(5, 0))
    assert expected.seen == 19
