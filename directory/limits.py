"""Every bound of the directory, by name and with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MESSAGE_SIZE_MAX = 16 * 1024 * 1024
"""Largest LDAPMessage read, bytes. AD stops at 10 MiB; photos and CRLs stay well below 16."""

MESSAGE_SIZE_ANONYMOUS_MAX = 256 * 1024
"""Largest message before a bind, bytes: no bind or rootDSE search needs more."""

BER_DEPTH_MAX = 128
"""Deepest nesting accepted, so that a 30 KB filter cannot exhaust the stack."""

FILTER_ELEMENTS_MAX = 4096
"""Most components of one filter; AD refuses far fewer."""

DN_LENGTH_MAX = 8192
"""Longest DN text, characters."""

RDN_COUNT_MAX = 256
"""Deepest DN."""

CONTROLS_MAX = 32
"""Most controls on one request: more than LDAP has in common use."""

ATTRIBUTES_MAX = 4096
"""Most attributes in one add or modifications in one modify."""

REMEMBERED_OCTETS_MAX = 1024
"""Longest thing a client sends that is remembered to recognise it: names, selections, shapes. What
is remembered outlives its connection, so thousands of long ones would fill the memory for good."""

VALUES_MAX = 200_000
"""Most values of one attribute in one request (large groups)."""

SEARCH_ENTRIES_MAX = 1_000_000
"""Most entries one search may return where the client sets no size limit."""

SEARCH_TIME_MAX_S = 120
"""Longest search; AD's MaxQueryDuration."""

PAGE_SIZE_MAX = 100_000
"""Largest page of the paged-results control."""

CONNECTIONS_MAX = 4096
"""Most connections of one server."""

REQUESTS_IN_FLIGHT_MAX = 256
"""Most unanswered requests of one connection before its reading pauses."""

OUTPUT_BUFFER_MAX = 1024 * 1024
"""Bytes waiting for a slow reader before results pause (high-water mark)."""

IDLE_TIMEOUT_S = 900.0
"""Seconds without traffic after which a connection is closed; AD's MaxConnIdleTime."""

STALLED_OUTPUT_TIMEOUT_S = 60.0
"""Seconds a client may leave its answers unread before it is cut off."""

LDIF_LINE_MAX = 16 * 1024 * 1024
"""Longest unfolded LDIF line, characters."""


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """What one caller may ask of one search. Zero or less means the directory's own bound."""

    size: int = SEARCH_ENTRIES_MAX
    time_s: float = SEARCH_TIME_MAX_S
