"""The directory system agent: LDAP and AD semantics, on values."""
