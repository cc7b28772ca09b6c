"""``python -m edgesync``."""

from edgesync.cli.main import entry

entry()
