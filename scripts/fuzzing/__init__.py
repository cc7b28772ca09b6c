"""Fuzzing of every parser that meets strangers' bytes: ``scripts/fuzz``, docs/fuzzing.md.

A target names a parser, the errors it may end in, and what must hold of what it returns. The same
targets are driven three ways: by coverage (``guided``), by seeded mutation without any tool
(``mutation``), and by inputs kept in ``fixtures/fuzz`` (``corpus``).
"""
