"""Figures as SVG: the same bytes from the same evidence."""

from __future__ import annotations

import importlib.util
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradproof.evidence.files import write_whole
from gradproof.evidence.finding import Finding

COLOURS = {"ours": "#1b7837", "torch": "#d95f02", "jax": "#2166ac",
           "ours-torch": "#d95f02", "ours-jax": "#2166ac", "torch-jax": "#7f7f7f"}  # fmt: skip
OTHER = "#6a3d9a"  # of a side or pair without a colour of its own
STROKES = {"ours": "-", "torch": "--", "jax": ":"}  # a side is known by its stroke or mark, and not by its colour alone
MARKS = {"torch": ("s", 70), "jax": ("^", 24), "ours": ("o", 16)}  # with its area, so that none hides another
DIGITS = {
    "float64": 52 * math.log10(2),
    "float32": 23 * math.log10(2),
}  # decimal digits behind the first that a float has
VISIBLE = 8.0  # ULP: what every side has right to this many is no error that a figure shows


def check_installed() -> None:
    """Raises ImportError without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ModuleNotFoundError("figures need matplotlib", name="matplotlib")


def _pyplot() -> Any:
    check_installed()
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({
        "svg.hashsalt": "gradproof", "svg.fonttype": "path", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3,
        "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    })  # fmt: skip
    from matplotlib import pyplot

    return pyplot


def save(figure: Any, path: Path, trim: bool = True) -> None:
    """Write the figure as SVG without a date, whole or not at all, and close it; `trim` measures its margins first."""
    buffer = io.BytesIO()
    margins = "tight" if trim else None
    figure.savefig(buffer, format="svg", bbox_inches=margins, metadata={"Date": None, "Creator": "gradproof"})
    _pyplot().close(figure)
    short = re.sub(r"([1-9]\d*\.\d\d)\d+", r"\1", buffer.getvalue().decode())  # of a point; below 1 are scales
    write_whole(path, re.sub(r"\n +", "\n", short))


def _legend(axis: Any, **style: Any) -> None:
    """A legend, where there is anything to explain."""
    if axis.get_legend_handles_labels()[0]:
        axis.legend(**style)


def histograms(found: Sequence[Finding], path: Path) -> None:
    """Distribution of the relative difference of gradients, one panel per dtype, one line per pair."""
    plt = _pyplot()
    dtypes = sorted({f.dtype for f in found}) or ["float64"]
    figure, axes = plt.subplots(1, len(dtypes), figsize=(4.5 * len(dtypes), 3.2), sharey=True, squeeze=False)
    for axis, dtype in zip(axes[0], dtypes, strict=True):
        for f in found:
            if f.dtype == dtype:
                zero, counts, edges = f.more["zero"], f.more["counts"], f.more["edges"]
                total = zero + sum(counts) or 1  # 0 where an oracle gave nothing finite
                share = [100 * c / total for c in counts]
                label = f"{f.side.replace('-', '–')} ({100 * zero / total:.0f} % equal bits)"
                axis.stairs(share, [edges[0] - 1, *edges, edges[-1] + 1], label=label, linewidth=1.6,
                            color=COLOURS.get(f.side, OTHER))  # fmt: skip
        unit = {"float32": 2.0**-24, "float64": 2.0**-53}[dtype]
        axis.axvline(math.log10(unit), color="black", linewidth=0.8, linestyle=":")
        axis.set_title(dtype)
        axis.set_xlabel("log₁₀ of the relative difference (dotted: unit roundoff)")
        _legend(axis, fontsize=7)
    axes[0][0].set_ylabel("% of cases")
    save(figure, path)


def training_curves(found: Sequence[Finding], path: Path) -> None:
    """Distance of the parameters over the steps, one panel per data set, log–log."""
    plt = _pyplot()
    names = list(dict.fromkeys(f.what for f in found)) or ["no data"]
    by = {(f.what, f.dtype, f.side): zip(f.more["steps"], f.more["distances"], strict=True) for f in found}
    figure, axes = plt.subplots(1, len(names), figsize=(3.4 * len(names), 3), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        for dtype, style in (("float32", "-"), ("float64", "--")):
            for pair in ("ours-torch", "ours-jax", "torch-jax"):
                line = [(step, distance) for step, distance in by.get((name, dtype, pair), ()) if distance > 0]
                if line:
                    label = f"{pair.replace('-', '–')}, {dtype}"
                    axis.loglog(*zip(*line, strict=True), style, color=COLOURS.get(pair, OTHER), label=label)
        axis.set_title(name)
        axis.set_xlabel("step")
    axes[0][0].set_ylabel("‖p − q‖ / ‖p‖")
    _legend(axes[0][-1], fontsize=6, loc="center right")
    save(figure, path)


def visibly_wrong(found: Sequence[Finding]) -> list[str]:
    """Formulas in whose error curves somebody is off by more than `VISIBLE` ULP, the worst first."""
    worst: dict[str, float] = {}
    for f in found:
        worst[f.formula] = max(worst.get(f.formula, 0.0), _peak(f))
    return sorted((id for id, peak in worst.items() if peak > VISIBLE), key=lambda id: (-worst[id], id))


def _peak(f: Finding) -> float:
    return max((v for v in f.more["ulp"] if v is not None), default=0.0)


def _away(binades: float, low: float, high: float) -> float:
    """Where |x| = 2^binades stands between 0 and the end of the axis, at 1: half of the room is for |x| > 1."""
    if low >= 0 or high <= 0:
        return (binades - low) / (high - low)
    return (binades - low) / -low / 2 if binades < 0 else (1 + binades / high) / 2


def error_curves(found: Sequence[Finding], dtype: str, path: Path) -> None:
    """Largest error in ULP against the input, a panel each formula with a visible error, a line each side.

    Above each panel stands who loses how many decimal digits at worst; in the shade no digit is right. The figure has
    no panel where all are right.
    """
    plt = _pyplot()
    low, high = found[0].more["range"]
    half = len(found[0].more["ulp"]) // 2
    away = [_away(low + (high - low) * (k + 0.5) / half, low, high) for k in range(half)]
    x = [*(-d for d in reversed(away)), *away]
    names = visibly_wrong(found)
    across = 3
    down = max(1, -(-len(names) // across))
    figure, axes = plt.subplots(down, across, figsize=(3.0 * across, 1.9 * down), sharex=True, sharey=True,
                                squeeze=False)  # fmt: skip
    every, top = DIGITS[dtype], 1e18 if dtype == "float64" else 1e10
    small = 1e-9 if low < -40 else 1e-4
    marks = {f"{small:.0e}".replace("e-0", "e−"): small, "1": 1.0, "100": 100.0}
    away_of = {label: _away(math.log2(size), low, high) for label, size in marks.items() if 2.0**low < size < 2.0**high}
    ticks = {"0": 0.0, **away_of, **{f"−{label}": -k for label, k in away_of.items()}}
    shared = axes[0][0]  # whatever is set of an axis that all share is set of all, and so only once
    shared.set_yscale("log")
    shared.set_ylim(0.05, top)
    shared.set_xlim(-1, 1)
    heights = [1, 1e3, 1e6, *([1e9, 1e12, 1e15] if dtype == "float64" else [])]
    shared.set_yticks(heights, ["1", *(f"10{_raised(round(math.log10(h)))}" for h in heights[1:])])
    shared.set_xticks([*ticks.values()], [*ticks])
    for axis, name in zip(axes.flat, names, strict=False):
        axis.axhspan(10**every, top, color="black", alpha=0.08, linewidth=0)
        axis.axhline(0.5, color="black", linewidth=0.5, linestyle=":")
        axis.axvline(0, color="black", linewidth=0.4)
        losers = []
        for f in (f for f in found if f.formula == name):
            y = [math.nan if v is None else min(max(v, 0.05), top) for v in f.more["ulp"]]
            wide, above = (1.8, 3) if f.side == "ours" else (1.2, 2)
            axis.plot(x, y, STROKES.get(f.side, "-"), color=COLOURS.get(f.side, OTHER), linewidth=wide, zorder=above,
                      label=f.side)  # fmt: skip
            if _peak(f) > VISIBLE:
                losers.append((f.side, min(math.log10(_peak(f)), every)))
        axis.set_title(name.split("/")[1], fontsize=9, pad=3, loc="left", fontweight="bold")
        said = [f"{side} {'all' if digits >= every - 0.5 else f'{digits:.0f}'}" for side, digits in losers]
        axis.set_title(f"digits lost: {', '.join(said)}", fontsize=7, pad=3, loc="right")
        axis.tick_params(labelsize=7)
    shared.minorticks_off()
    for axis in list(axes.flat)[len(names) :]:
        axis.set_visible(False)
    for k, axis in enumerate(axes[-1]):  # a column that ends earlier has its scale there
        last = down - 1 - (not axis.get_visible())
        axes[max(last, 0)][k].tick_params(labelbottom=True)
    if names:
        wide, high_in = figure.get_size_inches()
        figure.legend(*axes[0][0].get_legend_handles_labels(), ncols=3, loc="upper center", fontsize=8)
        figure.subplots_adjust(
            0.62 / wide, 0.72 / high_in, 1 - 0.08 / wide, 1 - 0.5 / high_in, wspace=0.08, hspace=0.42
        )
        figure.supylabel("largest conditioned error in ULP (dotted: ½; shaded: no digit is right)", fontsize=8,
                         x=0.08 / wide)  # fmt: skip
        figure.supxlabel("input z: logarithmic on both sides of 0, with half of the room for |z| > 1", fontsize=8,
                         y=0.06 / high_in)  # fmt: skip
    save(figure, path, trim=False)


def _raised(k: int) -> str:
    return str(k).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def lost_digits(found: Sequence[Finding], dtype: str, path: Path) -> None:
    """Decimal digits lost at the worst input, a line each formula, a mark each side, the worst formula on top.

    `found`: sweeps at the defaults in one dtype. One panel of values and one of slopes; formulas that all have right
    to `VISIBLE` ULP are left out.
    """
    plt = _pyplot()
    every = DIGITS[dtype]

    def digits(f: Finding) -> float:
        return min(math.log10(max(f.max or 1.0, 1.0)), every)

    parts = sorted({f.quantity for f in found}, reverse=True) or ["value"]
    worst: dict[str, tuple[float, float]] = {}
    for f in found:
        one = worst.get(f.formula, (0.0, 0.0))
        worst[f.formula] = (max(one[0], digits(f)), one[1] + digits(f))
    names = sorted((id for id in worst if worst[id][0] > math.log10(VISIBLE)), key=lambda id: (worst[id], id))
    figure, axes = plt.subplots(1, len(parts), figsize=(4.4 * len(parts), 1.2 + 0.22 * max(len(names), 1)), sharey=True,
                                squeeze=False)  # fmt: skip
    for axis, part in zip(axes[0], parts, strict=True):
        axis.axvspan(every - 0.5, every + 0.6, color="black", alpha=0.08, linewidth=0)
        axis.axvline(math.log10(VISIBLE), color="black", linewidth=0.8, linestyle=":")
        for side, (mark, size) in MARKS.items():
            at = [(digits(f), names.index(f.formula)) for f in found
                  if (f.side, f.quantity) == (side, part) and f.formula in names]  # fmt: skip
            if at:
                axis.scatter(*zip(*at, strict=True), marker=mark, s=size, label=side, zorder=3, edgecolor=COLOURS[side],
                             facecolor="none" if side == "torch" else COLOURS[side], linewidth=1.5)  # fmt: skip
        axis.set_xlim(-0.4, every + 0.6)
        axis.set_ylim(-0.8, len(names) - 0.2)
        axis.set_yticks(range(len(names)), [name.split("/")[1] for name in names], fontsize=8)
        axis.set_title(part, fontweight="bold")
        axis.set_xticks(range(0, round(every) + 1, 2 if every > 8 else 1))
        axis.set_xlabel(f"decimal digits lost of {every:.0f}, at the worst input (shaded: all)")
    _legend(axes[0][0], fontsize=8, loc="lower right", bbox_to_anchor=(0.92, 0))
    save(figure, path)


def segment_errors(found: Sequence[Finding], path: Path) -> None:
    """Largest error in ULP of each segment of the input, one panel per part, one line per side, log-scaled."""
    plt = _pyplot()
    parts = sorted({f.quantity for f in found}) or ["slope"]
    figure, axes = plt.subplots(1, len(parts), figsize=(6.2 * len(parts), 3.2), sharey=True, squeeze=False)
    for axis, part in zip(axes[0], parts, strict=True):
        for f in (f for f in found if f.quantity == part):
            rows = [row for row in f.more["segments"] if row["of"] != "not finite"]
            y = [math.nan if row["max"] is None else min(max(row["max"], 0.05), 1e18) for row in rows]
            wide, above = (1.8, 3) if f.side == "ours" else (1.2, 2)
            axis.stairs(y, range(len(y) + 1), baseline=None, color=COLOURS.get(f.side, OTHER), linewidth=wide,
                        zorder=above, label=f.side)  # fmt: skip
            ends = [row["of"].split("..") for row in rows]  # from the end nearer to 0 to the other
            left = [(far if far.startswith("-") else near).replace("-", "−") for near, far in ends]
            axis.set_xticks(range(len(left)), left, rotation=90, fontsize=6)
        axis.set_yscale("log")
        axis.minorticks_off()
        axis.grid(False, axis="x")
        axis.axhline(0.5, color="black", linewidth=0.8, linestyle=":")
        axis.set_title(part)
        axis.set_xlabel("input")
    axes[0][0].set_ylabel("largest error in ULP (dotted: ½)")
    _legend(axes[0][-1], fontsize=7)
    save(figure, path)


def scaling_curves(found: Sequence[Finding], path: Path) -> None:
    """Relative difference against depth and against width, log–log, with the prediction dotted."""
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
    for axis, along in zip(axes, ("depth", "width"), strict=True):
        for dtype, style in (("float32", "-"), ("float64", "--")):
            for pair in dict.fromkeys(f.side for f in found):
                line = [(int(at), x) for f in found if (f.what, f.dtype, f.side) == (along, dtype, pair)
                        for at, x in f.more["relative"].items()]  # fmt: skip
                label = pair.replace("-", "–") if dtype == "float32" else None
                if line:
                    colour, dashes = (COLOURS[pair], style) if pair in COLOURS else ("black", ":")
                    axis.loglog(*zip(*line, strict=True), dashes, color=colour, label=label)
        axis.set_xlabel(along)
    axes[0].set_ylabel("‖p − q‖ / ‖p‖ (dashed: float64)")
    _legend(axes[1], fontsize=7)
    save(figure, path)
