"""A picture of a check: errors in ULP, and what was got over what is true, one row of panels a gradient or value."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradproof.lookup import UsageError
from gradproof.yours.judge import Judged
from reference.formula import Array

if TYPE_CHECKING:
    from gradproof.yours.report import Report

ENDINGS = (".svg", ".png", ".pdf")
COLOURS = {"float64": "#0072b2", "float32": "#d55e00", "float16": "#009e73", "bfloat16": "#cc79a7"}  # Okabe and Ito
MOST = 4000  # points of one dtype
FAR = 2.0**24  # of inputs, beyond which nothing is drawn
LEAST, TOP = 2.0**-6, 2.0**60  # ULP: the range that is drawn


def check_path(path: str | Path) -> None:
    """Raise UsageError unless a picture can be made there, ImportError without matplotlib."""
    import matplotlib

    del matplotlib
    if Path(path).suffix not in ENDINGS:
        raise UsageError(f"picture {str(path)!r}: the name must end in {', '.join(ENDINGS)}")
    if not Path(path).parent.is_dir():
        raise UsageError(f"picture {str(path)!r}: there is no folder {str(Path(path).parent)!r}")


def draw(report: Report, path: str | Path) -> None:
    """Draw the report. Raises UsageError where it has no numbers or the path is none, ImportError, OSError."""
    check_path(path)
    from matplotlib.figure import Figure

    quantities = list(dict.fromkeys(j.quantity for j in report.judged if j.seen))
    if not quantities:
        raise UsageError(f"{report.subject} gave no numbers to draw (the verdict is {report.verdict!r})")
    figure = Figure(figsize=(10, 2.6 * len(quantities) + 0.9), layout="constrained")
    figure.suptitle(f"{report.subject}: {report.verdict}; judged by {report.standard}", fontsize=10)
    for (left, right), quantity in zip(figure.subplots(len(quantities), 2, squeeze=False), quantities, strict=True):
        for j in report.judged:
            if j.quantity == quantity and j.seen:
                _panel(left, right, j)
        _label(left, right, quantity, [j for j in report.judged if j.quantity == quantity])
    figure.savefig(path, dpi=150)


def _panel(left: Any, right: Any, j: Judged) -> None:
    x, got, truth, error = (np.concatenate(parts) for parts in zip(*j.seen, strict=True))
    kept = _thinned(np.where(np.isnan(error), -1, error))
    kept = kept[~np.isnan(error[kept]) & (np.abs(x[kept]) < FAR)]
    style = {"s": 5, "color": COLOURS[j.dtype], "label": j.dtype, "linewidths": 0, "alpha": 0.7}
    with np.errstate(all="ignore"):
        ratio = got[kept] / truth[kept]
    left.scatter(x[kept], np.clip(error[kept], LEAST, TOP), **style)
    shown = np.isfinite(ratio)
    right.scatter(x[kept][shown], np.clip(ratio[shown], -3, 3), **style)


def _thinned(error: Array) -> Array:
    """Indices of at most MOST entries: evenly taken, and the worst."""
    every = np.arange(0, error.size, max(1, error.size // MOST))
    return np.union1d(every, np.argsort(error)[-MOST // 8 :])


def _label(left: Any, right: Any, quantity: str, these: list[Judged]) -> None:
    entrywise = any(j.worst.x is not None for j in these)
    for axes in (left, right):
        axes.set_xlabel("input" if entrywise else "entry, case after case", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.25, linewidth=0.5)
        if entrywise:
            axes.set_xscale("symlog", linthresh=0.1)
            axes.set_xlim(-FAR, FAR)
            axes.set_xticks([0, *(sign * 10.0**k for k in (-1, 1, 3, 5, 7) for sign in (-1, 1))])
    left.set_yscale("log", base=2)
    left.axhline(max(j.allowed for j in these), color="black", linewidth=0.8, linestyle="--")
    left.set_ylabel(f"{quantity}: error in ULP", fontsize=8)
    right.axhline(1, color="black", linewidth=0.8, linestyle="--")
    right.set_ylabel("got / truth (±3 at most)", fontsize=8)
    left.legend(fontsize=7, loc="upper left", markerscale=2)
