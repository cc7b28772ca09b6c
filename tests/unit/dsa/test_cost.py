"""What a request costs the directory grows with its size, not with the square of it."""

from __future__ import annotations

import pytest

from directory.dsa.session import Session
from directory.errors import ResultCode
from directory.model import ber
from directory.model import messages as m
from directory.wire.requests import decode_request
from scripts.fuzzing.bounds import STEPS_RATIO_MAX, lines_run
from tests.support.directories import Bench, ad


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
    def add(count: int) -> int:
        request = _add(count)
        codes = []

        def ask() -> None:
            operation = directory.ask(request, session=session).operation
            assert isinstance(operation, m.AddResponse)
            codes.append(operation.result.code)

        lines = lines_run(ask)
        assert codes == [code]
        return lines

    add(300)  # what is worked out once
    assert add(2000) < STEPS_RATIO_MAX * add(500)
