"""optimizers.md: update rules against the truth, a step each, and against torch.optim and Optax, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gradproof.evidence.environment import SIDES
from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.accuracy import DTYPES as ALL
from gradproof.pages.accuracy import errors_table, is_step
from gradproof.pages.tables import Table, answered, name, number, write_page

TITLES = {side: side for side in SIDES} | {"torch": "torch.optim", "jax": "Optax"}
DTYPES = ("float32", "float64")


def write(evidence: Path, folder: Path) -> None:
    """Write optimizers.md with its tables from evidence/updates.jsonl, and accuracy.jsonl where it is there."""
    header, found = read_evidence(evidence / "updates.jsonl")
    paths = [f for f in found if f.kind == "trajectory"]
    counts = Counter(f.verdict for f in paths if f.verdict and f.side != "ours")
    used = header["versions"]
    intro = (
        "# Optimizers\n\n"
        f"Every update rule of `reference.updates` against torch.optim {used['torch']} and Optax {used['optax']}, "
        f"{header['steps']} steps on a quadratic of condition number 2¹⁴ and on a 64-16-10 network that learns "
        "scikit-learn's digits. On the digits every side is fed the gradients of our backprop.\n\n"
        "The limit is not tuned: the recurrence is run once on numbers that carry the first-order effect of every "
        "rounding so far, two per operation, and the sum of the magnitudes is what one side may be off by.\n\n"
        f"{counts.total()} comparisons: {', '.join(f'{n} {verdict}' for verdict, n in sorted(counts.items()))}. What "
        "each side means by the name of a rule, its defaults, and clipping at its edges: see "
        "[conventions.md](conventions.md).\n"
    )
    path = evidence / "accuracy.jsonl"
    steps = [f for f in read_evidence(path).findings if f.kind == "accuracy" and is_step(f)] if path.exists() else []
    if steps:
        intro += (
            f"\nOne step against the exact one, {sum(f.entries for f in steps if f.side == 'ours'):,} numbers by us: "
            "the rule as its paper defines it, over balls, from states off their start too, with hyperparameters off "
            f"their defaults. Our largest error: {_largest(steps)} conditioned ULP.\n"
        )
    tables = [errors_table([f for f in steps if f.dtype == dtype], f"One step in {dtype}", ONE) for dtype in ALL]
    tables += [_steps(paths, header["steps"]), _causes(paths), _decay([f for f in found if f.kind == "decay"])]
    write_page(folder, "optimizers", intro, [table for table in tables if table.rows])


ONE = (
    "Conditioned ULP of the new w and accumulators, |ŷ − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|), w, dC and accumulators being "
    "the inputs; hyperparameters are exact. † by the framework's own convention, see below."
)


def _largest(found: Iterable[Finding]) -> str:
    worst: dict[str, float] = {}
    for f in found:
        if f.side == "ours":
            worst[f.dtype] = max(worst.get(f.dtype, 0.0), f.max or 0.0)
    return ", ".join(f"{number(worst[dtype])} in {dtype}" for dtype in ALL if dtype in worst)


def _groups(found: Iterable[Finding], *keys: str) -> dict[tuple[Any, ...], list[Finding]]:
    groups: dict[tuple[Any, ...], list[Finding]] = {}
    for f in found:
        groups.setdefault(tuple(getattr(f, key) for key in keys), []).append(f)
    return groups


def _outcome(f: Finding) -> str:
    return f.verdict if f.max == 0 else f"{f.verdict} ({number(f.max)})"


def _steps(found: Sequence[Finding], steps: int) -> Table:
    lines = []
    for (id, what), group in _groups(found, "formula", "what").items():
        by = {(f.side, f.dtype): f for f in group}
        bound = max(f.more["bound"] for f in group)
        setting, problem = what.split("; ")
        cells = [answered(by.get((side, dtype)), _outcome) for dtype in DTYPES for side in SIDES]
        lines.append([f"`{name(id)}`", setting, problem, f"{bound:.1e}", *cells])
    columns = ["rule", "hyperparameters", "problem", "bound/distance, float32"]
    columns += [f"{title} {dtype}" for dtype in DTYPES for title in TITLES.values()]
    note = (
        "In brackets the largest difference of any parameter at any step over what rounding can do (1 is the limit): "
        "to our rule for torch and Optax, to the same rule in extended precision for ours."
    )
    return Table(f"{steps} steps, step by step", columns, lines, note)


def _causes(found: Sequence[Finding]) -> Table:
    explained = [f for f in found if f.why and f.verdict]
    lines = [
        [f"`{name(id)}`", TITLES[side], ", ".join(dict.fromkeys(f.dtype for f in group)), verdict,
         max(f.max or 0.0 for f in group), f"{max(f.more['difference'] for f in group):.1e}", why]
        for (id, side, verdict, why), group in _groups(explained, "formula", "side", "verdict", "why").items()
    ]  # fmt: skip
    columns = ["rule", "who", "dtype", "verdict", "times the bound", "largest difference", "found cause"]
    note = (
        "A cause counts only if our rule, changed in that one respect, follows the other's trajectory to within the "
        "bound."
    )
    return Table("What leaves the bound, and why", columns, lines, note)


def _decay(found: Sequence[Finding]) -> Table:
    lines = []
    for (what,), group in _groups(found, "what").items():
        by = {f.side: f for f in group}
        cells = ["not installed" if (f := by.get(side)) is None else f.why or f"{100 * (f.max or 0):.2f} %"
                 for side in SIDES]  # fmt: skip
        ours = by["ours"].more
        lines.append([*what.split("; "), *cells, ours["penalised"], ours["decayed"]])
    columns = ["rule", "problem", *(f"apart: {title}" for title in TITLES.values()), "‖w‖ as L2", "‖w‖ decoupled"]
    note = ""
    if found:
        note = (
            f"The same λ = {found[0].more['lam']} once as a penalty in the gradient and once as a decay of the step, "
            f"after {found[0].more['steps']} steps: ‖w_L2 − w_decoupled‖/‖w_decoupled‖."
        )
    return Table("Weight decay is not L2", columns, lines, note)
