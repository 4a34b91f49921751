"""What is asked: random cases of every formula that takes arrays, by regime and seed. No answers.

A case is drawn from (formula id, dtype, regime, seed) alone. `DRAWS` are of what has gradients, `STEPS` of update
rules, of which the outputs of one step are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from gradproof.cases import activations, clipping, costs, layers, preferences, regularizers, rows, sequences, updates
from gradproof.cases.case import Case, Cotangent, as_dtype, generator, random_cotangent
from gradproof.cases.parameters import extreme, setting
from gradproof.cases.source import REGIMES, STYLES, USUAL, Draw, Drawn, Source
from reference import CATALOGUE
from reference.formula import Array

DRAWS: dict[str, Draw] = {
    **activations.DRAWS, **rows.DRAWS, **costs.DRAWS, **preferences.DRAWS, **sequences.DRAWS, **regularizers.DRAWS,
    **layers.DRAWS, **clipping.DRAWS,
}  # fmt: skip
STEPS: dict[str, Draw] = updates.DRAWS


def draw(id: str, dtype: str, regime: str, seed: int) -> Case:
    """The case of this formula, dtype, regime and seed. Raises KeyError for a formula that has no draws."""
    chosen = setting(id, seed)
    parameters = {**CATALOGUE[id].parameters, **chosen}
    factors = layers.FACTORS.get(id, 1) if dtype == "float64" else 1  # shorter dtypes are evaluated in float64
    source = Source(generator(id, dtype, regime, seed), regime, seed, parameters, dtype, factors)
    if id not in STEPS:
        chosen = {**chosen, **extreme(CATALOGUE[id], source)}
    source.parameters = {**parameters, **chosen}
    given = (STEPS if id in STEPS else DRAWS)[id](source)
    arguments = {name: _typed(x, dtype, source.top) for name, x in given.arguments.items() if x is not None}
    cotangent = None if id in STEPS else _cotangent(given, id, dtype, source)
    options = {name: x for name, x in {**chosen, **given.parameters}.items() if name not in arguments}  # or learned
    return Case(id, dtype, regime, seed, arguments, cotangent, options)


def _typed(x: Array, dtype: str, top: float) -> Array:
    """Floats in the dtype of the case, finite ones as far as it goes; labels, masks and lengths stay integers."""
    if x.dtype.kind != "f":
        return x
    return as_dtype(np.where(np.isfinite(x), np.clip(x, -top, top), x), dtype)


def _cotangent(given: Drawn, id: str, dtype: str, source: Source) -> Cotangent:
    """Random numbers; in the regime extreme of all sizes beside each other, in every second case, some of them 0."""
    rng = generator(id, dtype, source.regime, source.seed, " cotangent")
    shapes = given.shape if isinstance(given.shape, Mapping) else {"value": given.shape}
    drawn = {name: random_cotangent(rng, shape) for name, shape in shapes.items()}
    if source.style and (STYLES.index(source.style) + source.seed // len(STYLES)) % 2 == 0:
        low, high = source.least / 4, source.greatest / 4
        drawn = {name: v * 2.0 ** np.rint(rng.uniform(low, high, v.shape)) for name, v in drawn.items()}
        if not given.alone:
            drawn = {name: np.where(rng.permuted(np.arange(v.size) % 5 == 4).reshape(v.shape), 0, v)
                     for name, v in drawn.items()}  # fmt: skip
    if given.alone:
        drawn = {name: v * (np.arange(v.shape[-1]) == rng.integers(v.shape[-1])) for name, v in drawn.items()}
    return {name: as_dtype(v, dtype) for name, v in drawn.items()}


def of(id: str, dtype: str, seeds: Iterable[int], regimes: Sequence[str] = REGIMES) -> Iterator[Case]:
    """The cases of a formula in all regimes, or in some. Steps and some layers are asked in the usual ones."""
    usual = id in STEPS or id in layers.USUAL
    for regime in [regime for regime in regimes if regime in USUAL or not usual]:
        for seed in seeds:
            yield draw(id, dtype, regime, seed)
