"""Pages and control API of a running lab."""
