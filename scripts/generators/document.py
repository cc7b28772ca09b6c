"""The register of generated documents, and what writes and checks them."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
NOTICE = "<!-- Written by scripts/docs from the code and its tests. Do not edit. -->\n"

Generator = Callable[[], str]
_generators: dict[str, Generator] = {}


def document(name: str) -> Callable[[Generator], Generator]:
    """Register a function as the writer of ``docs/<name>``; it returns Markdown."""

    def register(generator: Generator) -> Generator:
        if _generators.get(name, generator).__module__ != generator.__module__:
            raise ValueError(f"two generators write docs/{name}")
        _generators[name] = generator
        return generator

    return register


def generated_documents() -> Iterator[tuple[Path, str]]:
    """Every document's path and the text it should have now."""
    package = importlib.import_module("scripts.generators")
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        if module.name != "__main__":
            importlib.import_module(f"scripts.generators.{module.name}")
    for name, generator in sorted(_generators.items()):
        yield DOCS / name, NOTICE + "\n" + generator().strip() + "\n"


def stale_documents() -> Iterator[tuple[Path, str]]:
    """Documents on disk that are not what they should be, each with the difference."""
    for path, text in generated_documents():
        current = path.read_text(encoding="utf-8") if path.exists() else ""
        if current != text:
            lines = difflib.unified_diff(
                current.splitlines(), text.splitlines(), "on disk", "generated", lineterm="", n=0
            )
            yield path, "\n".join(lines)
