"""Projections: rows onto distributions that may hold zeros, matrices onto those whose rows and columns sum to one."""

from __future__ import annotations

import numpy as np

from reference.costs.fenchel_young import lengths_above
from reference.formula import Array, Kink, formula
from reference.layers.layer import Gradients, Pullback, layer

INSIDE = "S: the entries above the threshold t, here all d of them; the others are 0 and have the slope 0"


def sorted_rows(z: Array) -> tuple[Array, Array, Array]:
    """z less its largest, sorted from there down, and 1, 2, …, d. Raises ValueError for rows of no entries."""
    if z.ndim == 0 or z.shape[-1] == 0:
        raise ValueError(f"z has shape {z.shape}; expected (..., d) with d ≥ 1")
    z = z - z.max(-1, keepdims=True)
    return z, -np.sort(-z, -1), np.arange(1, z.shape[-1] + 1)


def others(x: Array, axis: int) -> Array:
    """Sums of all other entries along an axis, none of which is made by a subtraction.  Of the shape of x."""
    x = np.moveaxis(x, axis, -1)
    none = np.zeros((*x.shape[:-1], 1))
    before = np.cumsum(np.concatenate([none, x[..., :-1]], -1), -1)
    after = np.cumsum(np.concatenate([none, x[..., :0:-1]], -1), -1)[..., ::-1]
    return np.moveaxis(before + after, -1, axis)


@formula(
    "layer/sparsemax",
    statement="z[i, j] - (Sum(z[i, k], (k, 1, d)) - 1)/d",
    derivative="v[i, j] - Sum(v[i, k], (k, 1, d))/d",
    arguments=("z[i, j]",),
    range=("0", "1"),
    kinks=(Kink(of="an entry less the threshold", at="0", left="0", right="1", chosen="0"),),
    assumptions=(INSIDE, "t = (Σ_S z − 1)/|S|", "an entry exactly at the threshold does not belong to S"),
    sources=("martins-2016",),
)
@layer()
def sparsemax(z: Array) -> tuple[Array, Pullback]:
    """Sparsemax p = max(z − t, 0): the point nearest to z among distributions.  z: (..., d) -> p: (..., d).

    The threshold t of a row makes Σp = 1. If S are the k entries above it, Σ_S z − kt = 1, so t = (Σ_S z − 1)/k. S are
    the k largest: with z₍₁₎ ≥ z₍₂₎ ≥ … the sorted row, k is the largest number for which 1 + k·z₍ₖ₎ > Σ_{j ≤ k} z₍ⱼ₎.
    On S, ∂p_i/∂z_j = [i = j] − 1/k: with v the cotangent of p, ∂C/∂z = v − mean_S v there, 0 elsewhere. Raises
    ValueError for rows of no entries.
    """
    z, down, k = sorted_rows(z)
    size = (1 + k * down > np.cumsum(down, -1)).sum(-1, keepdims=True)  # |S|: (..., 1)
    t = (np.where(k <= size, down, 0).sum(-1, keepdims=True) - 1) / size
    inside, outside = z > t, z <= t  # neither where there is a NaN
    p = np.where(outside, 0, z - t)  # (..., d)

    def pullback(v: Array) -> Gradients:
        mean = np.where(inside, v, 0).sum(-1, keepdims=True) / inside.sum(-1, keepdims=True)
        return {"z": np.where(outside, 0, v - mean)}

    return p, pullback


HALF_MEAN = "Sum(z[i, k], (k, 1, d))/(2*d)"
HALF_SPREAD = f"Sum((z[i, k]/2 - {HALF_MEAN.replace('k', 'l')})**2, (k, 1, d))"
LENGTH = f"(z[i, j]/2 - {HALF_MEAN} + sqrt((1 - {HALF_SPREAD})/d))"


@formula(
    "layer/entmax",
    statement=f"{LENGTH}**2",
    derivative=f"{LENGTH}*(v[i, j] - Sum(v[i, p]*{LENGTH.replace('z[i, j]', 'z[i, p]')}, (p, 1, d))"
    f"/Sum({LENGTH.replace('z[i, j]', 'z[i, p]')}, (p, 1, d)))",
    arguments=("z[i, j]",),
    range=("0", "1"),
    assumptions=("α = 1.5, halfway between softmax and sparsemax", INSIDE),
    sources=("peters-2019",),
)
@layer()
def entmax(z: Array) -> tuple[Array, Pullback]:
    """1.5-entmax p = max(z/2 − t, 0)²: a softmax that can be 0.  z: (..., d) -> p: (..., d).

    The threshold t of a row makes Σp = 1. With x = z/2, S the k entries of x above t, m and q the mean and the sum of
    squared deviations of x in S: 1 = Σ_S (x − t)² = q + k(m − t)², so t = m − √((1 − q)/k). S are the k largest, and k
    is the largest number for which these all lie above the t that they give. With s = √p: ∂p_i = s_i(∂z_i − 2∂t) and
    Σ∂p = 0 give 2∂t = Σ s∂z/Σs; so with v the cotangent of p, ∂C/∂z = s(v − Σ s·v/Σ s), in the sums of the others
    s_i(v_i·Σ_{j≠i} s_j − Σ_{j≠i} s_j·v_j)/Σ s. Raises ValueError for rows of no entries.
    """
    z, _, _ = sorted_rows(z)
    s, _ = lengths_above(z / 2)  # (..., d)

    def pullback(v: Array) -> Gradients:
        return {"z": s * (v * others(s, -1) - others(s * v, -1)) / s.sum(-1, keepdims=True)}

    return s * s, pullback


ROWS = "exp(z[{0}, {1}]/temperature)/Sum(exp(z[{0}, k]/temperature), (k, 1, d))"
BOTH = f"{ROWS.format('i', 'j')}/Sum({ROWS.format('l', 'j')}, (l, 1, n))"
COLUMN = "s[i, {0}]*(v[i, {0}] - Sum(v[l, {0}]*s[l, {0}], (l, 1, n)))"


@formula(
    "layer/sinkhorn",
    statement=BOTH,
    derivative=f"({COLUMN.format('j')} - {ROWS.format('i', 'j')}*Sum({COLUMN.format('p')}, (p, 1, d)))/temperature",
    arguments=("z[i, j]",),
    range=("0", "1"),
    valid={"temperature": "temperature > 0", "iterations": "iterations >= 0 and iterations % 1 == 0"},
    assumptions=(
        "printed for one iteration: rows, then columns",
        "slopes are those of the iterations, not of the limit",
    ),
    sources=("sinkhorn-1967", "cuturi-2013", "mena-2018"),
)
@layer()
def sinkhorn(z: Array, *, temperature: float = 1.0, iterations: int = 3) -> tuple[Array, Pullback]:
    """Sinkhorn iterations: e^(z/T), divided by sums of rows and then of columns, so many times.  (..., n, m), both.

    z: (..., n, m) -> y of that shape, T the temperature; sums of rows are over the last axis, those of columns over the
    one before. Let ℓ be the logarithm, z/T at first. Each division is ℓ ← ℓ − log Σ e^ℓ over its axis, so with p = e^ℓ
    after it, a cotangent u of ℓ is pulled back to u − p·Σu over that axis: in the sums of the others, u(1 − p) −
    p(Σu − u), which do not cancel where one p is all but 1. With v the cotangent of y, this begins with u = y·v,
    takes the divisions from the last to the first, and ends with ∂C/∂z = u/T. Raises ValueError for a temperature that
    is not positive, and for matrices without entries.
    """
    if z.ndim < 2 or 0 in z.shape[-2:]:
        raise ValueError(f"z has shape {z.shape}; expected (..., n, m) with n, m ≥ 1")
    # T = unit·t: nothing is divided by a T that might be tiny, and t is not subnormal
    unit = max(temperature, 1.0) if temperature > 2.0**-1000 else 2.0**-60
    logs, t = z / unit, temperature / unit  # t·ℓ: (..., n, m)
    after = []  # p and the axis, after every division
    for _ in range(iterations):
        for axis in (-1, -2):
            m = logs.max(axis, keepdims=True)
            logs = logs - m - t * np.log(np.exp((logs - m) / t).sum(axis, keepdims=True))
            after.append((np.exp(logs / t), axis))
    value = np.exp(logs / t)

    def pullback(v: Array) -> Gradients:
        u = value * v
        for p, axis in reversed(after):
            u = u * others(p, axis) - p * others(u, axis)
        return {"z": u / temperature}

    return value, pullback
