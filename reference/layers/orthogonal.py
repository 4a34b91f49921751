"""Matrices that are made all but orthogonal by products with themselves: singular values go to 1, vectors stay.

Of y = UΣVᵀ the product yyᵀy is UΣ³Vᵀ: an odd polynomial in y is that polynomial in every singular value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.reductions import exponent_of

FAINT = -900  # of a matrix, the power of two below which it is not scaled up further: beside it no ε is beyond floats
THREE, OVER_THREE = "{}[i, l]*{}[k, l]*{}[k, j]", "(k, 1, n), (l, 1, d)"  # yyᵀy at the entry i, j
FIVE, OVER_FIVE = "{}[i, l]*{}[k, l]*{}[k, q]*{}[p, q]*{}[p, j]", f"{OVER_THREE}, (p, 1, n), (q, 1, d)"
LENGTH = "sqrt(Sum(x[e, f]**2, (e, 1, n), (f, 1, d)))"
WHOLE = f"({LENGTH} + eps)"


def _over(power: int) -> str:
    return f"/{WHOLE}**{power}" if power > 1 else f"/{WHOLE}" * power


def _powers(linear: str, cubic: str, quintic: str, less: int = 0, b: str = "b", c: str = "c") -> str:
    """The terms of a step as printed, of y = x/(‖x‖ + ε): of products in which x stands `less` times less."""
    three, five = f"Sum({cubic}, {OVER_THREE}){_over(3 - less)}", f"Sum({quintic}, {OVER_FIVE}){_over(5 - less)}"
    return f"a*{linear}{_over(1 - less)} + {b}*{three} + {c}*{five}"


def _in_turn(product: str) -> str:
    """The sum of the products in which one factor is replaced by the cotangent v, each in turn."""
    count = product.count("{}")
    return " + ".join(product.format(*("v" if k == at else "x" for k in range(count))) for at in range(count))


CUBE, FIFTH = THREE.format(*"xxx"), FIVE.format(*"xxxxx")
STEP = _powers("x[i, j]", CUBE, FIFTH)
BACK = _powers("v[i, j]", _in_turn(THREE), _in_turn(FIVE), less=1)
ALONG = _powers("x[i, j]", CUBE, FIFTH, b="3*b", c="5*c").replace("[i, ", "[g, ").replace(", j]", ", h]")
PULLED = f"({BACK} - x[i, j]/{LENGTH}*Sum(v[g, h]*({ALONG}), (g, 1, n), (h, 1, d)))/{WHOLE}"


# Relative to a change of x by u‖x‖. At a singular value of about 1 a step adds 3.4445, −4.775 and 2.0315 to about 0.7:
# its three terms, each rounded, are off by 10.251u together, and there are five steps. Of 72 the worst is 33.
STEPS_ULP = 5 * 10.251


def quintic(y: Any, a: Any, b: Any, c: Any) -> tuple[Any, Callable[[Any], Any]]:
    """One step y ↦ ay + bGy + cG²y with G = yyᵀ, and its pullback.  y: (..., n, d).

    With v the cotangent of the new y and S = vyᵀ, that of G is H = bS + c(SG + GS), which y takes as (H + Hᵀ)y.
    """
    G = y @ y.mT  # (..., n, n)
    B = b * G + c * (G @ G)  # (..., n, n)

    def pullback(v: Any) -> Any:
        S = v @ y.mT  # (..., n, n)
        H = b * S + c * (S @ G + G @ S)  # (..., n, n)
        return a * v + B @ v + (H + H.mT) @ y  # (..., n, d)

    return a * y + B @ y, pullback


def iterated(y: Any, a: Any, b: Any, c: Any, iterations: int) -> tuple[Any, Callable[[Any], Any]]:
    """y after so many steps, and the pullback of all.  (..., n, d); n ≤ d is less work."""
    steps = []
    for _ in range(iterations):
        y, step = quintic(y, a, b, c)
        steps.append(step)

    def pullback(v: Any) -> Any:
        for step in reversed(steps):
            v = step(v)
        return v

    return y, pullback


@formula(
    "layer/newton_schulz",
    statement=STEP,
    derivative=PULLED,
    arguments=("x[i, j]",),
    valid={"eps": "eps >= 0", "iterations": "iterations >= 0 and iterations % 1 == 0"},
    assumptions=(
        "printed for one iteration",
        "‖x‖ is Frobenius' norm, of each matrix of the last two axes; a matrix of 0 has the slope of x/ε",
        "slopes are those of the iterations, not of the limit",
    ),
    sources=("bjorck-1971", "jordan-2024"),
    conditioned_ulp=STEPS_ULP,
)
@layer()
def newton_schulz(
    x: Array, *, a: float = 3.4445, b: float = -4.775, c: float = 2.0315, eps: float = 1e-7, iterations: int = 5
) -> tuple[Array, Pullback]:
    """Newton–Schulz orthogonalisation: y = x/(‖x‖ + ε), then y ← ay + byyᵀy + c(yyᵀ)²y so often.  (..., n, d), both.

    Singular values σ ≤ 1 go to aσ + bσ³ + cσ⁵ again and again; with a = 3/2, b = −1/2, c = 0 they go to 1, and the
    defaults take small ones to about 1 in few steps. The pullback of a step, `quintic`, puts v for each factor of y,
    yyᵀy and yyᵀyyᵀy in turn. With ρ = ‖x‖, x̂ = x/ρ and u the cotangent of the first y, ∂C/∂x = (u − x̂⟨x̂, u⟩ +
    ε/(ρ + ε)·x̂⟨x̂, u⟩)/(ρ + ε). Where one entry m outweighs the others, u_m and x̂_m⟨x̂, u⟩ cancel: r = u −
    (u_m/x̂_m)·x̂ is taken instead, which is 0 at m; and where ε outweighs ρ, u − ρ/(ρ + ε)·x̂⟨x̂, u⟩.
    Raises ValueError for an x of fewer than two axes.
    """
    if x.ndim < 2 or 0 in x.shape[-2:]:
        raise ValueError(f"x has shape {x.shape}; expected (..., n, d) with n, d ≥ 1")
    tall = x.shape[-2] > x.shape[-1]  # the products are then made from the other side, where they are smaller
    x = np.ascontiguousarray(x.mT) if tall else x
    flat = x.reshape(*x.shape[:-2], -1)  # (..., nd)
    e = np.maximum(exponent_of(flat), FAINT)  # (..., 1): lengths are in units of 2^e
    flat, small = np.ldexp(flat, -e), np.ldexp(eps, -e)
    rho = np.sqrt((flat * flat).sum(-1, keepdims=True))  # (..., 1)
    unit = np.where(rho == 0, 0, flat / rho)
    y, back = iterated((flat / (rho + small)).reshape(x.shape), a, b, c, iterations)

    def pullback(v: Array) -> Gradients:
        u = back(np.ascontiguousarray(v.mT) if tall else v)
        u = u.reshape(unit.shape)
        across, along = split(u, unit)  # (..., nd), (..., 1)
        below, above = small / (rho + small), rho / (rho + small)  # 1 together
        g = np.where(below < 0.5, across + below * along * unit, u - above * along * unit)
        m, k = np.frexp(rho + small)  # ε may be far larger
        g = np.ldexp(g / m, -e - k).reshape(x.shape)
        return {"x": g.mT if tall else g}

    return y.mT if tall else y, pullback


def split(u: Array, unit: Array) -> tuple[Array, Array]:
    """u − x̂⟨x̂, u⟩ and ⟨x̂, u⟩ for rows x̂ of length 1, or 0.  (..., d), both -> (..., d), (..., 1)."""
    m = np.abs(unit).argmax(-1)[..., None]
    largest = np.take_along_axis(unit, m, -1)
    share = np.where(largest == 0, 0, np.take_along_axis(u, m, -1) / largest)
    r = u - share * unit
    np.put_along_axis(r, m, np.where(largest == 0, np.take_along_axis(u, m, -1), 0), -1)
    inner = (unit * r).sum(-1, keepdims=True)
    return r - inner * unit, inner + share
