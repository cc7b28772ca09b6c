"""Questions to real servers."""
