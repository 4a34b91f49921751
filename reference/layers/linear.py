"""Matrices that rows go through: the affine map, and one with an update of low rank.

Of y = xWᵀ every entry is y_j = Σₖ W_jk·x_k. So a cotangent v of y goes back as ∂C/∂x = vW, through the same matrix the
other way, and ∂C/∂W_jk = Σ v_j·x_k over all rows: the outer product of what comes back and what went in.
"""

from __future__ import annotations

import numpy as np

from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer

LEADING = "any leading axes count as rows"
UNASKED = "a row whose cotangent is 0 does not enter the gradients: it may hold NaN"


def outer(v: Array, x: Array) -> Array:
    """Σ v_j·x_k over all rows; one whose cotangent is 0 does not enter.  (..., m), (..., d) -> (m, d)."""
    rows, x = v.reshape(-1, v.shape[-1]), x.reshape(-1, x.shape[-1])
    return rows.T @ np.where((rows != 0).any(-1, keepdims=True), x, 0)


def expect(name: str, x: Array | None, *shape: int | str, why: str = "") -> None:
    """Raise ValueError unless x has this shape; a letter stands for any size, "..." for leading axes; None fits."""
    if x is None:
        return
    sizes = [n for n in shape if n != "..."]
    last = x.shape[x.ndim - len(sizes) :] if x.ndim >= len(sizes) else ()
    fits = len(last) == len(sizes) and ("..." in shape or x.ndim == len(sizes))
    if not fits or any(isinstance(n, int) and n != m for n, m in zip(sizes, last, strict=True)):
        printed = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
        raise ValueError(f"{name} has shape {x.shape}; expected ({printed})" + f", {why}" * bool(why))


@formula(
    "layer/linear",
    statement="Sum(x[i, k]*weight[j, k], (k, 1, d)) + bias[j]",
    derivative="Sum(v[i, l]*weight[l, j], (l, 1, m))",
    arguments=("x[i, j]", "weight[l, j]", "bias[j]"),
    partials={"weight[l, j]": "Sum(v[i, l]*x[i, j], (i, 1, n))", "bias[j]": "Sum(v[i, j], (i, 1, n))"},
    assumptions=(LEADING, UNASKED),
    sources=("rumelhart-1986", "pytorch-linear"),
)
@layer()
def linear(x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, Pullback]:
    """Affine map y = xWᵀ + b.  x: (..., d), weight: (m, d), bias: (m,) -> y: (..., m).

    The rows are those along the last axis; b = 0 if not given. Derived in the module's docstring; b is added to every
    row, so ∂C/∂b = Σ v over rows. Raises ValueError for shapes that do not fit.
    """
    expect("weight", weight, "m", "d")
    expect("x", x, "...", weight.shape[1], why=f"as weight has shape {weight.shape}")
    expect("bias", bias, weight.shape[0], why="an entry a row of weight")
    y = x @ weight.T  # (..., m)

    def pullback(v: Array) -> Gradients:
        return {"x": v @ weight, "weight": outer(v, x), "bias": v.reshape(-1, v.shape[-1]).sum(0)}

    return y if bias is None else y + bias, pullback


INNER = "Sum(A[r, k]*x[i, k], (k, 1, d))"  # h_r


@formula(
    "layer/bilinear",
    statement="Sum(x1[i, k]*weight[j, k, l]*x2[i, l], (k, 1, d1), (l, 1, d2)) + bias[j]",
    derivative="Sum(v[i, p]*weight[p, j, l]*x2[i, l], (l, 1, d2), (p, 1, m))",
    arguments=("x1[i, j]", "x2[i, q]", "weight[p, j, q]", "bias[j]"),
    partials={
        "x2[i, q]": "Sum(v[i, p]*weight[p, k, q]*x1[i, k], (k, 1, d1), (p, 1, m))",
        "weight[p, j, q]": "Sum(v[i, p]*x1[i, j]*x2[i, q], (i, 1, n))",
        "bias[j]": "Sum(v[i, j], (i, 1, n))",
    },
    assumptions=(LEADING, UNASKED),
    sources=("tenenbaum-2000", "pytorch-bilinear"),
)
@layer()
def bilinear(x1: Array, x2: Array, weight: Array, bias: Array | None = None) -> tuple[Array, Pullback]:
    """Bilinear map y_j = x₁ᵀW_j x₂ + b_j.  x1: (..., d₁), x2: (..., d₂), weight: (m, d₁, d₂), bias: (m,) -> (..., m).

    Linear in each: ∂C/∂x₁ = Σ v_j·W_j x₂, ∂C/∂x₂ = Σ v_j·W_jᵀx₁ and ∂C/∂W_j = Σ v_j·x₁x₂ᵀ, the last over rows. Raises
    ValueError for shapes that do not fit.
    """
    expect("weight", weight, "m", "d1", "d2")
    why = f"as weight has shape {weight.shape}"
    expect("x1", x1, "...", weight.shape[1], why=why)
    expect("x2", x2, *x1.shape[:-1], weight.shape[2], why=f"{why} and x1 has shape {x1.shape}")
    expect("bias", bias, len(weight), why="an entry a matrix of weight")
    first, second = np.tensordot(x1, weight, (-1, 1)), np.tensordot(x2, weight, (-1, 2))  # (..., m, d2), (..., m, d1)
    y = (first @ x2[..., None])[..., 0]  # (..., m)

    def pullback(v: Array) -> Gradients:
        counts = (v != 0).any(-1)[..., None, None]  # (..., 1, 1)
        products = x1[..., :, None] * x2[..., None, :]  # (..., d1, d2)
        return {
            "x1": (v[..., None, :] @ np.where(counts, second, 0))[..., 0, :],
            "x2": (v[..., None, :] @ np.where(counts, first, 0))[..., 0, :],
            "weight": outer(v, products.reshape(*v.shape[:-1], -1)).reshape(weight.shape),
            "bias": v.reshape(-1, v.shape[-1]).sum(0),
        }

    return y if bias is None else y + bias, pullback


@formula(
    "layer/lora",
    statement=f"Sum(x[i, k]*W[j, k], (k, 1, d)) + alpha/m*Sum(B[j, r]*{INNER}, (r, 1, m))",
    derivative="Sum(v[i, l]*W[l, j], (l, 1, d)) + alpha/m*Sum(A[r, j]*Sum(v[i, l]*B[l, r], (l, 1, d)), (r, 1, m))",
    arguments=("x[i, j]", "W[l, j]", "A[r, j]", "B[l, r]"),
    partials={
        "W[l, j]": "Sum(v[i, l]*x[i, j], (i, 1, n))",
        "A[r, j]": "alpha/m*Sum(x[i, j]*Sum(v[i, l]*B[l, r], (l, 1, d)), (i, 1, n))",
        "B[l, r]": f"alpha/m*Sum(v[i, l]*{INNER}, (i, 1, n))",
    },
    assumptions=(LEADING, "W, A, B are weight, a and b; m is the rank, the number of rows of a", "no dropout"),
    sources=("hu-2022",),
)
@layer()
def lora(x: Array, weight: Array, a: Array, b: Array, *, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """Linear map with an update of low rank, y = xWᵀ + (α/r)·xAᵀBᵀ.

    x: (..., d), weight: (m, d), a: (r, d), b: (m, r) -> y: (..., m). Two linear maps, one after the other and beside a
    third: with v the cotangent of y, h = xAᵀ and u = (α/r)·vB, the cotangent of h, both (..., r), ∂C/∂x = vW + uA, and
    over all rows ∂C/∂W = Σ v⊗x, ∂C/∂A = Σ u⊗x, ∂C/∂B = (α/r)·Σ v⊗h. Raises ValueError for shapes that do not fit and a
    rank r of 0.
    """
    expect("weight", weight, "m", "d")
    expect("x", x, "...", weight.shape[1], why=f"as weight has shape {weight.shape}")
    expect("a", a, "r", weight.shape[1], why="a row of as many entries as one of weight for each of the rank")
    expect("b", b, weight.shape[0], a.shape[0], why="the rows of weight by those of a")
    if a.shape[0] == 0:
        raise ValueError(f"a has shape {a.shape}; a rank of 0 leaves α/r undefined")
    factor = alpha / a.shape[0]
    h = x @ a.T  # (..., r)

    def pullback(v: Array) -> Gradients:
        u = factor * (v @ b)  # (..., r)
        return {"x": v @ weight + u @ a, "weight": outer(v, x), "a": outer(u, x), "b": factor * outer(v, h)}

    return x @ weight.T + factor * (h @ b.T), pullback
