"""Compile, or run a command with what was compiled."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from scripts.compiled.build import FOLDER, CompileFailed, build, environment, is_current


def parse() -> argparse.Namespace:
    """The options."""
    options = argparse.ArgumentParser(
        prog="scripts/compile",
        description="The directory's hot modules as machine code, from the same source.",
    )
    add = options.add_argument
    add("--into", type=Path, default=FOLDER, metavar="FOLDER",
        help="where it goes, in place of what was there (default: build/compiled)")  # fmt: skip
    add("--level", default="3", choices=["0", "1", "2", "3"],
        help="how much the C compiler optimises (default: 3)")  # fmt: skip
    add("--run", nargs=argparse.REMAINDER, metavar="COMMAND",
        help="run a command with it; compiles first if the source has changed")  # fmt: skip
    return options.parse_args()


def main() -> int:
    """Do it; plain Python goes on working whatever happens here."""
    options = parse()
    folder = options.into.resolve()
    try:
        if not options.run or not is_current(folder):
            build(folder, level=options.level)
    except CompileFailed as error:
        print(f"error: no compiled build was made\n{error}\n"
              "hint: nothing is lost but speed: without it the same source runs as plain Python",
              file=sys.stderr)  # fmt: skip
        return 1
    if options.run:
        os.execvpe(options.run[0], options.run, environment(folder))
    print(f"{folder}\nuse it: scripts/compile --run COMMAND, or PYTHONPATH={folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
