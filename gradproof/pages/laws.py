"""laws.md: what our formulas are asked beside their numbers, how many keep it, and what cannot be asked and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.tables import Table, name, write_page

ASKED = {  # law: what is asked, in the order of the page
    "answers whatever it is asked": "no call raises, but for input that is to be refused",
    "right beside the truth": "values and gradients by every argument, within rounding of the exact ones; and planted "
    "errors are seen",
    "between left and right at kinks": "the slope along every direction of a kink",
    "the limit at ±0, ±∞ and NaN": "value and slope there, at subnormal and at huge numbers",
    "dtypes are kept": "results have the dtype and the shape of their argument",
    "any shape": "0-d, one entry, none, several axes",
    "an empty batch": "gradients without rows; a mean of nothing is refused",
    "memory layout does not matter": "every second entry, negative strides, Fortran's order, stride 0, read-only",
    "byte order does not matter": "arrays in the other byte order, to the last bit",
    "lists are taken": "nested lists in the place of arrays, to the last bit",
    "what is no number of its kind is refused by name and value": "integers, bools, complex numbers, objects, text, "
    "long doubles, masked arrays: a TypeError that names the argument and an entry",
    "inputs are not overwritten": "arguments and cotangents are as they were",
    "earlier results stay": "the next call does not change them",
    "results are arrays of their own": "no memory is shared with what was given",
    "the same again": "ten calls, to the last bit",
    "prints nothing": "standard output stays empty",
    "warns of nothing": "no warning for 0, ±∞, NaN and the ends of the format",
    "leaves global state alone": "random state and error settings of NumPy",
    "no cotangent, no gradient": "a cotangent of 0",
    "linear in the cotangent": "multiples, and sums of two",
    "outputs one by one add up": "each output alone, then all",
    "sums that are 0 are 0": "sums over an axis that vanish in the truth",
    "NaN goes through": "a NaN in the first argument is one in value and gradient, or is refused",
    "a cotangent of 0 takes out what is not finite": "NaN and ±∞ in a row that no cotangent sees touch no gradient",
    "a weight of 0 takes out what is not finite": "the same of a row without weight",
    "an ignored label takes out what is not finite": "the same of a row whose label is ignored",
    "a mask of 0 takes out what is not finite": "the same of a row that is dropped",
    "a penalty with λ = 0 takes out what is not finite": "the same of weights that nothing penalises",
    "leading axes are independent problems": "two problems at once, and each by itself",
    "a batch answers as its examples do": "each example as a batch of one",
}
MOST = 12  # names in one cell


def write(evidence: Path, folder: Path) -> None:
    """Write laws.md from evidence/laws.jsonl."""
    _, found = read_evidence(evidence / "laws.jsonl")
    formulas = len({f.formula for f in found})
    intro = (
        f"# Laws\n\n{formulas} formulas of ours before the battery that a user's function goes through with "
        "`gradproof check`: by its public function and by `reference.vjp`, without optional arguments and with them, "
        "against its own id, in float64 and float32 (64 and 32 bits) and in float16 and bfloat16 (16 bits). A law "
        "counts once a formula and size of floats. Update rules have no gradient: the laws are asked of what a step "
        "returns."
    )
    tables = [_laws(found), _failing(found), _not_asked(found)]
    write_page(folder, "laws", intro, [table for table in tables if table.rows])


def _laws(found: Sequence[Finding]) -> Table:
    by_law = {law: [f for f in found if f.what == law] for law in dict.fromkeys([*ASKED, *(f.what for f in found)])}
    lines = [
        [
            law,
            ASKED.get(law, ""),
            len({f.formula for f in those if f.verdict != "undefined"}),
            *(_count(those, v) for v in ("holds", "wrong")),
        ]
        for law, those in by_law.items()
        if any(f.verdict != "undefined" for f in those)
    ]
    return Table("What is asked", ["law", "asked", "formulas", "holds", "fails"], lines)


def _count(found: Iterable[Finding], verdict: str) -> int:
    return sum(f.verdict == verdict for f in found)


def _failing(found: Sequence[Finding]) -> Table:
    lines = [[f"`{f.formula}`", f.what, f.dtype, f.why] for f in found if f.verdict == "wrong"]
    return Table("What fails", ["formula", "law", "floats", "how"], lines)


def _not_asked(found: Sequence[Finding]) -> Table:
    """By law and reason, whatever the argument is called."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for f in found:
        if f.verdict == "undefined":
            reasons.setdefault((f.what, _reason(f.why)), []).append(name(f.formula))
    lines = [[law, why, _names(those)] for (law, why), those in sorted(reasons.items())]
    return Table("What cannot be asked, and why", ["law", "why", "formulas"], lines)


def _reason(why: str) -> str:
    """
    >>> _reason("refused: a has shape (0, 4): the mean over an empty batch is undefined")
    'refused: the mean over an empty batch is undefined'
    >>> _reason("nan is no entry of p: p = nan at index (1, 0) is not a probability: must lie in [0, 1]")
    'nan is not a probability: must lie in [0, 1]'
    """
    why = re.sub(r"\b\w+ has shape \([^)]*\)[:;] ", "", why)
    return re.sub(r"^nan is no entry of \w+: (.*nan( at index \([^)]*\))?:? )", "nan ", why).replace(
        "nan only", "nan: only"
    )


def _names(formulas: Sequence[str]) -> str:
    once = sorted(set(formulas))
    more = f" and {len(once) - MOST} more" if len(once) > MOST else ""
    return ", ".join(once[:MOST]) + more
