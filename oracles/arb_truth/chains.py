"""The truth of a chain of layers, which forgives what rounding does between them as well.

A block whose layers are all correctly rounded still hands rounded numbers on, forth and back, and how its gradients
answer to these need not be how they answer to the inputs: where cotangents all but cancel, far more. With a factor of 1
on each number that goes from one layer to the next, and on each cotangent that comes back, such rounding is a change of
an input like any other, and the sway Σ|xᵢ·∂y/∂xᵢ| counts it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from oracles.arb_truth.arrays import Pullback, program, pullback
from oracles.arb_truth.layers.blocks import BLOCKS


def links_of(id: str, arguments: Mapping[str, Any], parameters: Mapping[str, Any]) -> int:
    """How many factors this block has: two for each number that goes from one layer to the next."""
    taken = itertools.count()

    def counting(**given: Any) -> Any:
        return BLOCKS[id].function(**given, links=(arb(1) for _ in taken))

    f = program(id, arguments, parameters, {id: replace(BLOCKS[id], function=counting)})
    f.run([arb(x) for x in f.inputs])
    return next(taken)


def chained(
    id: str,
    arguments: Mapping[str, npt.ArrayLike | None],
    cotangent: npt.ArrayLike | Mapping[str, npt.ArrayLike] | None = None,
    *,
    dtype: npt.DTypeLike | str = "float64",
    **parameters: Any,
) -> Pullback:
    """As `pullback`, for a block, with sways that count its links."""
    links = np.ones(links_of(id, arguments, parameters))
    found = pullback(id, {**arguments, "links": links}, cotangent, dtype=dtype, **parameters)
    return found._replace(gradients={name: g for name, g in found.gradients.items() if name != "links"})
