"""Values and Jacobians of the vector activations against the exact truth, in units in the last place.

A Jacobian is taken as everyone gives it: row k is the pullback of the k-th unit cotangent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.evidence.environment import load
from gradproof.evidence.verdicts import Verdict
from reference import CATALOGUE
from reference.formula import Array, Formula

WIDTHS, ROWS = (4, 10), 24  # entries in a row, and rows for each scale
SCALES = (1.0, 20.0)  # of the logits: plain and saturated
ULPS = 16.0  # strict, of ours
GATES = {"activation/geglu": "activation/gelu", "activation/swiglu": "activation/silu"}
NEAR = 0.25  # of a zero of the gate's slope, where strict ULP say nothing and entries are left out


def formulas() -> list[Formula]:
    """Every vector activation of the catalogue."""
    return [f for f in CATALOGUE.values() if f.kind == "activation" and not f.elementwise]


def inputs(width: int, dtype: str, seed: int = 0) -> Array:
    """Rows of random entries at each scale, (rows, width)."""
    rng = np.random.default_rng([seed, width])
    return np.concatenate([scale * rng.standard_normal((ROWS, width)) for scale in SCALES]).astype(dtype)


def value_and_jacobian(formula: Formula, z: Array, module: ModuleType | None) -> tuple[Array, Array]:
    """Values (rows, m) and Jacobians (rows, m, width) by us, or by an oracle."""
    value, pullback = formula.function(z)
    shape, m = value.shape, value[0].size  # logsumexp gives one number a row
    columns = []
    for k in range(m):
        v = np.zeros((len(z), m), z.dtype)
        v[:, k] = 1
        if module is None:
            back = pullback(v.reshape(shape))
        else:
            value, back = module.pullback(formula.id, z, v.reshape(shape))
        columns.append(np.asarray(back))
    return np.asarray(value).reshape(-1, m), np.stack(columns, 1)


def run_one(id: str, dtype: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Evidence rows: the largest and the mean strict error of values and of Jacobian entries, for each side."""
    from oracles import floats
    from oracles.arb_truth import points as arb_truth

    formula = CATALOGUE[id]
    oracles: dict[str, ModuleType | None] = {"ours": None}
    oracles |= {name: module for name in names if (module := load(name))}
    errors: dict[tuple[str, str], list[Array]] = {}
    with np.errstate(all="ignore"):
        for width in WIDTHS:
            z = inputs(width, dtype)
            truths = [arb_truth.vector_truth(id, z, order) for order in (0, 1)]
            for name, module in oracles.items():
                with contextlib.suppress(NotImplementedError, RuntimeError):
                    for part, got, truth in zip(
                        ("value", "Jacobian"), value_and_jacobian(formula, z, module), truths, strict=True
                    ):
                        error = floats.ulp_error(got, truth)
                        if part == "Jacobian" and id in GATES:
                            error = np.where(_near_zero_of_slope(GATES[id], z)[:, None, :], np.nan, error)
                        errors.setdefault((part, name), []).append(error.ravel())
    return [_row(id, dtype, part, name, np.concatenate(e)) for (part, name), e in errors.items()]


def _near_zero_of_slope(gate: str, z: Array) -> Array:
    """(rows, width) True for entries of the second half close to a zero of the gate's slope."""
    zeros = [CATALOGUE[gate].at(at) for at in CATALOGUE[gate].slope_zeros]
    near = np.zeros(z.shape, bool)
    half = z.shape[-1] // 2
    for at in zeros:
        near[:, half:] |= np.abs(z[:, half:] - at) < NEAR
    return near


def _row(id: str, dtype: str, part: str, name: str, error: Array) -> dict[str, Any]:
    counted = error[~np.isnan(error)]
    worst = float(counted.max())
    failed = Verdict.wrong if name == "ours" else Verdict.inaccurate
    return {
        "row": "vector", "formula": id, "dtype": dtype, "part": part, "side": name, "entries": len(counted),
        "strict max": float(f"{worst:.4g}"), "strict mean": float(f"{counted.mean():.4g}"),
        "verdict": (Verdict.agrees if worst <= ULPS else failed).value,
    }  # fmt: skip
