"""Adds that arrive together are answered as those that arrive alone, whatever is between them."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa.session import LOCAL
from directory.model import messages as m
from directory.model.controls import Control, PostRead
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.modification import replace
from directory.net.limits import TOGETHER
from directory.wire.connection import ServerConnection
from directory.wire.frame import Frame, FrameBuffer
from directory.wire.messages import encode_message
from tests.property.net.test_same_bytes import Plain, Wire
from tests.support.directories import GATEWAY, Bench, adam

VALUES = st.sampled_from([(b"x",), (b"x",), (b"y", b"z"), (b"x", b"X"), (b"",), (b"\xff",)])
PEOPLE = st.tuples(st.just("add"), st.integers(0, 40), st.just((b"x",)), st.just(False))
ODD = st.tuples(st.just("add"), st.integers(0, 40), VALUES, st.booleans())
OTHERS = st.sampled_from([("modify",), ("delete",), ("unknown",)])
Step = tuple[object, ...]


class Pipe(Wire):
    """A connection that may stop reading for a turn."""

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    async def ask(self, data: bytes) -> bytes:
        answers = [await super().ask(data)]
        while answers[-1]:  # until nothing was said for a while
            self.written.clear()
            for _ in range(20):
                await asyncio.sleep(0)
            answers.append(b"".join(self.written))
        return b"".join(answers)


def message(number: int, step: Step) -> bytes:
    name = GATEWAY.child("CN", "n1")
    controls: tuple[Control, ...] = ()
    request: m.Request
    match step:
        case ("add", int() as at, tuple() as values, bool() as is_read):
            cn = f"n{at}"
            entry = Entry(GATEWAY.child("CN", cn), {
                "objectClass": (b"contact",), "cn": (cn.encode(),), "description": values,
            })  # fmt: skip
            request = m.AddRequest(entry)
            controls = (PostRead(attributes=("cn",)),) if is_read else ()
        case ("modify",):
            request = m.ModifyRequest(name, ())
        case ("delete",):
            request = m.DeleteRequest(name)
        case _:
            request = m.CompareRequest(DN.parse("CN=nobody"), "cn", b"x")
    return encode_message(m.LdapMessage(number, request, controls))


def gateway() -> Bench:
    made = adam()
    made.add(GATEWAY, objectClass="organizationalUnit")
    return made


def content(made: Bench) -> object:
    store = made.agent.store
    entries = [(e.id, e.name, e.blobs, e.guid, e.created, e.changed) for e in store.dit.live()]
    return entries, sorted(map(repr, store.indexes.contents())), store.usn, store.verify()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(PEOPLE, PEOPLE, PEOPLE, ODD, OTHERS), min_size=1, max_size=30),
    st.lists(st.integers(1, 400), max_size=4),
)
def test_what_arrives_in_one_piece_is_answered_as_what_arrives_alone(
    steps: list[Step], cuts: list[int]
) -> None:
    messages = [message(number, step) for number, step in enumerate(steps, 1)]
    whole = b"".join(messages)
    places = sorted({min(cut * 7, len(whole)) for cut in cuts} | {0, len(whole)})
    portions = [whole[a:b] for a, b in pairwise(places)]

    async def both() -> None:
        together, alone = gateway(), gateway()
        quick, plain = Pipe(together.agent), Pipe(Plain(alone.agent))
        quick.client.session.identity = LOCAL
        answers = b"".join([await quick.ask(portion) for portion in portions])
        wanted = b"".join([await plain.ask(one) for one in messages])
        assert answers == wanted
        assert content(together) == content(alone)

    asyncio.run(both())


def test_a_long_run_of_adds_is_carried_out_in_parts() -> None:
    async def many() -> bytes:
        made = gateway()
        wire = Pipe(made.agent)
        count = 3 * TOGETHER + 5
        data = [message(n, ("add", n, (b"x",), False)) for n in range(1, count + 1)]
        answers = await wire.ask(b"".join(data))
        assert len(made.search(GATEWAY, "(description=x)").names) == count
        return answers

    buffer = FrameBuffer()
    buffer.receive_data(asyncio.run(many()))
    numbers = []
    while (frame := buffer.next_frame()) is not None:
        numbers.append(frame.message_id)
    assert numbers == list(range(1, 3 * TOGETHER + 6))


def test_a_long_run_of_modifies_is_carried_out_in_parts_and_none_is_lost() -> None:
    async def many() -> bytes:
        made = gateway()
        wire = Pipe(made.agent)
        await wire.ask(message(1, ("add", 1, (b"x",), False)))
        count = 3 * TOGETHER + 5
        dn = GATEWAY.child("CN", "n1")
        changes = [m.ModifyRequest(dn, (replace("description", b"%d" % n),)) for n in range(count)]
        answers = await wire.ask(
            b"".join(encode_message(m.LdapMessage(n, r)) for n, r in enumerate(changes, 2))
        )
        assert made.search(GATEWAY, f"(description={count - 1})").names == [str(dn)]
        return answers

    buffer = FrameBuffer()
    buffer.receive_data(asyncio.run(many()))
    numbers = []
    while (frame := buffer.next_frame()) is not None:
        numbers.append(frame.message_id)
    assert numbers == list(range(2, 3 * TOGETHER + 7))


@given(st.lists(st.sampled_from([b"\x42\x00", b"\x4a\x00", b"\x4a\x01x", b""]), max_size=4),
       st.binary(max_size=3), st.integers(0, 40))  # fmt: skip
def test_what_is_not_of_a_kind_stays_where_it_is(
    operations: list[bytes], odd: bytes, cut: int
) -> None:
    stream = b"".join(b"\x30%c\x02\x01\x01%b" % (3 + len(o), o) for o in operations) + odd
    stream = stream[: max(0, len(stream) - cut)]
    plain, glancing = ServerConnection(), ServerConnection()
    for connection in (plain, glancing):
        connection.receive_data(stream)
    while True:
        wanted = plain.next_frame()
        found: object = glancing.next_of(0x4A)
        if found is None:
            found = glancing.next_frame()
            assert not isinstance(found, Frame) or found.operation[0] != 0x4A
        assert found == wanted
        if not isinstance(wanted, Frame):
            return
