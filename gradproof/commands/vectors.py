"""Test vectors: make them, check them, and score what another program answered."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

SHOWN = 10  # failures of a file that are printed


def arguments(command: argparse.ArgumentParser) -> None:
    """What `gradproof vectors` takes."""
    does = command.add_subparsers(dest="what", metavar="make|check|verify", required=True)
    make = does.add_parser("make", help="make them again from the exact truth; the same source makes the same bytes")
    make.add_argument("--out", type=Path, default=Path("vectors"), metavar="DIR", help="default: vectors")
    check = does.add_parser("check", help="checksums and schemas; exit 1 if a file is not as it was made")
    verify = does.add_parser("verify", help="score a results file; exit 1 if a test fails")
    verify.add_argument("results", type=Path, help="what your program wrote; vectors/README.md says how")
    verify.add_argument("--ulp", type=float, metavar="N", help="allow N conditioned ULP, whatever the files say")
    for one in (check, verify):
        one.add_argument("--vectors", type=Path, default=Path("vectors"), metavar="DIR", help="default: vectors")


def run(options: argparse.Namespace) -> int:
    """The exit code of a command: 0 fine, 1 something fails. Raises UsageError for bad input."""
    if options.what == "verify":
        return _verify(options)
    return _make(options) if options.what == "make" else _check(options)


def _make(options: argparse.Namespace) -> int:
    import flint  # noqa: F401  # before anything is written
    import ml_dtypes  # noqa: F401

    from gradproof.vectors.generate import make

    print(f"{options.out}: {len(make(options.out))} files")
    return 0


def _check(options: argparse.Namespace) -> int:
    from gradproof.vectors.checksums import listed, misshapen, problems

    found = problems(options.vectors) or misshapen(options.vectors)
    for problem in found:
        print(problem)
    fine = f"{len(listed(options.vectors))} files as they were made"
    print(f"{options.vectors}: {f'{len(found)} wrong' if found else fine}")
    return 1 if found else 0


def _verify(options: argparse.Namespace) -> int:
    from gradproof.console import print_table
    from gradproof.lookup import UsageError
    from gradproof.vectors.verify import verify

    if options.ulp is not None and not 0 < options.ulp < float("inf"):
        raise UsageError(f"--ulp {options.ulp}: allow a number of ULP > 0")
    scores = list(verify(options.results, options.vectors, options.ulp))
    if not scores:
        raise UsageError(f"{options.results}: answers nothing")
    columns = ["vectors", "passed", "failed", "not answered", "worst ULP", "at test"]
    print_table(columns, [_row(s) for s in scores])
    for s in scores:
        for id, why in list(s.failed.items())[:SHOWN]:
            print(f"FAIL {s.file} test {id}{_flags(options.vectors, s.file, id)}: {why}")
        if len(s.failed) > SHOWN:
            print(f"     {s.file}: {len(s.failed) - SHOWN} more")
    return 1 if any(s.failed for s in scores) else 0


def _row(s: Any) -> list[str]:
    answered = s.passed + len(s.failed)
    worst = (f"{s.worst:.3g}", str(s.at)) if answered else ("", "")
    return [s.file, str(s.passed), str(len(s.failed)), str(s.unanswered), *worst]


def _flags(folder: Path, file: str, id: int) -> str:
    """What the test is there to find, in brackets."""
    from gradproof.vectors.verify import vectors

    marks = vectors(folder, file)["tests"][id - 1]["flags"]
    return f" ({', '.join(marks)})" if marks else ""
