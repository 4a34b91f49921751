"""What is asked: random cases of every formula that takes arrays, by regime and seed. No answers.

A case is drawn from (formula id, dtype, regime, seed) alone. `DRAWS` are of what has gradients, `STEPS` of update
rules, of which the outputs of one step are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from gradproof.cases import activations, clipping, costs, layers, regularizers, rows, updates
from gradproof.cases.case import Case, Cotangent, as_dtype, generator, random_cotangent
from gradproof.cases.parameters import setting
from gradproof.cases.source import REGIMES, Draw, Drawn, Source
from reference import CATALOGUE
from reference.formula import Array

DRAWS: dict[str, Draw] = {
    **activations.DRAWS, **rows.DRAWS, **costs.DRAWS, **regularizers.DRAWS, **layers.DRAWS, **clipping.DRAWS,
}  # fmt: skip
STEPS: dict[str, Draw] = updates.DRAWS


def draw(id: str, dtype: str, regime: str, seed: int) -> Case:
    """The case of this formula, dtype, regime and seed. Raises KeyError for a formula that has no draws."""
    chosen = setting(id, seed)
    parameters = {**CATALOGUE[id].parameters, **chosen}
    given = (STEPS if id in STEPS else DRAWS)[id](Source(generator(id, dtype, regime, seed), regime, seed, parameters))
    arguments = {name: _typed(x, dtype) for name, x in given.arguments.items() if x is not None}
    cotangent = None if id in STEPS else _cotangent(given, id, dtype, regime, seed)
    options = {name: x for name, x in {**chosen, **given.parameters}.items() if name not in arguments}  # or learned
    return Case(id, dtype, regime, seed, arguments, cotangent, options)


def _typed(x: Array, dtype: str) -> Array:
    """Floats in the dtype of the case; labels, masks and lengths are integers and stay so."""
    return as_dtype(x, dtype) if x.dtype.kind == "f" else x


def _cotangent(given: Drawn, id: str, dtype: str, regime: str, seed: int) -> Cotangent:
    rng = generator(id, dtype, regime, seed, " cotangent")
    shapes = given.shape if isinstance(given.shape, Mapping) else {"value": given.shape}
    drawn = {name: random_cotangent(rng, shape) for name, shape in shapes.items()}
    if given.alone:
        drawn = {name: v * (np.arange(v.shape[-1]) == rng.integers(v.shape[-1])) for name, v in drawn.items()}
    return {name: as_dtype(v, dtype) for name, v in drawn.items()}


def of(id: str, dtype: str, seeds: Iterable[int]) -> Iterator[Case]:
    """The cases of a formula in all regimes."""
    for regime in REGIMES:
        for seed in seeds:
            yield draw(id, dtype, regime, seed)
