"""How rounding differences grow with depth and width, beside what the propagated error predicts."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.evidence.files import read_lines
from gradproof.networks.judge import distance
from gradproof.networks.tolerance import flat, propagate, unit_roundoff
from gradproof.pages.figures import scaling_curves
from gradproof.pages.tables import Table, write_page
from reference import CATALOGUE
from reference.network import backprop

HIDDEN, OUTPUT, COST = "activation/tanh", "activation/identity", "cost/quadratic"
DEPTHS, WIDTHS = (1, 2, 4, 8, 16, 32), (4, 16, 64, 256)
DEPTH, WIDTH, BATCH, NETWORKS = 2, 16, 8, 12  # what is held while the other varies, and how many are drawn


def measure(dtype: str, seed: int, oracles: dict[str, ModuleType]) -> list[dict[str, Any]]:
    """Evidence rows: median ‖p − q‖/‖p‖ of the whole gradient for each pair, and the median predicted ‖σ‖/‖p‖."""
    shapes = [("depth", d, d, WIDTH) for d in DEPTHS] + [("width", w, DEPTH, w) for w in WIDTHS]
    return [row for shape in shapes for row in _measure(*shape, dtype, seed, oracles)]


def _measure(
    along: str, at: int, depth: int, width: int, dtype: str, seed: int, oracles: dict[str, ModuleType]
) -> list[dict[str, Any]]:
    rng = np.random.default_rng([seed, depth, width])
    sizes = [width] * (depth + 1) + [3]
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    W = [(rng.standard_normal((NETWORKS, *s)) / np.sqrt(s[1])).astype(dtype) for s in shapes]
    b = [(0.3 * rng.standard_normal((NETWORKS, s[0]))).astype(dtype) for s in shapes]
    x = rng.standard_normal((NETWORKS, BATCH, width)).astype(dtype)
    y = rng.standard_normal((NETWORKS, BATCH, 3)).astype(dtype)
    hidden, output, cost = (CATALOGUE[id] for id in (HIDDEN, OUTPUT, COST))
    g = backprop(x, y, W, b, [hidden.function] * depth + [output.function], cost.function)
    t = propagate(g, x, y, W, b, hidden, output, cost, unit_roundoff(np.dtype(dtype)))
    answers = {"ours": flat((g.cost, g.dW, g.db))}
    for name, oracle in oracles.items():
        answers[name] = flat(oracle.network(x, y, W, b, HIDDEN, OUTPUT, COST))
    size, sigma = answers["ours"].norm, t.sigma.norm
    common = {"row": "scaling", "along": along, "at": at, "dtype": dtype}
    rows = [{**common, "pair": "predicted", "relative": float(f"{np.median(np.sqrt(2) * sigma / size):.3g}")}]
    names = list(answers)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            apart = distance(answers[first], answers[second], t).norm * sigma / size
            rows.append({**common, "pair": f"{first}-{second}", "relative": float(f"{np.median(apart):.3g}")})
    return rows


def write(evidence: Path, folder: Path) -> None:
    """Write scaling.md, its table and its figure."""
    _, rows = read_lines(evidence / "scaling.jsonl")
    pairs = list(dict.fromkeys(r["pair"] for r in rows))
    found = {(r["along"], r["at"], r["dtype"], r["pair"]): r["relative"] for r in rows}
    keys = list(dict.fromkeys((r["along"], r["at"], r["dtype"]) for r in rows))
    lines = [[*key, *(found.get((*key, pair)) for pair in pairs)] for key in keys]
    note = (
        f"Median over {NETWORKS} networks of ‖p − q‖/‖p‖ of the whole gradient (tanh, quadratic cost, batch {BATCH}); "
        f"depth varies at width {WIDTH}, width at depth {DEPTH}. Predicted: √2·‖σ‖/‖p‖ by propagated rounding error."
    )
    table = Table("", ["along", "at", "dtype", *(p.replace("-", "–") for p in pairs)], lines, note)
    scaling_curves(rows, folder / "figures" / "scaling.svg")
    figure = "![Relative difference of gradients against depth and width](figures/scaling.svg)"
    write_page(folder, "scaling", f"# Error against depth and width\n\n{figure}", [table])
