"""The nouns of RFC 4511 and 4512 as plain values: no behaviour, no I/O."""
