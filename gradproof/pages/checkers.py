"""checkers.md: who tells wrong gradients from right ones, made from `checkers.jsonl` and nothing else.

Its evidence is measured by `python -m benchmarks.acceptance`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.tables import Table, number, write_page

INTRO = """\
# Checkers

{wrong} wrong gradients and {right} right ones in odd clothing, and who tells them apart: `gradproof.check`, the
checkers of the frameworks, and the rules by which projects accept gradients written by hand.
`python -m benchmarks.acceptance` measures all this again.

The gradients are those of `tests/wrong`, which `gradproof.check` is tested with: that it misses none of them is what
its tests ask, no measurement. For everyone else it is one, of mistakes that we chose."""

HOW = """\
A *miss* is a wrong gradient that is accepted at every case, a *false alarm* a right one that is rejected at some case.
A formula that is dressed in several ways counts as often. All but `gradproof.check`, which draws its own inputs, are
asked at the same ordinary ones: the plain cases of the audit, or {shape} normal numbers of standard deviation
{spread:g} where a function acts entry by entry.

Checkers of frameworks are asked in float64, at their defaults, each for a function of its own kind whose backward is
the gradient in question (`torch.autograd.Function`, `jax.custom_vjp`, `primitive`, a function and its gradient). Rules
are given gradient and truth, in float64 and in float32, under cotangents like those of their own test: ones, or random.
A gradient that is missing or of another shape is rejected before any rule. Rules are given neither the inputs nor the
sizes of the project's own test: the table is about the rules, and says nothing about anybody's kernels.

*Not asked* is counted apart: *behaviour*, such as overwriting an argument, of which a pair of arrays says nothing
(gradcheck alone calls a backward twice, and is asked whether the results are equal); *in 16 bits*, since only float64
and float32 are asked here; *no room to differentiate*, where a function refuses arguments moved by 1e-6, such as rows
that must sum to 1.{scipy}"""

SCIPY = """

SciPy's `check_grad` returns a number and gives no advice on what is small. The limit here is {limit:g}, of SciPy's own
tests. No limit would do: right gradients have numbers up to {largest}, and so have {below} of {asked} wrong ones."""

RULES = """\
What is compared, with g the gradient, r what it is compared with, J the Jacobian, and where that stands. Each rule was
read there at the last commit of the file, whose date is given, and restated in our own words."""

MISSED = """\
Wrong gradients that were accepted, and right ones that were rejected, by the ids of `tests/wrong`. Those that end in
`float32` are right to about seven digits and meant to be in float64; `gelu-gelu_tanh` and `gelu_tanh-gelu` each have
the slope of the other of two common formulas, which differ by less than 1e-3."""


def checkers(found: Sequence[Finding]) -> dict[str, dict[str, Finding]]:
    """Findings by checker and set: frameworks first, then rules; first whoever is mistaken least often."""
    by: dict[str, dict[str, Finding]] = {}
    for f in found:
        by.setdefault(f.formula, {})[f.what] = f

    def order(name: str) -> tuple[bool, bool, int, str]:
        one = next(iter(by[name].values()))
        mistaken = sum(_odd(by[name], which) for which in by[name])
        return "rule" in one.more, name != "gradproof.check", mistaken, name

    return {name: by[name] for name in sorted(by, key=order)}


def _odd(sets: Mapping[str, Finding], which: str) -> int:
    return len(sets[which].more["odd"]) if which in sets else 0


def score_table(found: Sequence[Finding], note: str = "") -> Table:
    """Misses and false alarms of each checker."""
    lines = []
    for name, sets in checkers(found).items():
        cells = [
            f"{_odd(sets, which)} of {sets[which].entries}" if which in sets else "–" for which in ("wrong", "right")
        ]
        unasked = [
            f"{which}: " + ", ".join(f"{n} {reason}" for reason, n in sets[which].more["unasked"].items())
            for which in ("wrong", "right") if which in sets and sets[which].more["unasked"]
        ]  # fmt: skip
        lines.append([_code(name, sets), *cells, "; ".join(unasked), next(iter(sets.values())).why])
    columns = ["checker", "misses of wrong", "false alarms of right", "not asked", "misses by construction"]
    return Table("Misses and false alarms", columns, lines, note)


def rule_table(found: Sequence[Finding]) -> Table:
    """What each checker compares, under which cotangent, and where that is written."""
    lines = []
    for name, sets in checkers(found).items():
        f = next(iter(sets.values()))
        lines.append([_code(name, sets), f.more["says"], f.more["cotangent"], f.more["source"]])
    return Table("What they compare", ["checker", "accepts if", "cotangent", "read in"], lines, RULES)


def missed_table(found: Sequence[Finding]) -> Table:
    """The ids that each checker missed or rejected."""
    lines = []
    for name, sets in checkers(found).items():
        ids = [", ".join(sets[which].more["odd"]) if which in sets else "" for which in ("wrong", "right")]
        if any(ids):
            lines.append([_code(name, sets), *ids])
    return Table("Which", ["checker", "missed", "false alarms"], lines, MISSED)


def _code(name: str, sets: Mapping[str, Finding]) -> str:
    if "rule" in next(iter(sets.values())).more:
        return name
    code, comma, more = name.partition(",")
    return f"`{code}`{comma}{more}"


def scipy_note(found: Sequence[Finding]) -> str:
    """How the numbers of SciPy's check_grad for right gradients and wrong ones overlap."""
    numbers = {f.what: f.more["numbers"] for f in found if "numbers" in f.more}
    if not numbers.get("right") or not numbers.get("wrong"):
        return ""
    limit = next(f.more["limit"] for f in found if "numbers" in f.more)
    largest = max((x for x in numbers["right"] if not math.isnan(x)), default=math.nan)
    below = sum(x <= largest for x in numbers["wrong"])
    return SCIPY.format(limit=limit, largest=number(largest), below=below, asked=len(numbers["wrong"]))


def write(evidence: Path, folder: Path) -> None:
    """Write checkers.md with its CSV and LaTeX tables to `folder`, from `evidence`/checkers.jsonl."""
    header, found = read_evidence(evidence / "checkers.jsonl")
    counts = {which: max((f.entries + sum(f.more["unasked"].values()) for f in found if f.what == which), default=0)
              for which in ("wrong", "right")}  # fmt: skip
    shape, spread = " × ".join(map(str, header.get("points", ("a few",)))), header.get("spread", 1)
    note = HOW.format(shape=shape, spread=spread, scipy=scipy_note(found))
    write_page(folder, "checkers", INTRO.format(**counts), [score_table(found, note), rule_table(found),
               missed_table(found)])  # fmt: skip
