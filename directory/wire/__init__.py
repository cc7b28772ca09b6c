"""LDAP in BER without I/O: bytes in, events out; values in, bytes out."""
