"""Real organisations and people as plain values: exports of Exchange, IIS and LDAP are read here.

Pure functions from a file to a value; what was taken, ignored and assumed is said in words. Nothing
here builds a lab.
"""
