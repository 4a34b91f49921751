"""Right gradients in odd clothing: by every adapter, in odd memory, by other frameworks, at odd sizes."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from wrong.mutants import needed, pullback_of, signed, slope_of, vjp_outputs

import gradproof
from gradproof import cases
from reference import CATALOGUE, vjp


@dataclass(frozen=True)
class Right:
    """A right gradient and how it is asked."""

    id: str
    subject: Any
    against: Any
    how: dict[str, Any] = field(default_factory=dict)


ENTRIES = [id for id, f in CATALOGUE.items() if f.elementwise]
ARRAYS = [
    id
    for id, formula in CATALOGUE.items()
    if id in cases.DRAWS and not formula.elementwise and formula.kind != "update" and formula.statement != "0"
]
WIDE = {"dtypes": ["float64", "float32"]}


def optional(id):
    """Options of a formula by keyword, with their defaults; what a cost or a layer takes by position is an array."""
    parameters = inspect.signature(CATALOGUE[id].function).parameters.values()
    return {
        p.name: p.default
        for p in parameters
        if p.default is not p.empty
        and p.name not in ("leading", "weight", "pos_weight", "activations")
        and not p.name.endswith("lengths")
        and not (CATALOGUE[id].kind in ("cost", "layer") and p.kind is p.POSITIONAL_OR_KEYWORD)
    }


def pair_of(id):
    """By forward_backward, which keeps its arguments."""
    names = needed(id)

    def forward(*arrays):
        x = dict(zip(names, arrays, strict=True))
        found = vjp(id, x)[0]
        return (next(iter(found.values())) if len(found) == 1 else tuple(found.values())), x

    def backward(v, x):
        names = list(vjp(id, x)[0])
        seeds = dict(zip(names, v if len(names) > 1 else (v,), strict=True))
        return vjp(id, x, seeds)[1]

    return gradproof.forward_backward(signed(forward, names, {}), backward, outputs=tuple(vjp_outputs(id)))


def gradients_of(id, **fixed):
    """By gradients, of one number."""
    names = needed(id)

    def function(*arrays):
        outputs, g = vjp(id, dict(zip(names, arrays, strict=True)), None, **fixed)
        return outputs["value"], g

    return gradproof.gradients(signed(function, names, {}))


def dressed(change):
    """All gradients through a change of their memory."""
    return lambda g, x, v: {name: change(np.asarray(y)) for name, y in g.items()}


def frozen(x):
    x = x.copy()
    x.flags.writeable = False
    return x


CLOTHES = {
    "fortran": lambda x: np.asfortranarray(x) if x.ndim else x,
    "strided": lambda x: np.repeat(x, 2, -1)[..., ::2] if x.ndim else x,
    "reversed": lambda x: np.flip(np.flip(x).copy()),
    "frozen": frozen,
    "python": lambda x: x.tolist() if x.dtype == np.float64 else x,
}


def made():
    yield from (Right(f"{id}-slope", slope_of(id), id, WIDE) for id in ENTRIES)
    yield from (Right(f"{id}-pullback", pullback_of(id), id, WIDE) for id in ENTRIES)
    yield from (Right(f"{id}-float16", slope_of(id), id, {"dtypes": ["float16"]}) for id in ENTRIES[::4])
    yield from (Right(f"{id}-bfloat16", slope_of(id), id, {"dtypes": ["bfloat16"]}) for id in ENTRIES[1::4])
    yield from (Right(f"{id}-pullback", pullback_of(id), id) for id in ARRAYS if "activations" not in needed(id))
    yield from (
        Right(f"{id}-options", pullback_of(id, options=optional(id)), id, WIDE)
        for id in ARRAYS
        if optional(id) and "activations" not in needed(id)
    )
    yield from (Right(f"{id}-pair", pair_of(id), id, WIDE) for id in ARRAYS if "activations" not in needed(id))
    costs = [id for id in ARRAYS if CATALOGUE[id].kind == "cost"]
    yield from (Right(f"{id}-gradients", gradients_of(id), id, WIDE) for id in costs)
    for k, (name, change) in enumerate(CLOTHES.items()):
        yield from (
            Right(f"{id}-{name}", pullback_of(id, dressed(change)), id, {"dtypes": ["float64"]}) for id in costs[k::5]
        )


MADE = [*made()]
