"""What a terminal shows: tables and progress, by rich where there is one and rich is installed."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradproof.audit.run import Progress


def _console() -> Any:
    """A rich console, or None where rich is missing or the output is not a terminal."""
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table: by rich on a terminal, else columns padded with spaces."""
    if console := _console():
        from rich.markup import escape
        from rich.table import Table

        table = Table(*columns, box=None, header_style="bold")
        for row in rows:
            table.add_row(*map(escape, row))  # z[i, j] is no markup
        console.print(table)
        return
    widths = [max(len(line[k]) for line in [columns, *rows]) for k in range(len(columns))]
    for line in [columns, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """A bar with count and time left on a terminal; else a line for every tenth of an area."""
    try:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        Progress = None  # type: ignore[assignment,misc]
    if Progress is not None and sys.stderr.isatty():
        from rich.console import Console

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True)) as bar:
            tasks: dict[str, Any] = {}

            def show(area: str, done: int, total: int) -> None:
                if area not in tasks:
                    tasks[area] = bar.add_task(area, total=total)
                bar.update(tasks[area], completed=done, total=total)

            yield show
        return
    shown: dict[str, int] = {}
    start = time.monotonic()

    def say(area: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if shown.get(area) != tenth:
            shown[area] = tenth
            print(f"{area}: {done:,} of {total:,} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)

    yield say


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner beside the time that has passed, on a terminal where rich is installed; else nothing."""
    try:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    except ImportError:
        Progress = None  # type: ignore[assignment,misc]
    if Progress is None or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(what, total=None)
        yield
