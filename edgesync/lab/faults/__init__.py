"""Faults on the lines of a lab, for other people's code and our own: what, where, when."""
