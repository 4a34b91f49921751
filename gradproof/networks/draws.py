"""The inputs of every network that is compared: one case for each input regime, stacked on a leading axis.

Everything is drawn from the audit's seed and the configuration's own name, so any configuration can be made again
alone.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.cases.data import dataset
from gradproof.networks.configurations import ARCHITECTURES, IDENTITY, PARAMETERS, REGIMES, Configuration
from reference.costs import one_hot
from reference.formula import Array, Formula


@dataclass(frozen=True)
class Cases:
    """Inputs of all cases of one configuration.  x: (S, n, d_in), y: (S, n, d), W[l]: (S, d_out, d_in)."""

    x: Array
    y: Array
    W: list[Array]
    b: list[Array]

    def __getitem__(self, k: Any) -> Cases:
        """The k-th case alone, without the leading axis; or those that an array of indices or a mask picks."""
        return Cases(self.x[k], self.y[k], [w[k] for w in self.W], [c[k] for c in self.b])

    def repeated(self, blocks: int) -> Cases:
        """All cases again and again, as many blocks of them."""
        return self[np.tile(np.arange(len(self.x)), blocks)]


@functools.lru_cache(maxsize=1)
def draw(c: Configuration, seed: int, draws: int = 1) -> Cases:
    """The inputs of all cases of configuration `c`, in the order of its architecture's regimes.

    What comes with more `draws` follows the cases of one, which stay as they are.
    """
    # The regularizer does not enter: its four versions see the same networks.
    name = zlib.crc32("/".join(c.id.split("/")[:-1]).encode())
    rng = np.random.default_rng([seed, name])
    cases = _sane(c, len(ARCHITECTURES[c.architecture].regimes()), rng)
    if not ARCHITECTURES[c.architecture].data:
        _strain(c, cases, rng)
    if draws == 1:
        return cases
    more = _sane(c, draws - 1, np.random.default_rng([seed, name, 1]))
    both = [zip(p, q, strict=True) for p, q in ((cases.W, more.W), (cases.b, more.b))]
    x, y = (np.concatenate(pair) for pair in ((cases.x, more.x), (cases.y, more.y)))
    return Cases(x, y, *([np.concatenate(pair) for pair in pairs] for pairs in both))


def _sane(c: Configuration, S: int, rng: np.random.Generator) -> Cases:
    """S networks at a sane scale, with Gaussian inputs or rows of the data."""
    architecture = ARCHITECTURES[c.architecture]
    sizes, n, dtype = architecture.sizes, architecture.batch, np.dtype(c.dtype)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    W = [(rng.standard_normal((S, o, i)) / np.sqrt(i)).astype(dtype) for o, i in shapes]
    b = [(0.3 * rng.standard_normal((S, o))).astype(dtype) for o, _ in shapes]
    targets = c.formulas[2].targets
    if architecture.data:
        features, known = dataset(architecture.data)
        rows = rng.integers(0, len(features), (S, n))
        y = 2 * known[rows] - 1 if targets == "sign" else known[rows]  # 0 and 1 become −1 and 1
        return Cases(features[rows].astype(dtype), y.astype(dtype), W, b)
    x = rng.standard_normal((S, n, sizes[0])).astype(dtype)
    return Cases(x, random_targets(targets, (S, n, sizes[-1]), rng).astype(dtype), W, b)


def _strain(c: Configuration, cases: Cases, rng: np.random.Generator) -> None:
    """Turn all but the first case into the other regimes of `REGIMES`, in place."""
    hidden, output, cost, _ = c.formulas
    x, y, W, b = cases.x, cases.y, cases.W, cases.b
    for k, regime in enumerate(REGIMES):
        if regime == "saturated":
            for bias in b:
                bias[k] = rng.choice([-1, 1], bias[k].shape) * rng.uniform(15, 40, bias[k].shape)
        elif regime == "kink":
            _at_kinks([w[k] for w in W], [c[k] for c in b], [*[hidden] * (len(W) - 1), output], rng)
            if output.id == IDENTITY:
                _at_kink_of_cost(cost, b[-1][k], y[k], rng)
        elif regime == "zero":
            x[k] = 0
            for bias in b:
                bias[k] = 0
        elif regime == "equal":
            for array in (x, *W, *b):
                array[k] = array[k].flat[0]


def _at_kinks(W: list[Array], b: list[Array], activations: Sequence[Formula], rng: np.random.Generator) -> None:
    """Put every other unit exactly at, or one float beside, a kink of its activation.

    A unit whose weights are zero has z = b exactly, in every implementation and summation order.
    """
    for w, c, g in zip(W, b, activations, strict=True):
        kinks = [g.at(k.at) for k in g.kinks] or [0.0]
        for unit in range(0, w.shape[-2], 2):
            at = c.dtype.type(kinks[rng.integers(len(kinks))])
            step = rng.integers(-1, 2)
            w[unit] = 0
            c[unit] = at if step == 0 else np.nextafter(at, c.dtype.type(step * np.inf))


def _at_kink_of_cost(cost: Formula, b: Array, y: Array, rng: np.random.Generator) -> None:
    """Residuals at 0 or where the pieces of a cost of a − y meet; scores at a margin of 1, or ties. In place."""
    given = {**cost.parameters, **PARAMETERS.get(cost.id, {})}
    width = next((given[name] for name in ("delta", "beta") if name in given), 0.0)
    if cost.targets == "real" and (cost.kinks or width):
        y[:, ::2] = b[::2] + y.dtype.type((width or 1.0) * rng.integers(-1, 2))
    elif cost.kinks or cost.targets == "sign":
        b[::2] = rng.integers(0, 2, b[::2].shape)


def random_targets(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Targets that a cost is meant for, exact in float32 where they must sum to one.  shape: (..., n, d)."""
    d = shape[-1]
    if kind == "label":
        return one_hot(rng.integers(0, d, shape[:-1]), d)
    if kind == "sign":
        return rng.choice([-1.0, 1.0], shape)
    if kind == "indicator":
        return rng.choice([0.0, 1.0], shape)
    if kind == "probability":
        return rng.choice([0.0, 0.0, 1.0, 1.0, 0.25], shape)
    if kind == "count":
        return rng.poisson(2.0, shape).astype(np.float64)
    if kind == "log distribution":
        return np.log(rng.dirichlet(np.ones(d), shape[:-1]))
    if kind == "distribution":  # every other one is certain of a class
        y = (1 + rng.multinomial(64 - d, rng.dirichlet(np.ones(d), shape[:-1]))) / 64
        y[..., ::2, :] = one_hot(rng.integers(0, d, y[..., ::2, 0].shape), d)
        return np.asarray(y)
    return rng.standard_normal(shape)
