"""LDAP on the wire, sans-IO: bytes in, values out, and back (RFC 4511 sections 4 and 5)."""
