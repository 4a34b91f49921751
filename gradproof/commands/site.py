"""`gradproof site`: the site to look formulas up in."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where the site goes and what it is made of."""
    parser.add_argument("--out", type=Path, default=Path("build/site"), metavar="DIR", help="default: build/site")
    parser.add_argument("--reports", type=Path, default=Path("reports"), metavar="DIR", help="default: reports")


def run(options: argparse.Namespace) -> int:
    """Build it, print what Sphinx warns of, and return 1 if it warns of anything. Raises as `site.build.build`."""
    from gradproof.site.build import build

    pages, warnings = build(options.out, options.reports)
    print(warnings, file=sys.stderr, end="")
    print(f"{options.out}: {pages} pages; open {options.out / 'index.html'}")
    return 1 if warnings else 0
