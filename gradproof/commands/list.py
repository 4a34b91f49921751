"""What there is: formulas, whole blocks and published claims, by kind, by pattern, or by what is written of them."""

from __future__ import annotations

import argparse
import contextlib
import fnmatch

from gradproof.console import print_table
from gradproof.lookup import UsageError, find, meant, suggestion
from literature import CLAIMS
from reference import ALIASES, CATALOGUE
from reference.blocks import BLOCKS


def run(options: argparse.Namespace) -> int:
    """Print the table. Raises UsageError where nothing is of that kind, matches, or has the text."""
    columns, rows = _of_kind(options.kind)
    if options.search is not None:
        rows = [row for row in rows if has(row[0], options.search)]
        if not rows:
            raise UsageError(f"--search {options.search!r}: found nowhere; {suggestion(options.search, CATALOGUE)}")
    print_table(columns, rows)
    return 0


def has(id: str, text: str) -> bool:
    """Whether the words of a person are among the names of a formula, block or claim.

    >>> has("activation/silu", "swish"), has("activation/silu", "Linear Unit"), has("activation/silu", "tanh")
    (True, True, False)
    """
    said = [id, *(alias for alias, (target, _) in ALIASES.items() if target == id)]
    if id in CLAIMS:
        said += [CLAIMS[id].place, CLAIMS[id].latex["printed"]]
    else:
        said += (CATALOGUE[id].derivation if id in CATALOGUE else BLOCKS[id].__doc__ or "").splitlines()[:1]
    return text.lower() in "\n".join(said).lower() or id in meant(text)


def _of_kind(kind: str | None) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of what is of that kind, of that document, or has an id of that pattern."""
    if kind == "block":
        return ["id", "what"], [[id, (block.__doc__ or "").splitlines()[0]] for id, block in BLOCKS.items()]
    kinds = sorted({f.kind for f in CATALOGUE.values()})
    if claims := [c for c in CLAIMS.values() if kind in ("claim", c.source) or fnmatch.fnmatchcase(c.id, kind or "")]:
        return ["id", "place", "as printed"], [[c.id, c.place, c.latex["printed"]] for c in claims]
    chosen = [f for f in CATALOGUE.values() if f.kind == kind or fnmatch.fnmatchcase(f.id, kind or "*")]
    with contextlib.suppress(UsageError):
        chosen = chosen or [find(kind or "")[0]]
    if not chosen:
        if "/" in (kind or ""):
            raise UsageError(f"no formula is {kind!r} or matches it; {suggestion(kind or '', CATALOGUE)}")
        raise UsageError(f"no formulas of kind {kind!r}; there are {', '.join(kinds)}, and published equations: claim, "
                         "or the document of one, as 'gradproof list claim' has them; and whole blocks: block; a "
                         "pattern such as 'cost/*entropy*'; --search TEXT looks for it everywhere")  # fmt: skip
    return ["id", "statement"], [[f.id, f.statement] for f in sorted(chosen, key=lambda f: kinds.index(f.kind))]
