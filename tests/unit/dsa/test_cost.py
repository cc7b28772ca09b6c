"""What a request costs the directory grows with its size, not with the square of it."""

from __future__ import annotations

import pytest

from directory.dsa.session import Session
from directory.errors import ResultCode
from directory.model import ber
from directory.model import messages as m
from directory.model.controls import PermissiveModify
from directory.model.modification import add, delete, replace, with_adds_joined
from directory.wire.requests import decode_request
from scripts.fuzzing.bounds import STEPS_RATIO_MAX, lines_run
from tests.support.directories import USERS, Bench, ad


@pytest.fixture(scope="module")
def directory() -> Bench:
    return ad()


def _add(count: int) -> m.Request:
    """An entry whose description is named once for each of its values."""
    classes = ber.attribute(b"objectClass", (b"top", b"container"))
    values = b"".join(ber.attribute(b"description", (b"v%d" % i,)) for i in range(count))
    name = ber.text(f"CN=x{count},CN=Users,DC=contoso,DC=test")
    return decode_request(ber.tlv(0x68, name + ber.tlv(0x30, classes + values)))


@pytest.mark.parametrize(
    ("session", "code"),
    [(None, ResultCode.SUCCESS), (Session(), ResultCode.INSUFFICIENT_ACCESS_RIGHTS)],
)
def test_an_attribute_named_again_and_again_is_read_once(
    directory: Bench, session: Session | None, code: ResultCode
) -> None:
    def read(count: int) -> int:
        request = _add(count)
        codes = []

        def ask() -> None:
            operation = directory.ask(request, session=session).operation
            assert isinstance(operation, m.AddResponse)
            codes.append(operation.result.code)

        lines = lines_run(ask)
        assert codes == [code]
        return lines

    read(300)  # what is worked out once
    assert read(2000) < STEPS_RATIO_MAX * read(500)


def test_values_added_one_by_one_cost_what_they_cost_together(directory: Bench) -> None:
    def change(count: int) -> int:
        changes = tuple(add("url", b"v%d/%d" % (count, i)) for i in range(count))
        codes = []

        def ask() -> None:
            codes.append(directory.ask(m.ModifyRequest(USERS, changes)).result.code)

        lines = lines_run(ask)
        assert codes == [ResultCode.SUCCESS]
        assert directory.ask(m.ModifyRequest(USERS, (replace("url"),))).result.code == 0
        return lines

    change(300)
    assert change(2000) < STEPS_RATIO_MAX * change(500)


def test_adds_are_joined_only_where_nothing_stands_between_them() -> None:
    one, two, other = add("url", b"1"), add("url", b"2"), add("mail", b"3")
    assert with_adds_joined([one, two, add("url", b"4")]) == [add("url", b"1", b"2", b"4")]
    assert with_adds_joined([one, two, other, one, two]) == [
        add("url", b"1", b"2"), other, add("url", b"1", b"2"),
    ]  # fmt: skip
    for apart in ([one, delete("url", b"1"), two], [one, add("url"), two], [one, other, two], []):
        assert with_adds_joined(apart) == apart


def test_a_value_added_twice_is_refused_however_it_is_said(directory: Bench) -> None:
    twice = m.ModifyRequest(USERS, (add("url", b"same"), add("url", b"same")))
    assert directory.ask(twice).result.code == ResultCode.ATTRIBUTE_OR_VALUE_EXISTS
    permissive = directory.ask(twice, PermissiveModify())
    assert permissive.result.code == ResultCode.SUCCESS
    found = directory.read(USERS, "url")
    assert found is not None
    assert found.values("url") == (b"same",)
