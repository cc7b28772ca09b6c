"""The door to OpenSSL, which opens when somebody first shakes hands.

Its Python interface takes a tenth of a second to import, and most commands open a lab without
speaking TLS. ``openssl.SSL`` and ``openssl.crypto`` are its modules, imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from OpenSSL import SSL, crypto

__all__ = ["SSL", "crypto"]


def __getattr__(name: str) -> ModuleType:
    """Import a module of OpenSSL; Python asks only for names that are not there yet."""
    if name not in __all__:
        raise AttributeError(name)
    module = globals()[name] = import_module(f"OpenSSL.{name}")
    return module
