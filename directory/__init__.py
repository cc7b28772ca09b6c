"""An in-memory LDAP directory on the real protocol: a plain RFC server, an AD, an ADAM.

Knows nothing of Exchange. ``python -m directory`` serves one; the packages inside are, from
the bottom up: ``model`` (values), ``schema``, ``store``, ``dsa`` (LDAP and AD semantics),
``wire`` (sans-I/O BER), ``net`` (asyncio listeners).
"""
