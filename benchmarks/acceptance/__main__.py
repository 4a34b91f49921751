"""Command line: python -m benchmarks.acceptance."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path

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
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), help="folder of the reports (default: %(default)s)"
    )
    options = parser.parse_args()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(f"{', '.join(missing)}: not installed; python -m pip install '.[oracles,bench,test]'")
    if not (TESTS / "wrong").is_dir():
        parser.error(f"{TESTS / 'wrong'}: the catalogue of wrong gradients is missing; run this in the source tree")
    try:
        (options.out / "evidence").mkdir(parents=True, exist_ok=True)  # not after minutes
    except OSError as error:
        parser.error(f"cannot write to {options.out}: {error.strerror}")
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

    start = time.perf_counter()

    def progress(line: str) -> None:
        print(f"{time.perf_counter() - start:6.1f} s  {line}", file=sys.stderr, flush=True)

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
