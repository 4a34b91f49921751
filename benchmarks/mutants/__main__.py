"""Command line: python -m benchmarks.mutants."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.command import add_out, make, stopwatch
from benchmarks.timing import one_thread


def arguments() -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutants",
        description="Plant small errors in the formulas, one at a time, and see that some check notices each.",
        epilog="example: python -m benchmarks.mutants --quota 2 --out trial",
    )
    parser.add_argument("--quota", type=int, default=22, help="mutants of each module, at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: %(default)s)")
    parser.add_argument("--tests", type=float, default=10.0, help="seconds of CPU that tests of one mutant may take "
                        "(default: %(default)s)")  # fmt: skip
    parser.add_argument("--only", default="", help="part of the name of a file: modules to take, e.g. costs/margin")
    parser.add_argument("--resume", action="store_true", help="go on where a run with the same options was stopped")
    add_out(parser)
    options = parser.parse_args()
    if options.quota < 1:
        parser.error("at least one mutant of each module is needed")
    make(parser, options.out, "raw")
    return options


def main() -> None:
    """Plant, judge, write `OUT/evidence/mutants.jsonl` and make the page from it; exit 1 if one is missed."""
    options = arguments()
    one_thread()  # before NumPy is imported

    from benchmarks.mutants import judge, run
    from benchmarks.mutants.read import explained
    from gradproof.evidence.environment import header, source_hash
    from gradproof.evidence.files import encode, write_evidence
    from gradproof.pages import mutants as page

    progress = stopwatch()
    given = {"quota": options.quota, "seed": options.seed, **({"only": options.only} if options.only else {})}
    ticket = {**given, "source": source_hash("reference", "oracles", "gradproof")}
    journal = options.out / "raw" / "mutants.jsonl"
    known = {f.what: f for f in run.journalled(journal, ticket)} if options.resume else {}
    found = []

    def work(tests: Sequence[Any]) -> None:
        with judge.memory(), journal.open("w", encoding="utf-8") as kept:
            print(*map(encode, (ticket, *(f.row for f in known.values()))), sep="\n", file=kept, flush=True)
            bench = run.bench(progress)
            for m, where in run.drawn(options.quota, options.seed, bench.imported, options.only):
                f = known.get(run.name(m))
                if f is None:
                    f = run.judged(m, where, bench, tests, options.tests)
                    print(encode(f.row), file=kept, flush=True)
                    progress(f"{f.verdict}  {f.what}" + ("" if f.verdict == "caught" else f"  ({f.why})"))
                found.append(explained(f))

    run.with_tests(work)
    made_with = header(("numpy", "torch", "balls", "16 bits"), {**given, "tests": options.tests})
    write_evidence(options.out / "evidence" / "mutants.jsonl", made_with, found)
    page.write(options.out / "evidence", options.out)
    progress(f"wrote {options.out / 'mutants.md'}")
    sys.exit(any(f.verdict == "missed" for f in found))


if __name__ == "__main__":
    main()
