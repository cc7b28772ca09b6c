"""What hostile input could turn into code, another file or another host is nowhere in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.peers import ROOT

SOURCES = sorted(
    path for package in ("directory", "edgesync") for path in (ROOT / package).rglob("*.py")
)
FORBIDDEN_MODULES = {
    "pickle", "marshal", "shelve", "dill", "yaml", "xml.sax", "xml.dom", "lxml", "telnetlib",
}  # fmt: skip
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
ELEMENT_TREE_READERS = {
    f"{module}.{call}"
    for module in ("ET", "ElementTree", "etree")
    for call in ("parse", "fromstring", "XML", "iterparse", "XMLParser")
}
SECRETS = re.compile(r"password|secret|token|digest|_hash$|proof|signature", re.IGNORECASE)


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
            yield path, node


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def test_no_module_is_imported_that_runs_what_it_reads() -> None:
    found = []
    for path, node in nodes():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        found += [where(path, node) for name in names if name in FORBIDDEN_MODULES]
    assert found == []


def test_nothing_is_evaluated_and_no_shell_is_started() -> None:
    found = []
    for path, node in nodes():
        if not isinstance(node, ast.Call):
            continue
        shell = any(
            word.arg == "shell" and ast.unparse(word.value) != "False" for word in node.keywords
        )
        if ast.unparse(node.func) in FORBIDDEN_CALLS or shell:
            found.append(where(path, node))
    assert found == []


def test_xml_is_read_by_expat_with_document_types_refused() -> None:
    """No entity is ever declared, so none is ever expanded, inside or from another file."""
    readers, parsed = set(), []
    for path, node in nodes():
        if isinstance(node, ast.ImportFrom) and node.module == "xml.parsers":
            readers.add(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ELEMENT_TREE_READERS:
            parsed.append(where(path, node))
    assert parsed == []
    assert readers
    assert all("StartDoctypeDeclHandler" in path.read_text("utf-8") for path in readers)


def test_secrets_are_compared_in_constant_time() -> None:
    """``==`` stops at the first difference, and its time says where that was."""
    found = []
    for path, node in nodes():
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            continue
        sides = (node.left, *node.comparators)
        names = [_name(side) for side in sides if isinstance(side, (ast.Name, ast.Attribute))]
        is_fixed = any(isinstance(side, ast.Constant) for side in sides)
        if is_fixed or any(name.isupper() for name in names):
            continue  # compared with a literal or a constant of ours, which is no secret
        if any(SECRETS.search(name) for name in names):
            found.append(f"{where(path, node)}: {ast.unparse(node)}")
    assert found == []


def _name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr
