"""What is written as LDIF is read back, whatever it is and however it is cut."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from directory.errors import InvalidLdif
from directory.model.controls import UnknownControl
from directory.model.entry import Entry
from directory.model.ldif import ChangeRecord, ContentRecord, parse_ldif, read_ldif
from directory.model.ldif_writer import LINE_WIDTH, format_change, format_entry, format_ldif
from directory.model.messages import AddRequest, DeleteRequest, ModifyDnRequest, ModifyRequest
from directory.model.modification import Modification, ModifyOperation
from tests.support import ldap_values as values

values_of_one = st.lists(st.binary(max_size=120), min_size=1, max_size=3).map(tuple)
names = values.names.filter(lambda n: n.lower() not in {"dn", "control", "changetype", "version"})
entries = st.builds(
    Entry, values.dns, st.dictionaries(names, values_of_one, min_size=1, max_size=4)
).filter(lambda entry: len({name.lower() for name in entry}) == len(entry.attributes))
controls = st.builds(
    UnknownControl,
    critical=st.booleans(),
    type=values.oid_texts,
    value=st.none() | st.binary(max_size=40),
)
modifications = st.builds(
    Modification,
    st.sampled_from(list(ModifyOperation)),
    names,
    st.lists(st.binary(max_size=60), max_size=3).map(tuple),
)
changes = st.one_of(
    st.builds(AddRequest, entries),
    st.builds(DeleteRequest, values.dns),
    st.builds(ModifyRequest, values.dns, st.lists(modifications, max_size=3).map(tuple)),
    st.builds(
        ModifyDnRequest, values.dns, values.single_rdns, st.booleans(), st.none() | values.dns
    ),
)


@given(st.lists(entries, max_size=4))
def test_content_records_come_back_as_they_were(wanted: list[Entry]) -> None:
    records = parse_ldif("".join(format_ldif(wanted)))
    assert [record.entry for record in records if isinstance(record, ContentRecord)] == wanted


@given(changes, st.lists(controls, max_size=2))
def test_change_records_come_back_as_they_were(
    request: AddRequest | DeleteRequest | ModifyRequest | ModifyDnRequest,
    attached: list[UnknownControl],
) -> None:
    [record] = parse_ldif(format_change(request, attached))
    assert record == ChangeRecord(1, request, tuple(attached))


@given(entries)
def test_no_line_is_wider_than_the_rfc_likes(entry: Entry) -> None:
    assert all(len(line) <= LINE_WIDTH for line in format_entry(entry).splitlines())


@given(st.lists(entries, min_size=1, max_size=3), st.integers(1, 50), st.booleans())
def test_portions_and_line_ends_make_no_difference(
    wanted: list[Entry], size: int, windows: bool
) -> None:
    text = "".join(format_ldif(wanted)).encode()
    if windows:
        text = text.replace(b"\n", b"\r\n")
    portions = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(read_ldif(portions)) == list(read_ldif(io.BytesIO(text)))


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_anything_else_is_refused_with_a_line(text: str | bytes) -> None:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    refusal: InvalidLdif | None = None
    try:
        list(read_ldif([raw]))
    except InvalidLdif as error:
        refusal = error
    assert refusal is None or refusal.line >= 1


LINES = st.sampled_from([
    "cn: a", "cn: b c ", "cn:: YQ==", "cn:: YQ", "cn:", "cn: ", "cn:x", "CN: a", "sn: x", "sn::",
    "sn;lang-en: y", "sn:  two", "sn: < x", "sn:< file:///x", "# note", " folded", "title: a:b",
    "changetype: add", "cn: \u00e9", "objectClass: top", "objectClass: top", "objectClass: person",
])  # fmt: skip
HEADS = st.sampled_from([
    "dn: cn=a,dc=x", "dn: cn=b,dc=x", "dn:cn=a", "dn:: Y249YQ==", "dn: cn", "DN: cn=a",
    "dn: cn=a b,ou=\u00e9,dc=x", "dn: cn=a\\,b,dc=x", "dn: cn=a, dc=x", "dn: sn=a,no", "dn: cn=a,",
])  # fmt: skip
RECORDS = st.tuples(HEADS, st.lists(LINES, min_size=1, max_size=5), st.integers(1, 3))


@given(st.lists(RECORDS, max_size=6))
def test_records_like_others_are_read_as_if_they_were_alone(
    records: list[tuple[str, list[str], int]],
) -> None:
    """A record that matches one before it is read another way, to the same result."""
    texts = ["\n".join((head, *lines)) + "\n" * blank for head, lines, blank in records]
    apart: list[object] = []
    for text in texts:
        try:
            apart += parse_ldif(text)
        except InvalidLdif as error:
            apart.append(error)
            break
    together: list[object] = []
    try:
        together.extend(read_ldif([("\n\n".join([*texts, *texts])).encode()]))
    except InvalidLdif as error:
        together.append(error)

    assert [what(record) for record in together[: len(apart)]] == [what(one) for one in apart]
    if len(together) > len(apart):
        again = together[len(apart) :]
        assert [what(record) for record in again] == [what(one) for one in apart]


def what(found: object) -> object:
    """A record without its line, or why there is none."""
    if isinstance(found, ContentRecord):
        return found.entry.dn, dict(found.entry.attributes)
    if isinstance(found, ChangeRecord):
        return found.request, found.controls
    return str(found).partition(": ")[2]
