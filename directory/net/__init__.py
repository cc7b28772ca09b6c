"""The listeners: LDAP, LDAPS and StartTLS on asyncio."""
