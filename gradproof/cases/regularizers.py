"""Regularizers on small arrays: the truth is as exact for them as for large ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source
from reference import CATALOGUE
from reference.formula import Array

SHAPES = ((3, 4), (4, 3))
LAYERS = ("activation/softplus", "activation/tanh", "activation/sigmoid")


def _shape(s: Source) -> tuple[int, int]:
    return SHAPES[s.seed % len(SHAPES)] if s.style != "single" else (1, 1)


def _entries(s: Source) -> Array:
    return s.real(*_shape(s), decades=3)


def _of_one_size(s: Source) -> Array:
    """In the regime extreme, of singular values of one size: float64 cannot tell one from 0 beside far larger ones."""
    if not s.style:
        return _entries(s)
    U, sigma, Vt = np.linalg.svd(s.rng.standard_normal(_shape(s)), full_matrices=False)
    return np.asarray((U * np.geomspace(1, 0.25, len(sigma))) @ Vt * float(s.sizes()))


# ---------------------------------------------------------------- weights


def _weights(near: Callable[[Source], Array] = _entries, other: Callable[[Source], Array] = _entries) -> Draw:
    return lambda s: Drawn({"w": near(s) if s.regime == "near" else other(s)})


def _long_rows(s: Source) -> Array:
    w = _entries(s)
    lengths = s.parameters["limit"] * (1 + 1e-3 * s.rng.standard_normal((len(w), 1)))
    return w * lengths / np.linalg.norm(w, axis=-1, keepdims=True)


def _by_singular_values(values: Callable[[int], Array], off: float = 0.0) -> Callable[[Source], Array]:
    def draw(s: Source) -> Array:
        w = _entries(s)
        U, _, Vt = np.linalg.svd(w, full_matrices=False)
        return np.asarray((U * values(min(w.shape))) @ Vt + off * w)

    return draw


# ---------------------------------------------------------------- what a network computes


def _logits(s: Source) -> Array:
    if s.style:
        return s.logits(*_shape(s))
    scale = {"plain": 2.0, "wide": float(s.rng.uniform(1, 60)), "near": 1e-3}[s.regime]
    return np.asarray(scale * s.rng.standard_normal(_shape(s)))


def _label_smoothing(s: Source) -> Drawn:
    n, d = _shape(s)
    return Drawn({"z": _logits(s), "y": s.rng.integers(0, d, n)})


def _dropout(s: Source) -> Drawn:
    return Drawn({"a": _entries(s), "mask": s.rng.integers(0, 2, _shape(s))}, _shape(s))


def _network(outputs: int) -> Draw:
    def draw(s: Source) -> Drawn:
        sizes = [2, 3, 2, outputs]
        if s.style:
            return _extreme_network(s, sizes)
        arguments: dict[str, Any] = {"x": s.rng.standard_normal((2, sizes[0]))}
        for k, (below, above) in enumerate(itertools.pairwise(sizes), 1):
            arguments[f"W{k}"] = s.rng.standard_normal((above, below)) * (3 if s.regime == "wide" else 1)
            arguments[f"b{k}"] = s.rng.standard_normal(above)
        return Drawn(arguments, parameters={"activations": LAYERS})

    return draw


def _extreme_network(s: Source, sizes: Sequence[int]) -> Drawn:
    """Weights of which products through all layers, twice, stay in the range."""
    n, *sizes = (2, *sizes) if s.style != "single" else (1, 1, 1, 1, 1)

    def weights(*shape: int) -> Array:
        x = s.real(*shape)
        return np.sign(x) * np.abs(x) ** (1 / 16)

    arguments: dict[str, Any] = {"x": weights(n, sizes[0])}
    for k, (below, above) in enumerate(itertools.pairwise(sizes), 1):
        arguments |= {f"W{k}": weights(above, below), f"b{k}": weights(above)}
    return Drawn(arguments, parameters={"activations": LAYERS})


def _gradient_penalty(s: Source) -> Drawn:
    """In the regime near, the input gradients are all but as long as the target."""
    drawn = _network(1)(s)
    if s.regime != "near":
        return drawn
    x = np.repeat(drawn.arguments["x"][:1], 2, axis=0) * (1 + 1e-3 * s.rng.standard_normal((2, 1)))
    layers = [[drawn.arguments[f"{name}{k}"] for k in range(1, len(LAYERS) + 1)] for name in "Wb"]
    length = _input_gradient(x[:1], *layers)
    return Drawn({**drawn.arguments, "x": x}, parameters={**drawn.parameters, "lam": 10.0, "target": length})


def _input_gradient(x: Array, W: Sequence[Array], b: Sequence[Array]) -> float:
    """‖∂a/∂x‖ of a network of one output, by differences: it need not be exact."""

    def output(x: Array) -> float:
        for w, c, id in zip(W, b, LAYERS, strict=True):
            x = CATALOGUE[id].function(x @ w.T + c)[0]
        return float(x[0, 0])

    h = 1e-6
    steps = h * np.eye(x.shape[1])[:, None]
    return float(np.linalg.norm([(output(x + e) - output(x - e)) / (2 * h) for e in steps]))


DRAWS: dict[str, Draw] = {
    f"regularizer/{name}": draw
    for name, draw in {
        "none": _weights(), "l2": _weights(), "l1": _weights(), "elastic_net": _weights(),
        "group_lasso": _weights(), "max_norm": _weights(_long_rows),
        "orthogonality": _weights(_by_singular_values(np.ones, 1e-3)),
        "spectral_norm": _weights(_by_singular_values(lambda r: 1 + 1e-2 * np.arange(r)), _of_one_size),
        "nuclear_norm": _weights(_by_singular_values(lambda r: np.geomspace(1, 1e-2, r)), _of_one_size),
        "entropy": lambda s: Drawn({"z": _logits(s)}), "label_smoothing": _label_smoothing,
        "activity_l2": lambda s: Drawn({"a": _entries(s)}), "activity_l1": lambda s: Drawn({"a": _entries(s)}),
        "dropout": _dropout, "inverted_dropout": _dropout, "alpha_dropout": _dropout,
        "jacobian": _network(2), "gradient_penalty": _gradient_penalty,
    }.items()
}  # fmt: skip
