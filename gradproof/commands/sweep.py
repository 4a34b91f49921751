"""Every float of a dtype asked of each side: what `gradproof sweep` takes, and what it prints."""

from __future__ import annotations

import argparse
from pathlib import Path


def arguments(command: argparse.ArgumentParser) -> None:
    """What `gradproof sweep` takes, beside who works."""
    command.add_argument("id", help="an elementwise activation, or a pattern of them, such as 'activation/*'")
    command.add_argument("--dtype", default="float32", help="float32 (default; 2³² inputs), float16 or bfloat16")
    command.add_argument("--part", help="value or slope (default: both)")
    command.add_argument("--side", action="append", default=[], metavar="NAME",
                         help="ours, torch or jax; may be given again (default: all that are installed)")  # fmt: skip
    command.add_argument("--out", type=Path, default=Path("out"), metavar="DIR",
                         help="where evidence and page go, beside those of other sweeps (default: out)")  # fmt: skip
    command.add_argument("--resume", action="store_true",
                         help="go on where a killed sweep stopped; of a pattern, with what is missing")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """The exit code: 0, or 1 where an answer of ours is wrong. Raises UsageError for bad input."""
    from gradproof.audit.report import write_area, write_overview
    from gradproof.console import print_table, progress
    from gradproof.evidence.verdicts import FAILING
    from gradproof.executors import folder
    from gradproof.pages import figures, sweeps
    from gradproof.sweeps.run import asked, elementwise, run, stands

    found = []
    out = folder(options.out, options.device)
    figures.check_installed()
    with progress() as show:
        for id in elementwise(options.id):
            about = asked(id, options.dtype, options.part, options.side, options.device)
            if "*" not in options.id or not options.resume or not stands(out, about):
                found += run(out, about, show, options.on, options.jobs, options.resume)
    write_area("sweeps", out)
    write_overview(out)
    table = sweeps.summary(found)
    print_table(table.columns, [[str(sweeps.cell(c)) for c in row] for row in table.rows])
    return 1 if any(f.verdict in FAILING for f in found) else 0
