"""Exchange Edge trust, without Windows."""

__version__ = "0.1.0"
