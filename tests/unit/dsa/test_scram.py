"""A SCRAM exchange with messages nobody's client sends."""

from __future__ import annotations

import pytest

from directory.dsa.scram import ScramExchange, ScramRefused, Verifier
from directory.entropy import SeededEntropy


@pytest.mark.parametrize("proof", ["é", "A", "AA==A", ""])
def test_a_proof_that_is_no_base64_is_refused(proof: str) -> None:
    exchange = ScramExchange(None)
    exchange.read_first(b"n,,n=amy,r=nonce")
    verifier = Verifier(4096, b"salt", bytes(32), bytes(32))
    nonce = exchange.challenge(verifier, SeededEntropy(1, "s")).partition(b",")[0].decode()
    with pytest.raises(ScramRefused):
        exchange.finish(f"c=biws,{nonce},p={proof}".encode())
