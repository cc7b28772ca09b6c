"""Nothing on the main path exists on POSIX only."""

from __future__ import annotations

import ast

from tests.support.peers import ROOT

POSIX_ONLY = {
    "fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog", "crypt", "nis",
}  # fmt: skip
POSIX_CALLS = {
    "os.fork", "os.getuid", "os.geteuid", "os.killpg", "os.setsid", "os.chown", "os.mkfifo",
    "signal.SIGKILL", "signal.SIGHUP", "signal.SIGUSR1", "signal.SIGUSR2", "signal.SIGALRM",
    "socket.AF_UNIX", "select.epoll",
}  # fmt: skip
WITH_A_FALLBACK = {"directory/file_lock.py"}


def test_no_module_needs_what_windows_does_not_have() -> None:
    found = []
    for package in ("directory", "edgesync"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name in WITH_A_FALLBACK:
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                modules = (
                    [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                )
                if POSIX_ONLY & set(modules):
                    found.append(f"{name}:{ast.unparse(node)}")
                if isinstance(node, ast.Attribute) and ast.unparse(node) in POSIX_CALLS:
                    found.append(f"{name}:{node.lineno} {ast.unparse(node)}")
    assert found == []


def test_every_text_file_is_opened_in_a_named_encoding() -> None:
    """Windows would take the code page of the country."""
    found = []
    for package in ("directory", "edgesync"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                takes = {"read_text": 0, "write_text": 1}.get(node.func.attr)
                named = any(word.arg == "encoding" for word in node.keywords)
                if takes is not None and not named and len(node.args) <= takes:
                    found.append(f"{path.relative_to(ROOT).as_posix()}:{node.lineno}")
    assert found == []
