"""Draw docs/digits.svg: how many digits of the slope of the sigmoid are right, of ours and of the frameworks.

python scripts/draw_digits.py [FILE]    needs python-flint, torch and jax
"""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradproof.commands.at import evaluate
from gradproof.evidence.files import write_whole

POINTS = [k / 4 for k in range(201)]  # z from 0 to 50
ALL = 53 * math.log10(2)  # digits of a float64
LEFT, TOP, WIDTH, HEIGHT = 44, 40, 640, 170
LINES = {"torch": "PyTorch", "jax": "JAX", "ours": "gradproof"}

PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 262" font-family="system-ui, sans-serif" font-size="13">
<title>Correct digits of the slope of the sigmoid in float64</title>
<style>
svg {{ --ink: #1f2328; --faint: #d1d9e0; --ours: #1b7837; --torch: #bc4c00; --jax: #0969da; }}
@media (prefers-color-scheme: dark) {{
svg {{ --ink: #e6edf3; --faint: #3d444d; --ours: #56d364; --torch: #f0883e; --jax: #79c0ff; }} }}
text {{ fill: var(--ink); }} .grid {{ stroke: var(--faint); }} polyline {{ fill: none; stroke-linejoin: round; }}
.ours {{ stroke: var(--ours); stroke-width: 2.5; }} .torch {{ stroke: var(--torch); stroke-width: 3; }}
.jax {{ stroke: var(--jax); stroke-width: 1.5; stroke-dasharray: 5 4; }}
text.ours {{ fill: var(--ours); }} text.torch {{ fill: var(--torch); }} text.jax {{ fill: var(--jax); }}
text.ours, text.torch, text.jax {{ stroke: none; font-weight: 600; }}
</style>
<text x="{left}" y="20" font-weight="600">Correct digits of σ′(z) in float64</text>
{grid}
{lines}
<text x="{zero}" y="{under}" text-anchor="end">0 of 16 digits from z = {lost:g} on: the slope is returned as 0</text>
</svg>
"""


def digits(got: float, truth: float) -> float:
    """Correct decimal digits, from 0 to those that the format has."""
    error = abs(got - truth) / truth
    return ALL if error == 0 else min(max(-math.log10(error), 0), ALL)


def curves() -> dict[str, list[float]]:
    """By side, the digits at each point. Raises KeyError where a side is not installed."""
    rows: Sequence[Mapping[str, Any]] = evaluate("activation/sigmoid", POINTS)["points"]
    slope = {side: [float.fromhex(row[side]["slope"]) for row in rows] for side in ("truth", *LINES)}
    return {side: [digits(*pair) for pair in zip(slope[side], slope["truth"], strict=True)] for side in LINES}


def picture(found: Mapping[str, Sequence[float]]) -> str:
    """The curves as SVG, which follows the reader's light or dark mode."""

    def x(z: float) -> float:
        return LEFT + WIDTH * z / POINTS[-1]

    def y(count: float) -> float:
        return TOP + HEIGHT * (1 - count / 16)

    grid = [f'<path class="grid" d="M{LEFT} {y(n):g}H{LEFT + WIDTH}"/><text x="{LEFT - 8}" y="{y(n) + 4:g}" '
            f'text-anchor="end">{n}</text>' for n in (0, 4, 8, 12, 16)]  # fmt: skip
    grid += [f'<text x="{x(z):g}" y="{TOP + HEIGHT + 20}" text-anchor="middle">{"z = " if z == 0 else ""}{z}</text>'
             for z in range(0, 51, 10)]  # fmt: skip
    lines = []
    for side, name in LINES.items():
        points = " ".join(f"{x(z):.1f},{y(n):.1f}" for z, n in zip(POINTS, found[side], strict=True))
        lines.append(f'<polyline class="{side}" points="{points}"/>')
        at = {"ours": (x(26), y(16) + 26), "torch": (x(10), y(7)), "jax": (x(10), y(7) + 18)}[side]
        lines.append(f'<text class="{side}" x="{at[0]:g}" y="{at[1]:g}">{name}</text>')
    lost = max(z for z, n in zip(POINTS, found["torch"], strict=True) if n > 0) + POINTS[1]
    return PAGE.format(left=LEFT, grid="\n".join(grid), lines="\n".join(lines), zero=LEFT + WIDTH, under=254, lost=lost)


if __name__ == "__main__":
    write_whole(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/digits.svg"), picture(curves()))
