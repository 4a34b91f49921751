"""What the command lines of the benchmarks share: where reports go, what must be installed, lines of progress."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add --out, the folder of the reports."""
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), help="folder of the reports (default: %(default)s)"
    )


def require(parser: argparse.ArgumentParser, packages: Iterable[str], extras: str) -> None:
    """End with a usage error that names those of `packages` that are missing, and the extras that bring them."""
    if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
        parser.error(f"{', '.join(missing)}: not installed; python -m pip install '.[{extras}]'")


def make(parser: argparse.ArgumentParser, out: Path, folder: str) -> None:
    """Make `out`/`folder`, before minutes of measuring. Ends with a usage error where that cannot be written."""
    try:
        (out / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"cannot write to {out}: {error.strerror}")


def stopwatch() -> Callable[[str], None]:
    """A function that prints a line to standard error, with the seconds since now before it."""
    start = time.perf_counter()

    def progress(line: str) -> None:
        print(f"{time.perf_counter() - start:6.1f} s  {line}", file=sys.stderr, flush=True)

    return progress
