"""Virtual time, faults, checkers, scenarios and campaigns: the shipped code against one seed."""
