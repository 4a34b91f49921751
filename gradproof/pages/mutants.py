"""The page on mutants, made from `mutants.jsonl` and nothing else; `python -m benchmarks.mutants` makes that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.tables import Table, write_page

VERDICTS = ("caught", "equivalent", "missed")

INTRO = """\
# Mutants

A check that cannot fail proves nothing. So small errors are planted in the formulas, one at a time: another operator,
a comparison the other way or with equality, another constant, a sign, a term or factor left out, arguments swapped, a
transpose, an axis, min for max, a branch of `where` taken always. Each is a mutant, {n} of them, drawn from every
module of `reference/` in turns from its functions and kinds of change, with seed {seed}.

A mutant is *caught* if the audit's own checks, with fewer points, call it wrong or it raises: cases against the truth,
sweeps, kinks, trajectories of optimizers, networks; and where they have nothing to say, if a test fails. It is
*equivalent* if it answers as the formula does, up to the last bits, to all that is asked of it: the cases in four
dtypes, the kinks, and the cases with ±0, ±∞, NaN and numbers at the ends of the range put in. What differs there and
nobody noticed is *missed*.

`python -m benchmarks.mutants` does all this again. Made {made} with formulas {source}."""


def write(evidence: Path, folder: Path) -> None:
    """Write mutants.md from evidence/mutants.jsonl."""
    header, found = read_evidence(evidence / "mutants.jsonl")
    said = {"n": f"{len(found):,}", "seed": header.get("seed", 0)}
    said |= {"made": header["made"][:10], "source": header["source"]}
    tables = [
        _scores("By module", "module", found, module),
        _scores("By kind of change", "kind", found, lambda f: f.quantity),
        _caught(found),
        _survivors("Missed", [f for f in found if f.verdict == "missed"], "what nobody noticed"),
        _survivors("Equivalent", [f for f in found if f.verdict == "equivalent"], "why nobody can tell"),
        _scores("By formula", "formula", found, lambda f: f.formula),
    ]
    write_page(folder, "mutants", INTRO.format(**said), tables)


def module(f: Finding) -> str:
    """The file in which a mutant is."""
    return f.what.partition(":")[0]


def score(found: Iterable[Finding]) -> str:
    """How many mutants came to which end, e.g. "640 caught, 31 equivalent, 0 missed"."""
    counts = Counter(f.verdict for f in found)
    return ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in VERDICTS)


def _scores(title: str, column: str, found: Sequence[Finding], by: Callable[[Finding], str]) -> Table:
    counts: dict[str, Counter[str]] = {}
    for f in found:
        counts.setdefault(by(f), Counter())[f.verdict] += 1
    lines = [[name, n.total(), *(n[verdict] for verdict in VERDICTS)] for name, n in sorted(counts.items())]
    return Table(title, [column, "mutants", *VERDICTS], lines)


def _caught(found: Sequence[Finding]) -> Table:
    """Who caught how many, the first to notice counted."""
    by = Counter(str(f.more["by"]).partition(",")[0] for f in found if f.verdict == "caught")
    note = "Asked in this order until one notices; the tests last."
    return Table("Caught by", ["check", "mutants"], [[name, n] for name, n in by.most_common()], note)


def _survivors(title: str, found: Sequence[Finding], why: str) -> Table:
    lines = []
    for f in found:
        place = f.what.partition(" ")[0].rpartition(":")[0]
        lines.append([f.formula, place, f"`{f.more['before']}`", f"`{f.more['after']}`", f.why])
    return Table(title, ["of", "place", "was", "became", why], lines, "" if lines else "None.")
