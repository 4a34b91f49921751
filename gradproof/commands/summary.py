"""What a command has to say: on the terminal, and in a file of Markdown, as the summary of a job of CI is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradproof.console import print_table


def tell(
    file: Path | None, title: str, said: str, columns: Sequence[str] = (), rows: Sequence[Sequence[Any]] = (),
    note: str = "", silent: bool = False,
) -> None:  # fmt: skip
    """Print a text, a table and a note, unless `silent`, and add them to `file`. Raises OSError as `open` does."""
    if not silent:
        print(said)
        if rows:
            print_table(columns, rows)
        if note:
            print(note)
    if file is not None:
        add_to(file, title, said, columns, rows, note)


def add_to(
    file: Path, title: str, said: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], note: str = ""
) -> None:
    """Add a heading, a text and, where it has rows, a table to a file of Markdown. Raises OSError as `open` does."""
    from gradproof.pages.tables import Table, markdown

    lines = "\\\n".join(said.splitlines())  # that each stays one
    parts = [f"## {title}", lines, markdown(Table("", columns, rows)) if rows else "", note]
    with file.open("a", encoding="utf-8") as out:
        out.write("\n\n".join(part.strip() for part in parts if part) + "\n\n")
