"""Pictures of a formula: slopes on the two sides of a kink, and error curves. SVG in the colour of the text."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from gradproof.evidence.finding import Finding, hexed
from gradproof.pages.tables import exactly
from gradproof.site.markup import attribute

SHAPES = {  # a side is known by its shape and not by its colour alone
    "ours": '<circle cx="{x:.1f}" cy="{y}" r="5" class="side-ours"><title>{said}</title></circle>',
    "torch": '<rect x="{x0:.1f}" y="{y0}" width="10" height="10" class="side-torch"><title>{said}</title></rect>',
    "jax": '<path d="M{x:.1f} {y0}l6 10h-12z" class="side-jax"><title>{said}</title></path>',
}
MARKS = {"ours": "●", "torch": "■", "jax": "▲"}
WIDTH, HEIGHT, MIDDLE = 340, 150, 80  # of a picture of a kink; where the two sides meet


def kink(at: str, sides: Mapping[str, Finding]) -> str:
    """Left and right slope as two rays, and beside them where on the scale of slopes everyone's lies.

    Empty where a one-sided slope is not finite.
    """
    some = next(iter(sides.values()))
    left, right = (float.fromhex(some.more[side]) for side in ("left", "right"))
    got = {side: float.fromhex(f.got) for side, f in sides.items() if f.got}
    if not all(map(math.isfinite, (left, right, *got.values()))):
        return ""
    steep = max(abs(left), abs(right), 1e-9)
    rays = [
        f'<path d="M{MIDDLE} {MIDDLE - 5}L{MIDDLE + sign * 64:.0f} {MIDDLE - 5 - sign * 58 * slope / steep:.1f}" '
        f'class="ray"/>'
        for sign, slope in ((-1, left), (1, right))
    ]
    low, high = min(left, right, *got.values()), max(left, right, *got.values())
    span = (high - low) or 1.0

    def place(slope: float) -> float:
        return 185 + 130 * (slope - low) / span if high > low else 250.0

    said = {side: f"{side}: {exactly(sides[side].got)}" for side in got}
    marks = [
        SHAPES.get(side, SHAPES["jax"]).format(x=place(slope), x0=place(slope) - 5, y=y, y0=y - 5, said=said[side])
        for y, (side, slope) in zip((60, 78, 96), got.items(), strict=False)
    ]
    ends = {left: f"left {exactly(some.more['left'])}", right: f"right {exactly(some.more['right'])}"}
    labels = [
        f'<text x="{min(max(place(slope), 195), 300):.0f}" y="{122 + 16 * k}" text-anchor="middle">'
        f"{html.escape(text)}</text>"
        for k, (slope, text) in enumerate(ends.items())
    ]
    between = f'<path d="M{place(left):.1f} 104H{place(right):.1f}" class="between"/>'
    legend = "  ".join(f"{MARKS.get(side, '▲')} {side}" for side in got)
    title = attribute(f"{at}: slope {ends[left]}, {ends.get(right, '')}; {', '.join(said.values())}")
    return (
        f'<svg class="kink" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
        f'<path d="M10 {MIDDLE - 5}H150M{MIDDLE} 8V{HEIGHT - 8}" class="axis"/>{"".join(rays)}'
        f'<circle cx="{MIDDLE}" cy="{MIDDLE - 5}" r="3"/>{between}{"".join(labels)}{"".join(marks)}'
        f'<text x="250" y="36" text-anchor="middle">{legend}</text>'
        f'<text x="250" y="16" text-anchor="middle">{html.escape(at)}</text></svg>'
    )


def curves(found: Sequence[Finding], sweeps: Sequence[Finding]) -> str:
    """A place for the interactive error curves of an activation, with all numbers that they show.

    Empty where there is no curve.
    """
    if not found:
        return ""
    numbers = attribute(
        json.dumps(curve_data(found, sweeps), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    )
    return f'<div class="curves" data-curves="{numbers}"><noscript>The plot needs JavaScript.</noscript></div>'


def curve_data(found: Sequence[Finding], sweeps: Sequence[Finding]) -> list[dict[str, Any]]:
    """The numbers of error curves. Each curve comes with the worst point that its sweep found."""
    worst = {(f.quantity, f.dtype, f.side): f for f in sweeps if not f.what}
    data = []
    for f in found:
        top = worst.get((f.quantity, f.dtype, f.side))
        point = {} if top is None else {"worst": [top.at, top.got, top.truth, str(top.max)]}
        data.append({"part": f.quantity, "dtype": f.dtype, "side": f.side, "range": f.more["range"],
                     "ulp": f.more["ulp"], **_by_bin(f), **point})  # fmt: skip
    return data


def _by_bin(f: Finding) -> dict[str, list[str]]:
    """Input, result and truth in each bin of a curve, empty where the evidence has none."""
    shown = {bin: [x if isinstance(x, str) else hexed(x) for x in row] for bin, row in f.more.get("shown", {}).items()}
    rows = [shown.get(str(bin), ("", "", "")) for bin in range(len(f.more["ulp"]))] if shown else []
    return dict(zip(("at", "got", "truth"), map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
