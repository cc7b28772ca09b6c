"""SPNEGO around NTLM from the server's side (RFC 4178, MS-SPNG); bare NTLM is taken too."""

from __future__ import annotations

from dataclasses import dataclass

from spnego._context import GSSMech
from spnego._spnego import NegState, NegTokenInit, NegTokenResp, unpack_token

from directory.dsa.ntlm import MALFORMED, SIGNATURE, TOKEN_OCTETS_MAX, NtlmRefused

UNSIGNED = b"\x01" + b"\0" * 15
"""NTLM's signature of anything where signing was not agreed on, as Windows makes it."""


@dataclass(slots=True)
class Negotiation:
    """The envelope of one exchange: ``open`` what comes in, wrap what goes out."""

    is_bare: bool = False
    _is_first: bool = True
    _client_mic: bytes | None = None

    def open(self, token: bytes) -> bytes | None:
        """The NTLM message in a token; None when the client must first be told to use NTLM.

        Raises:
            NtlmRefused: the token is malformed, or offers no NTLM.
        """
        if token.startswith(SIGNATURE):
            self.is_bare = True
            return token
        if self.is_bare or len(token) > TOKEN_OCTETS_MAX:
            raise NtlmRefused("neither SPNEGO nor NTLM")
        try:
            told = unpack_token(token)
        except MALFORMED as error:
            raise NtlmRefused("malformed SPNEGO token") from error
        if isinstance(told, NegTokenInit):
            if GSSMech.ntlm.value not in told.mech_types:
                raise NtlmRefused("the client offers no NTLM")
            # the token of its first choice, which may be Kerberos
            is_ours = told.mech_types[0] == GSSMech.ntlm.value
            return told.mech_token or None if is_ours else None
        if isinstance(told, NegTokenResp) and told.response_token:
            self._client_mic = told.mech_list_mic
            if self._client_mic not in {None, told.response_token, UNSIGNED}:
                raise NtlmRefused("the list of mechanisms was changed on its way")
            return told.response_token
        raise NtlmRefused("neither SPNEGO nor NTLM")

    def continued(self, message: bytes | None) -> bytes:
        """A token that asks for more; without a message one that chooses NTLM."""
        if self.is_bare:
            return message or b""
        first, self._is_first = self._is_first, False
        state = NegState.accept_incomplete if message else NegState.request_mic
        chosen = GSSMech.ntlm.value if first else None
        return NegTokenResp(state, chosen, message).pack()

    def completed(self) -> bytes | None:
        """The last token, if the client waits for one."""
        if self.is_bare:
            return None
        mic = UNSIGNED if self._client_mic else None
        return NegTokenResp(NegState.accept_complete, mech_list_mic=mic).pack()
