"""What a terminal shows: tables and progress, by rich where there is one and rich is installed."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradproof.audit.run import Progress


def escape_unprintable() -> None:
    """Print signs that the encoding of the output does not have as JSON escapes them, instead of failing."""

    def escaped(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeEncodeError)
        return json.dumps(error.object[error.start : error.end])[1:-1], error.end

    codecs.register_error("as in JSON", escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="as in JSON")


def _console(errors: bool = False) -> Any:
    """A rich console of the output, or of what goes beside it; None where rich is missing or that is no terminal."""
    if not (sys.stderr if errors else sys.stdout).isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(stderr=errors)


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
    print("\n".join(padded([columns, *rows])))


def print_groups(
    columns: Sequence[str], groups: Mapping[str, Sequence[Sequence[str]]], colours: Mapping[str, str]
) -> None:
    """On a terminal rows under the names of their groups, cut to its width, by rich in colour; else one whole table.

    `colours` are those of cells with that text, but for the first and the last. NO_COLOR is honoured.
    """
    if not sys.stdout.isatty():
        print_table(columns, [row for rows in groups.values() for row in rows])
        return
    console, width = _console(), shutil.get_terminal_size().columns
    lines = iter(padded([row for rows in groups.values() for row in rows]))
    for name, rows in groups.items():
        print()
        print(name) if console is None else console.print(name, style="bold cyan", highlight=False)
        for row, line in zip(rows, lines, strict=False):
            short = line if len(line) < width else f"{line[: width - 2]}…"
            print(short) if console is None else console.print(_coloured(short, row, colours), soft_wrap=True)


def _coloured(line: str, row: Sequence[str], colours: Mapping[str, str]) -> Any:
    """The line of a row with its first cell bold, and others in their colours."""
    from rich.text import Text

    text = Text(line)
    text.stylize("bold", 0, len(row[0]))
    for cell in row[1:-1]:
        text.highlight_words([f" {cell} "], colours.get(cell, ""))
    return text


def padded(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines whose columns stand below each other, for signs that are one column wide.

    >>> padded([["a", "b"], ["long", ""]])
    ['a     b', 'long']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """A bar with count and time left on a terminal; else a line for every tenth of an area."""
    if console := _console(errors=True):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=console) as bar:
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
    console = _console(errors=True)
    if console is None:
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        bar.add_task(what, total=None)
        yield
