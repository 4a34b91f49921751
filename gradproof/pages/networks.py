"""activations.md, costs.md, regularizers.md and networks.md: gradients inside networks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from gradproof.evidence.environment import ORACLES, PLANNED
from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.evidence.verdicts import MEANING
from gradproof.pages.figures import histograms
from gradproof.pages.tables import Table, beside, name, write_page

Findings = Sequence[Finding]
PAIRS = {name: f"ours–{name.removeprefix('ours, ')}" for name in (*ORACLES, PLANNED)} | {
    f"{one}-{other}": f"{one}–{other}" for one, other in itertools.combinations(ORACLES, 2)
}

RELATIVE = (
    "Differences are ‖p − q‖/max(‖p‖, ‖q‖) of all ∂C/∂W or of all ∂C/∂b, whichever is larger, so 1 means that nothing "
    "is shared; medians are over cases."
)


def write(evidence: Path, folder: Path) -> None:
    """Write activations.md, costs.md, regularizers.md and networks.md from evidence/networks.jsonl."""
    _, found = read_evidence(evidence / "networks.jsonl")
    views = [f for f in found if f.kind == "overview"]
    side = views[0].side if views else ""
    cases = sum(f.entries for f in views if f.what == "architecture" and f.side == side)
    intro = (
        "Every cost and every gradient of a dense network, by our formulas, by PyTorch autograd and by JAX grad, on "
        f"{cases:,} cases. [What the verdicts mean](README.md#verdicts). {RELATIVE}"
    )
    write_page(folder, "activations", f"# Activations in networks\n\n{intro}", [
        _table("As hidden activation", views, "hidden", "activation"),
        _table("As output activation", views, "output", "activation"),
        _worst_cases(views, "hidden"),
    ])  # fmt: skip
    for kind, page in (("cost", "costs"), ("regularizer", "regularizers")):
        tables = [_table("By formula", views, kind, kind), _worst_cases(views, kind)]
        write_page(folder, page, f"# {page.capitalize()} in networks\n\n{intro}", tables)
    left_out = Table(
        "Left out",
        ["architecture", "output", "cost", "why"],
        [[f.what, *map(name, f.formula.split(" ")), f.why] for f in found if f.kind == "left out"],
        "Combinations that are mathematically undefined or vacuous.",
    )
    figure = "![Distribution of the relative differences](figures/errors.svg)"
    write_page(folder, "networks", f"# Networks\n\n{intro}\n\n{figure}", [
        _table("By architecture", views, "architecture", "architecture"),
        _table("By input regime", views, "regime", "regime"),
        _worst_cases(views, "regime"),
        left_out,
    ])  # fmt: skip
    histograms([f for f in found if f.kind == "histogram"], folder / "figures" / "errors.svg")


def counts(verdicts: Mapping[str, int]) -> str:
    """Verdicts in words, e.g. "exact 3, agrees 90"."""
    return ", ".join(f"{v} {verdicts[v]:,}" for v in MEANING if verdicts.get(v))


def _short(formula: str) -> str:
    return name(formula) or formula


def _table(title: str, views: Findings, what: str, first: str) -> Table:
    """One line per name and dtype: verdicts about each framework, and how far the gradients are apart."""
    pairs = {side: pair for side, pair in PAIRS.items() if side != PLANNED or any(f.side == PLANNED for f in views)}
    judged = [side for side in pairs if side in (*ORACLES, PLANNED)]
    columns = [first, "dtype", "cases", *judged]
    columns += [f"{pair} {figure}" for pair in pairs.values() for figure in ("median", "worst")]
    lines = []
    for one, found in beside((f for f in views if f.what == what), pairs):
        cases = max(f.entries for f in found if f)
        said = [counts(f.more["verdicts"]) if f else "not installed" for f in found[: len(judged)]]
        figures = [x for f in found for x in ((f.more.get("median"), f.max) if f else (None, None))]
        lines.append([_short(one.formula), one.dtype, cases, *said, *figures])
    return Table(title, columns, lines)


def _worst_cases(views: Findings, what: str) -> Table:
    """The largest disagreement of each name, with the command that makes it again."""
    lines = []
    for f in views:
        if f.what == what and f.side in ORACLES and f.max:
            configuration, regime = f.at.split(" ")
            again = f"`gradproof audit --only '{configuration}'`"
            lines.append([_short(f.formula), f.dtype, PAIRS[f.side], f.max, regime, again])
    return Table("Worst cases", [what, "dtype", "pair", "relative difference", "regime", "again"], lines)


def disagreements(found: Findings) -> Table:
    """The largest differences of ours to a framework, each with its cause."""
    lines = [[PAIRS[f.side], f.verdict, f.max, f.why, f"`{f.at}`"]
             for f in sorted(found, key=lambda f: -(f.max or 0)) if f.kind == "disagreement"]  # fmt: skip
    note = "No two of one cause; each is the largest difference that its cause makes."
    columns = ["pair", "verdict", "relative difference", "cause", "case"]
    return Table("Largest disagreements", columns, lines, note)
