"""``scripts/docs``: write the documents, or with ``--check`` say which are stale and exit 1."""

from __future__ import annotations

import argparse
import sys
from itertools import chain

from scripts.generators.document import ROOT, generated_documents, stale_documents
from scripts.generators.scenarios import drawings


def main() -> int:
    """Parse the one option and do it."""
    parser = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a stale one")
    if parser.parse_args().check:
        stale = list(stale_documents())
        for path, difference in stale:
            sys.stderr.write(f"stale: {path.relative_to(ROOT)}\n{difference}\n")
        if stale:
            sys.stderr.write("hint: run scripts/docs and commit the result\n")
        return 1 if stale else 0
    for path, text in chain(generated_documents(), drawings()):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stderr.write(f"wrote {path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
