"""Virtual time, faults, checkers and campaigns."""
