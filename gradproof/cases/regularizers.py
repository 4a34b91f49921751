"""Random inputs for every regularizer, by regime.

    plain   standard normal entries
    wide    entries over many powers of ten, saturated logits and layers
    near    where terms all but cancel: rows as long as the limit, rows all but orthonormal, singular values all but
            equal or all but 0, logits all but equal, an input gradient all but as long as its target

A case is drawn from (id, dtype, regime, seed) alone, of small arrays: the truth is as exact for them as for large
ones. No branch is met exactly.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradproof.cases.costs import Case
from reference import CATALOGUE
from reference.formula import Array

REGIMES = ("plain", "wide", "near")
SHAPES = ((3, 4), (4, 3))
WEIGHTS = ("none", "l2", "l1", "elastic_net", "group_lasso", "max_norm", "orthogonality", "spectral_norm",
           "nuclear_norm")  # fmt: skip
OUTPUT = ("entropy", "label_smoothing", "activity_l2", "activity_l1")
DROPOUT = ("dropout", "inverted_dropout")
NETWORK = {"jacobian": 2, "gradient_penalty": 1}  # with the number of outputs
LAYERS = ("activation/softplus", "activation/tanh", "activation/sigmoid")
NAMES = (*WEIGHTS, *OUTPUT, *DROPOUT, *NETWORK)


def layers(inputs: Mapping[str, Array]) -> tuple[Array, list[Array], list[Array]]:
    """x and the lists W and b of a case of a network."""
    depth = range(1, len(LAYERS) + 1)
    return inputs["x"], [inputs[f"W{k}"] for k in depth], [inputs[f"b{k}"] for k in depth]


def _entries(rng: np.random.Generator, regime: str, shape: Sequence[int]) -> Array:
    x = rng.standard_normal(shape)
    return x * 10 ** rng.uniform(-3, 3, shape) if regime == "wide" else x


def _near(name: str, rng: np.random.Generator, shape: Sequence[int]) -> Array:
    """A matrix where the regularizer cancels; plain where there is no such place."""
    w = rng.standard_normal(shape)
    U, _, Vt = np.linalg.svd(w, full_matrices=False)
    r = min(shape)
    if name == "max_norm":
        limit = CATALOGUE["regularizer/max_norm"].parameters["limit"]
        return w * limit / np.linalg.norm(w, axis=-1, keepdims=True) * (1 + 1e-3 * rng.standard_normal((len(w), 1)))
    if name == "orthogonality":
        return U @ Vt + 1e-3 * w
    if name == "spectral_norm":
        return (U * (1 + 1e-2 * np.arange(r))) @ Vt
    if name == "nuclear_norm":
        return (U * np.geomspace(1, 1e-2, r)) @ Vt
    return w


def _network(name: str, rng: np.random.Generator, regime: str) -> tuple[dict[str, Array], dict[str, Any]]:
    sizes = [2, 3, 2, NETWORK[name]]
    inputs = {"x": rng.standard_normal((2, sizes[0]))}
    for k, (below, above) in enumerate(itertools.pairwise(sizes), 1):
        inputs[f"W{k}"] = rng.standard_normal((above, below)) * (3 if regime == "wide" else 1)
        inputs[f"b{k}"] = rng.standard_normal(above)
    if name == "gradient_penalty" and regime == "near":
        x, W, b = layers(inputs)
        inputs["x"] = np.repeat(x[:1], 2, axis=0) * (1 + 1e-3 * rng.standard_normal((2, 1)))
        function = CATALOGUE["regularizer/gradient_penalty"].function
        squared, _, _ = function(x[:1], W, b, [CATALOGUE[g].function for g in LAYERS], lam=1.0, target=0.0)
        return inputs, {"lam": 10.0, "target": float(np.sqrt(squared))}
    return inputs, dict(CATALOGUE[f"regularizer/{name}"].parameters)


def draw(id: str, dtype: str, regime: str, seed: int) -> Case:
    """The case of this formula, dtype, regime and seed. Raises KeyError for what has no draws."""
    name = id.removeprefix("regularizer/")
    if name not in NAMES:
        raise KeyError(f"no cases of {id!r}; there are of {', '.join(NAMES)}")
    rng = np.random.default_rng([zlib.crc32(f"{id} {dtype} {regime}".encode()), seed])
    shape = SHAPES[seed % len(SHAPES)]
    parameters: dict[str, Any] = dict(CATALOGUE[id].parameters)
    inputs: dict[str, Any]
    if name in NETWORK:
        inputs, parameters = _network(name, rng, regime)
    elif name in WEIGHTS:
        inputs = {"w": _near(name, rng, shape) if regime == "near" else _entries(rng, regime, shape)}
    elif name in ("entropy", "label_smoothing"):
        scale = {"plain": 2.0, "wide": float(rng.uniform(1, 60)), "near": 1e-3}[regime]
        inputs = {"z": scale * rng.standard_normal(shape)}
    else:
        inputs = {"a": _entries(rng, regime, shape)}
    arrays = {key: x.astype(dtype) for key, x in inputs.items()}
    if name == "label_smoothing":
        arrays["labels"] = rng.integers(0, shape[1], shape[0])
    if name in DROPOUT:
        arrays["mask"] = rng.integers(0, 2, shape)
    if "rate" in parameters:
        parameters["rate"] = (0.5, 0.1, 0.7)[seed % 3]  # exact, and neither rate nor 1 − rate exact
    return Case(id, dtype, regime, seed, arrays, parameters)


def cases(id: str, dtype: str, seeds: int) -> Iterator[Case]:
    """All regimes, `seeds` cases each."""
    for regime in REGIMES:
        for seed in range(seeds):
            yield draw(id, dtype, regime, seed)
