"""The process under atheris: ``python -m scripts.fuzzing.guided TARGET [libFuzzer's options]``.

Only what is imported inside ``instrument_imports`` is watched, so the target comes last.
"""

from __future__ import annotations

import sys

import atheris


def main() -> None:
    """Watch the packages, load the target, let libFuzzer call it."""
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["directory", "edgesync"]):
        from scripts.fuzzing.target import execute  # noqa: PLC0415 - imported to be watched
        from scripts.fuzzing.targets import find_target  # noqa: PLC0415

        target = find_target(name)

    def one(data: bytes) -> None:
        execute(target, data)

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
