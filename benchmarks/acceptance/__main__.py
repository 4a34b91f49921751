"""Command line: python -m benchmarks.acceptance."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.command import add_out, make, require, stopwatch
from benchmarks.timing import one_thread

NEEDED = ("torch", "jax", "autograd", "scipy", "flint", "ml_dtypes")
TESTS = Path(__file__).resolve().parents[2] / "tests"  # where the catalogue of wrong gradients is


def arguments() -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.acceptance",
        description="Ask gradproof.check and others' checks of gradients which of the known ones are wrong.",
        epilog="example: python -m benchmarks.acceptance --out trial",
    )
    add_out(parser)
    options = parser.parse_args()
    require(parser, NEEDED, "oracles,bench,test")
    if not (TESTS / "wrong").is_dir():
        parser.error(f"{TESTS / 'wrong'}: the catalogue of wrong gradients is missing; run this in the source tree")
    make(parser, options.out, "evidence")
    return options


def main() -> None:
    """Ask everyone, write `OUT/evidence/checkers.jsonl` and make the page from it."""
    options = arguments()
    one_thread()  # before NumPy is imported
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))

    from importlib.metadata import version

    from benchmarks.acceptance.measure import measure
    from benchmarks.acceptance.questions import SHAPE, SPREAD
    from gradproof.evidence.environment import header
    from gradproof.evidence.files import write_evidence
    from gradproof.pages import checkers

    progress = stopwatch()
    found = list(measure(progress=progress))
    made_with = header(
        ("numpy", "torch", "jax", "balls", "16 bits", "special functions"), {"points": SHAPE, "spread": SPREAD}
    )
    made_with["versions"]["autograd"] = version("autograd")
    write_evidence(options.out / "evidence" / "checkers.jsonl", made_with, found)
    checkers.write(options.out / "evidence", options.out)
    progress(f"wrote {options.out / 'checkers.md'}")


if __name__ == "__main__":
    main()
