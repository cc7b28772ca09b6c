"""Immutable entries in a tree, indexes, a change log and a journal, behind one writer."""
