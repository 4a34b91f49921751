"""Gradient clipping by value and by global norm, and the backward of each.

Clipping is part of the computation wherever one differentiates through training (meta-learning, unrolled
optimization), and its vector-Jacobian product is not the identity. Both functions take a list of arrays and return
(clipped, pullback); the pullback takes a list of cotangents and returns a list.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.formula import Array, Kink, formula
from reference.lift import QUIET, Answer, checked, cotangent_of, defaults, floating, rounded, times

Pullback = Callable[[Sequence[Array]], list[Array]]
Clip = Callable[..., tuple[list[Array], Pullback]]


def jointly(body: Clip) -> Clip:
    """Lift `body`, which maps a list of float64 arrays to their clipped selves and a pullback, to any floating dtypes.

    Every array and every gradient is rounded once to the dtype of its own array. The vjp takes them as g1, g2, …, has
    outputs of the same names, and a cotangent for each of them. Raises TypeError for an array that is not floating.
    """
    known = defaults(body, 1)

    def evaluate(arrays: Sequence[Array], parameters: Mapping[str, Any]) -> tuple[list[Array], Pullback]:
        return body([np.asarray(g, np.float64, order="C") for g in arrays], **checked(lifted, known, parameters))

    def shortened(wide: Sequence[Array], arrays: Sequence[Array]) -> list[Array]:
        return [np.array(rounded(np.asarray(x), g.dtype)) for x, g in zip(wide, arrays, strict=True)]

    @functools.wraps(body)
    @QUIET
    def lifted(
        gradients: Sequence[npt.ArrayLike], *positional: float, **parameters: float
    ) -> tuple[list[Array], Pullback]:
        arrays = [floating(g, f"gradients[{k}]") for k, g in enumerate(gradients)]
        clipped, back = evaluate(arrays, {**dict(zip(known, positional, strict=False)), **parameters})

        @QUIET
        def pullback(v: Sequence[npt.ArrayLike]) -> list[Array]:
            if len(v) != len(arrays):
                raise ValueError(f"{body.__name__}: {len(v)} cotangents for {len(arrays)} arrays; pass one each")
            return shortened(back(_wide(v, arrays)), arrays)

        return shortened(clipped, arrays), pullback

    @QUIET
    def vjp(arguments: Mapping[str, Any], cotangent: Any = None, **parameters: float) -> Answer:
        names = [f"g{k}" for k in range(1, len(arguments) + 1)]
        if set(arguments) != set(names):
            raise TypeError(f"{body.__name__} has the arguments g1, g2, …; got {', '.join(map(str, arguments))}")
        arrays = [floating(arguments[name], name) for name in names]
        clipped, back = evaluate(arrays, parameters)
        if not isinstance(cotangent, Mapping):
            cotangent = dict.fromkeys(names, cotangent) if cotangent is None or len(names) == 1 else {"": cotangent}
        if set(cotangent) != set(names):
            raise ValueError(f"need a cotangent for each of {', '.join(names)}, by name")
        v = _wide([cotangent[name] for name in names], arrays)
        outputs, gradients = shortened(clipped, arrays), shortened(back(v), arrays)
        return dict(zip(names, outputs, strict=True)), dict(zip(names, gradients, strict=True))

    lifted.vjp = vjp  # type: ignore[attr-defined]
    return lifted


def _wide(cotangents: Sequence[Any], arrays: Sequence[Array]) -> list[Array]:
    """Cotangents in float64, each of the shape of its array; ones for None."""
    pairs = [cotangent_of(v, g.shape) for v, g in zip(cotangents, arrays, strict=True)]
    return [np.ones(g.shape) if v is None else v for v, g in zip(pairs, arrays, strict=True)]


@formula(
    "update/clip_by_value",
    statement="Piecewise((-max_value, g < -max_value), (max_value, g > max_value), (g, True))",
    derivative="Piecewise((0, g <= -max_value), (0, g >= max_value), (1, True))",
    arguments=("g",),
    kinks=(
        Kink(of="g", at="-max_value", left="0", right="1", chosen="0"),
        Kink(of="g", at="max_value", left="1", right="0", chosen="0"),
    ),
    valid={"max_value": "max_value > 0"},
    sources=("pytorch-clip-grad-value",),
)
@jointly
def clip_by_value(gradients: Sequence[Array], max_value: float = 1.0) -> tuple[list[Array], Pullback]:
    """Every entry clipped to [−c, c]: slope 1 inside, 0 outside and at ±c.  NaN stays NaN, in the slope too."""
    c = max_value
    slopes = [np.where(np.isnan(g), g, np.abs(g) < c) for g in gradients]
    clipped = [np.clip(g, -c, c) for g in gradients]
    return clipped, lambda v: [times(x, slope) for slope, x in zip(slopes, v, strict=True)]


def global_norm(gradients: Sequence[npt.ArrayLike]) -> float:
    """√Σg² over every entry of every array, in float64, scaled by the largest entry so that no square overflows."""
    largest, length = _norm([np.asarray(g, np.float64) for g in gradients])
    return largest * length


def _norm(gradients: Sequence[Array]) -> tuple[float, float]:
    """The largest entry in size, and the norm of all entries over it."""
    largest = max((float(np.abs(g).max(initial=0)) for g in gradients), default=0.0)
    if largest == 0 or not np.isfinite(largest):
        return largest, 1.0
    return largest, float(np.sqrt(sum(((g / largest) ** 2).sum() for g in gradients)))


@formula(
    "update/clip_by_norm",
    statement="Piecewise((g[i], Sum(g[k]**2, (k, 1, m)) < max_norm**2),"
    " (max_norm*g[i]/sqrt(Sum(g[k]**2, (k, 1, m))), True))",
    derivative="Piecewise((v[i], Sum(g[k]**2, (k, 1, m)) < max_norm**2), (max_norm/sqrt(Sum(g[k]**2, (k, 1, m)))"
    "*(v[i] - g[i]*Sum(g[k]*v[k], (k, 1, m))/Sum(g[k]**2, (k, 1, m))), True))",
    arguments=("g[i]",),
    kinks=(Kink(of="norm of all gradients - max_norm", at="0", left="1", right="0", chosen="0"),),
    valid={"max_norm": "max_norm > 0"},
    assumptions=(
        "one norm over all m entries of all arrays",
        "no eps in the denominator",
        "derivative: the pullback of the cotangent v",
        "at ‖g‖ = max_norm the outer side is taken, the smaller of the two Jacobians; the kink is along g",
    ),
    sources=("pascanu-2013",),
)
@jointly
def clip_by_norm(gradients: Sequence[Array], max_norm: float = 1.0) -> tuple[list[Array], Pullback]:
    """All arrays scaled together so that their joint norm is at most c: g ↦ c·g/‖g‖ where ‖g‖ ≥ c.

    The direction ĝ = g/‖g‖ has the Jacobian (I − ĝĝᵀ)/‖g‖, which is symmetric: v ↦ (c/‖g‖)(v − ĝ⟨ĝ, v⟩). What
    points along g is lost, because the length is fixed. Inside the ball the backward is the identity.
    Raises ValueError for entries that are not finite, which have no direction.
    """
    for k, g in enumerate(gradients):
        if not np.isfinite(g).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(g))[0])
            raise ValueError(
                f"gradients[{k}]{list(where)} = {g[where]}: only finite gradients have a direction to keep"
            )
    largest, length = _norm(gradients)
    norm = largest * length
    if norm < max_norm:
        return list(gradients), list
    (c, c_exponent), (m, m_exponent) = math.frexp(max_norm), math.frexp(largest)
    share, exponent = c / (m * length) / 2, c_exponent - m_exponent + 1  # c/‖g‖, which is 1 at most
    unit = [g / largest / length if np.isinf(norm) else g / norm for g in gradients]
    flat = np.concatenate([u.ravel() for u in unit])
    k = int(np.abs(flat).argmax())

    def pullback(v: Sequence[Array]) -> list[Array]:
        w = np.concatenate([x.ravel() for x in v])
        across = w - flat * float((flat * w).sum())  # v − ĝ⟨ĝ, v⟩
        rest = np.where(np.arange(flat.size) == k, 0, flat)  # at the largest entry the others say what is left
        across[k] = w[k] * float((rest * rest).sum()) - flat[k] * float((rest * w).sum())
        ends = np.cumsum([u.size for u in unit])[:-1]
        scaled = np.split(np.ldexp(share * across, exponent), ends)
        return [x.reshape(u.shape) for x, u in zip(scaled, unit, strict=True)]

    return [np.ldexp(share * g, exponent) for g in gradients], pullback
