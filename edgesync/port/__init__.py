"""How everything above reaches a directory: LDAP's own nouns, two adapters."""
