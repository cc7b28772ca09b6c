"""What hatchling calls when it builds a wheel: compiles, if ``EDGESYNC_COMPILED=1`` asks for it.

A wheel is plain otherwise, and an editable install always. Where nothing can be compiled the wheel
is plain too, and says so: who installs it loses speed and nothing else.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WANTED = "EDGESYNC_COMPILED"
COMPILERS = ["mypy>=2.4", "setuptools>=77"]


class CompiledModules(BuildHookInterface):  # type: ignore[type-arg]  # generic in stubs alone
    """Adds extension modules to the wheel, beside their sources."""

    PLUGIN_NAME = "custom"
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def dependencies(self) -> list[str]:
        """What the build needs beyond hatchling."""
        return [*COMPILERS, *self.metadata.core.dependencies] if self._is_wanted("standard") else []

    def _is_wanted(self, version: str) -> bool:
        return version == "standard" and os.environ.get(WANTED) == "1"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is put together."""
        if not self._is_wanted(version):
            return
        sys.path.insert(0, self.root)
        from scripts.compiled.build import CompileFailed, compile_modules  # noqa: PLC0415

        self._folder = tempfile.TemporaryDirectory(prefix="wheel-")
        out = Path(self._folder.name)
        try:
            made = compile_modules(out / "lib", out / "c")
        except CompileFailed as error:
            self.app.display_warning(f"no compiled build: {error}\nthe wheel is plain Python")
            return
        finally:
            sys.path.remove(self.root)
        files = {str(path): path.relative_to(out / "lib").as_posix() for path in made}
        build_data["force_include"].update(files)
        build_data["pure_python"], build_data["infer_tag"] = False, True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """After that."""
        del version, build_data, artifact_path
        if self._folder is not None:
            self._folder.cleanup()
