"""Command line: python -m benchmarks."""

from __future__ import annotations

import argparse
import sys

from benchmarks.command import add_out, make, require, stopwatch
from benchmarks.timing import one_thread

NEEDED = ("torch", "jax", "optax", "autograd", "flint", "sklearn")
BLOCK = 0.005  # seconds: long against the resolution of the clock, short against the moods of a shared machine


def arguments() -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the speed of our gradients and of the audit, and memory, against torch, JAX and autograd.",
        epilog="example: python -m benchmarks --rounds 3 --out trial",
    )
    parser.add_argument("--rounds", type=int, default=21, help="rounds over all contenders (default: %(default)s)")
    parser.add_argument("--check-rounds", type=int, default=3, help="the same for the checkers (default: %(default)s)")
    parser.add_argument(
        "--size-rounds", type=int, default=3, help="the same for norms and sizes (default: %(default)s)"
    )
    add_out(parser)
    options = parser.parse_args()
    if min(options.rounds, options.check_rounds, options.size_rounds) < 1:
        parser.error("at least one round is needed")
    require(parser, NEEDED, "oracles,bench")
    make(parser, options.out, "evidence")
    return options


def main() -> None:
    """Measure, write `OUT/evidence/speed.jsonl` and make the page from it."""
    options = arguments()
    one_thread()  # before NumPy is imported

    from importlib.metadata import version

    from benchmarks import checkers, gradients, norms, sizes
    from gradproof.evidence.environment import header
    from gradproof.evidence.files import write_evidence
    from gradproof.pages import speed

    progress = stopwatch()
    try:
        found = [
            *gradients.measure(options.rounds, BLOCK, progress=progress),
            *norms.measure(options.size_rounds, BLOCK, progress=progress),
            *sizes.measure(options.size_rounds, BLOCK, progress=progress),
            *checkers.measure(options.check_rounds, progress=progress),
        ]
    except gradients.Disagreement as error:
        sys.exit(f"nothing written: {error}")
    made_with = header(("numpy", "torch", "jax", "balls", "data"), {"block": BLOCK, "draws": checkers.DRAWS})
    made_with["versions"]["autograd"] = version("autograd")
    write_evidence(options.out / "evidence" / "speed.jsonl", made_with, found)
    speed.write(options.out / "evidence", options.out)
    progress(f"wrote {options.out / 'speed.md'}")


if __name__ == "__main__":
    main()
