"""Where a message ends and what stands in it, for streams that were made to confuse."""

from __future__ import annotations

import pytest

from directory.wire.connection import NeedData, ProtocolFailed, ServerConnection


@pytest.mark.parametrize("message", ["3000", "300102", "30020201", "308200 00", "30810102"])
def test_a_message_too_short_for_an_operation_ends_the_connection(message: str) -> None:
    server = ServerConnection()
    server.receive_data(bytes.fromhex(message))
    failed = server.next_event()
    assert isinstance(failed, ProtocolFailed)
    assert failed.farewell
    assert isinstance(server.next_event(), NeedData)
