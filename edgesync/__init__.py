"""Exchange Edge trust, without Windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgesync.python_api import Lab

__version__ = "0.1.0"
__all__ = ["Lab", "__version__"]


def __getattr__(name: str) -> Any:
    """``edgesync.Lab``, imported only when somebody asks: the commands do without it."""
    if name != "Lab":
        raise AttributeError(f"module 'edgesync' has no attribute {name!r}")
    from edgesync.python_api import Lab  # noqa: PLC0415 - that is the point

    return Lab
