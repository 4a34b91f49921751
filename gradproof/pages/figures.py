"""Figures as SVG: the same bytes from the same evidence."""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradproof.evidence.files import write_whole
from gradproof.evidence.finding import Finding

COLOURS = {"ours": "#1b7837", "torch": "#d95f02", "jax": "#2166ac",
           "ours-torch": "#d95f02", "ours-jax": "#2166ac", "torch-jax": "#7f7f7f"}  # fmt: skip
OTHER = "#6a3d9a"  # of a side or pair without a colour of its own


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
    write_whole(path, buffer.getvalue())


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


def error_curves(found: Sequence[Finding], dtype: str, path: Path) -> None:
    """Largest error in ULP against the input, one small panel per formula, one line per side, log-scaled."""
    plt = _pyplot()
    (low, high), bins = found[0].more["range"], len(found[0].more["ulp"]) // 2
    edges = [low + (high - low) * k / bins for k in range(bins + 1)]
    half = len(edges) - 1
    names = list(dict.fromkeys(f.formula for f in found))
    across = 6
    down = -(-len(names) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(2.3 * across, 1.6 * down), sharex=True, sharey=True, squeeze=False
    )
    top = 1e18
    marks = {"10⁻⁶": 1e-6, "1": 1.0}
    away = {label: half * (math.log2(x) - edges[0]) / (edges[-1] - edges[0]) for label, x in marks.items()}
    ticks = [(-k, f"−{label}") for label, k in away.items()] + [(0, "0")] + [(k, label) for label, k in away.items()]
    shared = axes[0][0]  # whatever is set of an axis that all share is set of all, and so only once
    shared.set_yscale("log")
    shared.set_ylim(0.05, top)
    shared.set_xticks([t for t, _ in ticks], [label for _, label in ticks])
    for axis, name in zip(axes.flat, names, strict=False):
        for f in found:
            if f.formula == name:
                y = [math.nan if v is None else min(max(v, 0.05), top) for v in f.more["ulp"]]
                x = [k + 0.5 - half for k in range(2 * half)]
                wide, above = (1.6, 3) if f.side == "ours" else (1.0, 2)
                axis.plot(x, y, color=COLOURS.get(f.side, OTHER), linewidth=wide, zorder=above, label=f.side)
        axis.set_title(name.split("/")[1], fontsize=8, pad=2)
        axis.tick_params(labelsize=6)
        axis.hlines(0.5, -half, half, color="black", linewidth=0.5, linestyle=":")
    shared.minorticks_off()
    for axis in list(axes.flat)[len(names) :]:
        axis.set_visible(False)
    axes[0][0].legend(fontsize=6, loc="upper left")
    # Margins in inches, known beforehand: measuring those of so many panels takes longer than drawing them.
    wide, high = figure.get_size_inches()
    figure.subplots_adjust(0.62 / wide, 0.42 / high, 1 - 0.08 / wide, 1 - 0.24 / high, wspace=0.06, hspace=0.26)
    figure.supylabel("largest conditioned error in ULP (dotted: ½)", fontsize=8, x=0.08 / wide)
    figure.supxlabel("input, logarithmic on both sides of 0", fontsize=8, y=0.06 / high)
    save(figure, path, trim=False)


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
