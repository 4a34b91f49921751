"""The page `notation.md`: who calls what how, generated from the records of `literature.notation`."""

from __future__ import annotations

from pathlib import Path

from gradproof.evidence.files import write_whole
from gradproof.pages.tables import Table, comma_separated, markdown
from literature.notation import NOTATIONS, QUANTITIES

INTRO = """# Notation

One row for each quantity, one column for each source. Every column is a record in
[`literature/notation.py`](../literature/notation.py) that also holds the translation as code: our parameters into the
source's layout, the place of each weight in it, and the forward pass; the tests run each of them against ours,
`torch.nn.Linear` and `flax.linen.Dense`. A dash says that the source has no symbol for the quantity.

Two translations matter most. *Transpose*: columns are multiplied from the left by W (units × inputs), rows from the
right by its transpose, so what is `kernel[k, j]` or w_kj there is w_jk here. *Index shift*: the input is layer 1 and
the first weights have index 2 where the activations are counted, and index 1 where the weights are or where the input
is layer 0. And beware of *a*: it is the activation in most columns and the pre-activation in two.
"""


def _math(cell: str) -> str:
    """Dollar signs in the quoting that GitHub leaves untouched."""
    parts = cell.split("$")
    return "".join(part if k % 2 == 0 else f"$`{part}`$" for k, part in enumerate(parts))


def table() -> Table:
    """Quantities × sources."""
    columns = ["quantity", *(n.name for n in NOTATIONS)]
    rows = [[quantity, *(_math(n.symbols[k]) for n in NOTATIONS)] for k, quantity in enumerate(QUANTITIES)]
    return Table("", columns, rows)


def write(folder: Path) -> None:
    """Write notation.md and csv/notation.csv into `folder`. Raises OSError where it cannot be written."""
    write_whole(folder / "notation.md", INTRO + "\n" + markdown(table()))
    write_whole(folder / "csv" / "notation.csv", comma_separated(table()))
