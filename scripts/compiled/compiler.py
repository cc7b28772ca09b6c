"""The program ``build`` starts: C by mypyc, extension modules by the C compiler of this Python.

    python compiler.py OUT C_FOLDER LEVEL FILE...     # in the folder that ``directory`` is in

It knows nothing of the project, so that a build of a wheel can start it as well.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mypyc.build import include_dir, mypycify
from setuptools import Distribution
from setuptools.command.build_ext import build_ext

GROUP = "directory"
"""What the library all the modules share is called: ``directory__mypyc``."""

OPTIONS = (
    "--warn-unreachable",
    "--ignore-missing-imports", "--no-warn-unused-ignores", "--follow-imports=silent",
)  # fmt: skip
"""Compiled code believes what mypy infers. Where mypy takes an attribute to be what it was before
a call that changed it, it finds what follows unreachable: the first option makes an error of that.
The others: a wheel is built where the libraries the project uses are not installed."""

WRONG = "Py_ssize_t slice_len = endn - startn;"
RIGHT = "Py_ssize_t slice_len = endn > startn ? endn - startn : 0;"
"""mypyc 2.4's slice of octets. With its end before its start it should be empty; mypyc asks Python
for a negative size, which is a SystemError (``CPyBytes_GetSlice``, lib-rt/bytes_ops.c)."""


def correct_runtime(folder: Path) -> None:
    """Put the part of mypyc's runtime that is wrong into a folder, corrected.

    Raises:
        SystemExit: when mypyc has changed there, and somebody has to look whether it is right now.
    """
    text = (Path(include_dir()) / "bytes_ops.c").read_text(encoding="utf-8")
    if text.count(WRONG) != 1:
        sys.exit("error: mypyc slices octets in another way than the one corrected here")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bytes_ops.c").write_text(text.replace(WRONG, RIGHT), encoding="utf-8")


def main() -> None:
    """Compile."""
    out, c_folder, level, *files = sys.argv[1:]
    runtime = Path(c_folder) / "runtime"
    correct_runtime(runtime)
    extensions = mypycify(
        [*OPTIONS, "--cache-dir", str(Path(c_folder) / "cache"), *files],
        opt_level=level, debug_level="0", target_dir=c_folder, group_name=GROUP,
    )  # fmt: skip
    for extension in extensions:
        extension.include_dirs.insert(0, str(runtime))  # before mypyc's own
    command = build_ext(Distribution({"name": GROUP, "ext_modules": extensions}))
    command.build_lib, command.build_temp = out, str(Path(c_folder) / "objects")
    command.ensure_finalized()
    command.run()


if __name__ == "__main__":
    main()
