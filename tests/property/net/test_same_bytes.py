"""The fast lane and the stream answer the bytes of the plain path, with writes in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.clock import SystemClock
from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.configuration import DirectoryConfiguration, ProfileName
from directory.dsa.instance import local_session, open_directory
from directory.dsa.session import LOCAL, Session
from directory.entropy import SeededEntropy
from directory.model import filter as f
from directory.model.controls import Control
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import (
    AddRequest,
    CompareRequest,
    DeleteRequest,
    LdapMessage,
    ModifyRequest,
    Reply,
    Request,
    Scope,
    SearchRequest,
)
from directory.model.modification import replace
from directory.net.agent import Agent
from directory.net.connection import ClientSession
from directory.net.server import DirectoryServer
from directory.wire.frame import FrameBuffer
from directory.wire.messages import encode_message

SUFFIX = DN.parse("DC=contoso,DC=test")
UNITS = SUFFIX.child("OU", "Units")
NAMES = [UNITS.child("OU", f"Unit {number}") for number in range(6)]


class Plain:
    """The same directory without its fast ways."""

    def __init__(self, agent: DirectoryServiceAgent) -> None:
        self._agent = agent

    def execute(
        self,
        session: Session,
        request: Request,
        controls: Sequence[Control] = (),
        *,
        message_id: int = 0,
    ) -> Iterator[Reply]:
        return self._agent.execute(session, request, controls, message_id=message_id)

    def abandon(self, session: Session, message_id: int) -> None:
        self._agent.abandon(session, message_id)

    def close(self, session: Session) -> None:
        self._agent.close(session)


class Wire:
    """A connection whose socket is a list."""

    def __init__(self, agent: Agent) -> None:
        self.written: list[bytes] = []
        server = DirectoryServer(agent, ())
        server.attach(asyncio.get_running_loop())
        self.is_quick = server.quick_search is not None
        self.client = ClientSession(server, is_tls=False)
        self.client.connection_made(cast("asyncio.Transport", self))
        self.client.session.identity = LOCAL

    def set_write_buffer_limits(self, **_: int) -> None:
        pass

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return ("127.0.0.1", 1)

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    async def ask(self, data: bytes) -> bytes:
        self.written.clear()
        self.client.data_received(data)
        for _ in range(20):
            await asyncio.sleep(0)
        return b"".join(self.written)


values = st.sampled_from(
    [b"Unit 1", b"unit 2", b"first", b"FIRST", b"second", b"x", b"organizationalUnit"]
)
attribute_names = st.sampled_from(
    ["ou", "OU", "description", "objectClass", "l", "name", "nothing"]
)
simple = st.one_of(
    st.builds(f.Equality, attribute_names, values),
    st.builds(f.Present, attribute_names),
    st.builds(f.Substrings, attribute_names, values, st.just(()), st.none()),
    st.builds(f.GreaterOrEqual, attribute_names, values),
)
equal = st.one_of(st.builds(f.Equality, attribute_names, values), st.just(f.Present("objectClass")))
search_filters = st.one_of(
    simple,
    st.builds(f.And, st.lists(simple, min_size=1, max_size=2).map(tuple)),
    st.builds(f.And, st.lists(equal, min_size=1, max_size=3).map(tuple)),
    st.builds(f.Or, st.lists(simple, min_size=1, max_size=2).map(tuple)),
    st.builds(f.Not, simple),
)
asked = st.builds(
    SearchRequest,
    st.sampled_from([SUFFIX, UNITS, *NAMES, DN.parse("ou=unit 1,ou=UNITS,dc=contoso,dc=test")]),
    st.sampled_from(list(Scope)),
    search_filters,
    st.sampled_from(
        [(), ("ou",), ("*", "+"), ("1.1",), ("OU", "description"), ("objectGUID", "l")]
    ),
    st.sampled_from([0, 1, 2, 100]),
    types_only=st.booleans(),
)
compared = st.builds(
    CompareRequest,
    st.sampled_from([SUFFIX, *NAMES, DN.parse("ou=unit 1,ou=UNITS,dc=contoso,dc=test")]),
    st.sampled_from(
        ["ou", "OU", "description", "objectClass", "name", "nothing", "entryDN", "ou;x"]
    ),
    values,
)
changes = st.one_of(
    st.builds(
        lambda dn, text: ModifyRequest(dn, (replace("description", text),)),
        st.sampled_from(NAMES),
        st.sampled_from([b"first", b"second"]),
    ),
    st.builds(DeleteRequest, st.sampled_from(NAMES)),
    st.builds(lambda dn: AddRequest(_unit(dn)), st.sampled_from(NAMES)),
)


def _unit(dn: DN) -> Entry:
    return Entry(dn, {"objectClass": (b"organizationalUnit",), "description": (b"first",)})


@pytest.fixture(scope="module", params=["generic", "ad"])
def agent(request: pytest.FixtureRequest) -> DirectoryServiceAgent:
    profile: ProfileName = request.param
    configuration = DirectoryConfiguration(
        profile=profile, naming_contexts=(SUFFIX,), password_cost_log2=4
    )
    agent = open_directory(configuration, clock=SystemClock(), entropy=SeededEntropy(2))
    top = Entry(SUFFIX, {"objectClass": (b"domain",), "dc": (b"contoso",)})
    for entry in ([top] if profile == "generic" else []) + [_unit(dn) for dn in (UNITS, *NAMES)]:
        list(agent.execute(local_session(agent), AddRequest(entry)))
    return agent


def test_a_dump_is_the_same_to_the_byte(agent: DirectoryServiceAgent) -> None:
    """And it is not empty: the comparison below would hold for nothing too."""

    async def dump(agent: Agent) -> bytes:
        return await Wire(agent).ask(encode_message(LdapMessage(7, SearchRequest(UNITS))))

    fast, plain = asyncio.run(dump(agent)), asyncio.run(dump(Plain(agent)))
    assert fast == plain
    assert b"OU=Units,DC=contoso,DC=test" in fast


@given(steps=st.lists(asked | compared | changes, min_size=1, max_size=12))
def test_every_way_of_answering_gives_the_same_bytes(
    agent: DirectoryServiceAgent, steps: list[Request]
) -> None:
    async def compare() -> None:
        fast, plain = Wire(agent), Wire(Plain(agent))
        assert fast.is_quick
        assert not plain.is_quick
        for step in steps:
            if not isinstance(step, SearchRequest | CompareRequest):
                list(agent.execute(local_session(agent), step))
                continue
            for number in (7, 8, 200, 9):  # who repeats a question may get the answer kept for it
                data = encode_message(LdapMessage(number, step))
                answer = await fast.ask(data)
                assert answer
                assert answer == await plain.ask(data)

    asyncio.run(compare())


def by_request(answers: bytes) -> dict[bytes, list[bytes]]:
    """What each request was answered, whatever came of others in between."""
    frames = FrameBuffer()
    frames.receive_data(answers)
    found: dict[bytes, list[bytes]] = {}
    while (frame := frames.next_frame()) is not None:
        found.setdefault(frame.id_element, []).append(frame.operation)
    assert not frames.waiting
    return found


@given(requests=st.lists(asked | compared, min_size=1, max_size=6), data=st.data())
def test_it_does_not_matter_where_a_stream_is_cut(
    agent: DirectoryServiceAgent,
    requests: list[SearchRequest | CompareRequest],
    data: st.DataObject,
) -> None:
    stream = b"".join(
        encode_message(LdapMessage(number, request))
        for number, request in enumerate([*requests, *requests], 120)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]

    async def compare() -> None:
        fast, plain = Wire(agent), Wire(Plain(agent))
        answers = b"".join([await fast.ask(piece) for piece in pieces])
        assert by_request(answers) == by_request(await plain.ask(stream))

    asyncio.run(compare())
