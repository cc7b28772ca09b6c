"""What is passed on in wire form is what the plain way makes of the values."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from directory.model import ber
from directory.model.controls import UnknownControl
from directory.model.dn import DN
from directory.model.encoded import EncodedEntry, search_result_entry, split_operation
from directory.model.entry import Entry
from directory.model.filter import ANY_ENTRY
from directory.model.messages import AddRequest, LdapMessage, LdapResult, Scope, SearchResultDone
from directory.wire.connection import ClientConnection, ResponseReceived
from directory.wire.encode import encode_operation
from directory.wire.entries import encode_entry
from directory.wire.frame import Frame, FrameBuffer, envelope
from directory.wire.messages import encode_message
from edgesync.organization.address_hash import hash_with_type
from edgesync.port.awaited import AwaitedSearch, AwaitedWrites
from edgesync.sync.kinds import AttributeRule, Identity, ReplicatedKind
from edgesync.sync.plan import plan
from edgesync.sync.project import Projector, source_guid
from edgesync.sync.transform import TRANSFORMATIONS, Setting

BASE = DN.parse("CN=Recipients,OU=MSExchangeGateway")
NAMES = ["mail", "MAIL", "proxyAddresses", "proxyaddresses", "title", "cn", "CN", "jpegPhoto"]
VALUES = st.lists(
    st.one_of(
        st.sampled_from([b"SMTP:a@x", b"smtp:A@X", b"x" * 127, b"y" * 300, b"\0", b"1\0"]),
        st.text(max_size=5).map(str.encode),
    ),
    max_size=4,
).map(tuple)
ENTRIES = st.builds(
    Entry,
    st.sampled_from(["CN=a b,DC=x", "CN=\\,é,DC=x", "CN=a,OU=b,DC=x"]).map(DN.parse),
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5),
)
RULES = (
    AttributeRule("mail", "mail"), AttributeRule("proxyAddresses", "proxyAddresses", "hash"),
    AttributeRule("title", "description"), AttributeRule("jpegPhoto", "description"),
)  # fmt: skip


def kind(identity: Identity) -> ReplicatedKind:
    named = identity is Identity.GUID_NAME
    return ReplicatedKind(
        "person", "people", DN.parse("DC=x"), Scope.SUBTREE, ANY_ENTRY, BASE,
        (b"top", b"contact"), RULES, identity, Setting((), hash_with_type), ANY_ENTRY,
        key="cn" if named else "employeeNumber", key_is_text=named,
    )  # fmt: skip


def plainly(entry: Entry, wanted: ReplicatedKind) -> Entry:
    """The entry that the target should get, from the values alone."""
    guid = source_guid(entry)
    attributes: dict[str, tuple[bytes, ...]] = {}
    for rule in wanted.rules:
        values = entry.values(rule.source)
        made = TRANSFORMATIONS[rule.transformation](values, wanted.setting) if values else ()
        if made:
            attributes[rule.target] = attributes.get(rule.target, ()) + made
    name = str(guid)
    key = name.encode()
    if wanted.identity is not Identity.GUID_NAME:
        name, key = entry.text("cn") or entry.dn.rdn.value, guid.bytes_le
    attributes.setdefault("cn", (name.encode(),))
    attributes.setdefault(wanted.key, (key,))
    return Entry(BASE.child("CN", name), {"objectClass": wanted.classes, **attributes})


def with_guid(entry: Entry, guid: UUID, *, is_text: bool) -> Entry:
    """A source's entry; names that fold alike are one attribute there."""
    kept = {name.lower(): (name, values) for name, values in entry.attributes.items()}
    own = {"entryUUID": (str(guid).encode(),)} if is_text else {"objectGUID": (guid.bytes_le,)}
    return Entry(entry.dn, {**dict(kept.values()), **own})


@given(ENTRIES, st.uuids(), st.booleans(), st.sampled_from(
    [Identity.GUID_NAME, Identity.GUID_ATTRIBUTE]))  # fmt: skip
def test_a_projection_is_the_same_from_values_and_from_bytes(
    entry: Entry, guid: UUID, is_text: bool, identity: Identity
) -> None:
    source, wanted = with_guid(entry, guid, is_text=is_text), kind(identity)
    expected = plainly(source, wanted)
    for form in (source, EncodedEntry(encode_entry(source))):
        desired = Projector(wanted).project(form)
        step = plan(wanted, None, desired)
        assert step is not None
        (request,) = step.requests
        assert isinstance(request, AddRequest)
        assert request.entry == expected
        assert desired.dn == expected.dn
        assert desired.normal == expected.dn.normal
        assert set(step.attributes) == set(expected.attributes) - {"objectClass"}
        # and crosses a wire as it is
        sent = EncodedEntry(b"\x64" + encode_operation(request)[1:])
        assert sent == expected
        assert plan(wanted, expected, desired) is None


@given(ENTRIES, ENTRIES, st.uuids(), st.sampled_from(
    [Identity.GUID_NAME, Identity.GUID_ATTRIBUTE]), st.booleans())  # fmt: skip
def test_what_differs_is_the_same_from_values_and_from_bytes(
    before: Entry, after: Entry, guid: UUID, identity: Identity, in_pieces: bool
) -> None:
    wanted = kind(identity)
    have = plainly(with_guid(before, guid, is_text=False), wanted)
    desired = Projector(wanted).project(with_guid(after, guid, is_text=False))
    encoded = EncodedEntry(encode_entry(have))
    if in_pieces and have.has("mail"):  # legal nowhere, and yet
        name, body = split_operation(encoded.operation)
        encoded = EncodedEntry(search_result_entry(name, body + ber.attribute(b"MAIL", (b"x",))))
        have = have.with_attributes({"mail": (*have.values("mail"), b"x")})
    assert plan(wanted, encoded, desired) == plan(wanted, have, desired)


@given(ENTRIES, st.sampled_from([*NAMES, "objectGUID", "mail;lang-en", "é"]))
def test_one_value_is_found_in_the_wire_form(entry: Entry, name: str) -> None:
    kept = {other.lower(): (other, values) for other, values in entry.attributes.items()}
    whole = Entry(entry.dn, dict(kept.values()))
    assert EncodedEntry(encode_entry(whole)).first(name) == whole.first(name)


def frames(data: bytes) -> list[Frame]:
    buffer = FrameBuffer()
    buffer.receive_data(data)
    found = []
    while (frame := buffer.next_frame()) is not None:
        found.append(frame)
    return found


def interpreted(frame: Frame) -> LdapMessage:
    event = ClientConnection().interpret(frame)
    assert isinstance(event, ResponseReceived)
    return event.message


class Plain(AwaitedSearch):
    """Every answer read the plain way."""

    def take(self, frame: Frame) -> bool:
        marked = frame._replace(controls=frame.controls or encoded_control())
        return super().take(marked)


def encoded_control() -> bytes:
    (frame,) = frames(encode_message(LdapMessage(
        1, SearchResultDone(LdapResult()), (UnknownControl(type="1.2.3"),))))  # fmt: skip
    return frame.controls


@given(st.lists(ENTRIES, max_size=4))
def test_answers_are_the_same_at_a_glance_and_at_length(entries: list[Entry]) -> None:
    data = b"".join(envelope(ber.integer(7), encode_entry(entry)) for entry in entries)
    data += encode_message(LdapMessage(7, SearchResultDone(LdapResult())))
    quick, plain = AwaitedSearch(interpreted), Plain(interpreted)
    for frame in frames(data):
        assert quick.take(frame) == plain.take(frame)
    assert quick.outcome().entries == plain.outcome().entries
    assert [e.dn for e in quick.outcome().entries] == [entry.dn for entry in entries]
    assert quick.is_done


@given(st.lists(st.sampled_from([0, 68, 21, 50]), min_size=1, max_size=6), st.randoms())
def test_each_write_gets_its_own_answer(codes: list[int], chance: object) -> None:
    awaited = AwaitedWrites(interpreted, range(1, len(codes) + 1))
    answers = [
        envelope(ber.integer(number), bytes((0x69, 7, 10, 1, code, 4, 0, 4, 0)))
        for number, code in enumerate(codes, 1)
    ]
    chance.shuffle(answers)  # type: ignore[attr-defined]  # a Random
    for frame in frames(b"".join(answers)):
        assert not awaited.is_done
        assert awaited.take(frame)
    assert awaited.is_done
    assert [0 if r is None else int(r.code) for r in awaited.results] == codes
