"""What the network audit compares: cross products of configurations, and the inputs of each.

A configuration is architecture × dtype × hidden activation × output activation × cost × regularizer. Its cases
are the input regimes, stacked on a leading axis. Everything is drawn from the audit's seed and the
configuration's own name, so any configuration can be made again alone.
"""

from __future__ import annotations

import functools
import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from gradproof.networks import ends as endings
from oracles.cost_arguments import ENDS, MATRIX_PENALTIES
from reference import CATALOGUE
from reference.costs import one_hot
from reference.formula import Array, Formula


def _ids(kind: str, names: str) -> tuple[str, ...]:
    return tuple(f"{kind}/{name}" for name in names.split())


ELEMENTWISE = _ids("activation", "identity sigmoid tanh relu leaky_relu elu softplus silu gelu gelu_tanh huber")
OUTPUTS = (*ELEMENTWISE, *_ids("activation", "softmax log_softmax"))
COSTS = _ids("cost", "quadratic mse mae huber bce bce_logits cross_entropy nll softmax_cross_entropy")
REGULARIZERS = _ids("regularizer", "none l2 l1 elastic_net")
FAMILIES = (ELEMENTWISE, OUTPUTS, COSTS, REGULARIZERS)
CATEGORICAL = _ids("cost", "cross_entropy nll softmax_cross_entropy")
RESIDUALS = {"cost/mae", "cost/huber", *endings.RESIDUALS}  # costs with kinks in a − y
FURTHER_COSTS = tuple(ENDS)
FURTHER_REGULARIZERS = MATRIX_PENALTIES

# Parameters of the regularizers and of costs, exact in float32.
PARAMETERS: dict[str, dict[str, float]] = {
    "regularizer/l2": {"lam": 0.125, "n": 4},
    "regularizer/l1": {"lam": 0.0625},
    "regularizer/elastic_net": {"lam": 0.125, "mix": 0.25},
    "regularizer/group_lasso": {"lam": 0.0625},
    "regularizer/max_norm": {"lam": 0.125, "limit": 0.75},
    "regularizer/orthogonality": {"lam": 0.0625},
    "regularizer/spectral_norm": {"lam": 0.0625},
    "regularizer/nuclear_norm": {"lam": 0.0625},
    **endings.PARAMETERS,
}

REGIMES = ("gaussian", "saturated", "kink", "zero", "equal")
SYMMETRIC = ("zero", "equal")  # equal units or examples make equal rounding errors


@dataclass(frozen=True)
class Architecture:
    """Layer sizes and batch size; `data` names a scikit-learn data set, or is empty for synthetic inputs."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    data: str = ""

    def regimes(self, draws: int = 1) -> tuple[str, ...]:
        """The input regime of every case: all the synthetic ones or two mini-batches, and draws − 1 sane ones more."""
        return ((self.data,) * 2 if self.data else REGIMES) + (self.data or "gaussian",) * (draws - 1)


ARCHITECTURES = {
    a.name: a
    for a in (
        Architecture("2-3-2", (2, 3, 2), 1),  # a single example
        Architecture("4-5-3", (4, 5, 3), 7),  # an odd batch
        Architecture("deep", (3, 4, 4, 4, 4, 2), 3),  # deep and narrow
        Architecture("wide", (3, 24, 2), 2),
        Architecture("digits", (64, 8, 10), 5, "digits"),
        Architecture("breast_cancer", (30, 6, 1), 5, "breast_cancer"),
        Architecture("diabetes", (10, 6, 1), 5, "diabetes"),
    )
}
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Product:
    """A cross product: some architectures × both dtypes × ids of hidden and output activations, costs, regularizers."""

    name: str
    architectures: tuple[str, ...]
    families: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]


# Everything crossed with everything would be millions of cases. The first product crosses the elementwise part in
# full; every further cost meets all outputs, every further regularizer deep and wide matrices, and little else.
FEW = _ids("activation", "tanh relu")
PRODUCTS = (
    Product("elementwise", tuple(ARCHITECTURES), FAMILIES),
    Product("costs", ("4-5-3", "digits"), (FEW, OUTPUTS, FURTHER_COSTS, REGULARIZERS[:2])),
    Product(
        "penalties",
        ("4-5-3", "deep", "digits"),
        (FEW, _ids("activation", "identity sigmoid"), _ids("cost", "mse huber softmax_cross_entropy"),
         FURTHER_REGULARIZERS),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Configuration:
    """One point of the cross product; the last four are formula ids."""

    architecture: str
    dtype: str
    hidden: str
    output: str
    cost: str
    regularizer: str

    @property
    def id(self) -> str:
        """The name by which `--only` picks it: architecture/dtype/hidden/output/cost/regularizer."""
        ids = (self.hidden, self.output, self.cost, self.regularizer)
        return "/".join((self.architecture, self.dtype, *(id.split("/")[1] for id in ids)))

    @property
    def formulas(self) -> tuple[Formula, Formula, Formula, Formula]:
        """Records of hidden activation, output activation, cost and regularizer."""
        return tuple(CATALOGUE[id] for id in (self.hidden, self.output, self.cost, self.regularizer))  # type: ignore[return-value]

    @property
    def product(self) -> Product:
        """The cross product that it belongs to."""
        name = "costs" if self.cost in ENDS else "penalties" if self.regularizer in FURTHER_REGULARIZERS else ""
        return next((p for p in PRODUCTS if p.name == name), PRODUCTS[0])


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


@functools.cache
def excluded(architecture: Architecture, output: str, cost: str) -> str:
    """Why this combination is left out: the mathematics it lacks. Empty if it stays in."""
    g, C = CATALOGUE[output], CATALOGUE[cost]
    if architecture.sizes[-1] == 1:
        if not g.elementwise:
            return f"{g.name} of a single output is constant: every gradient is zero"
        if cost in CATEGORICAL:
            return f"{C.name} needs at least two classes, {architecture.name} has one output"
    if cost == "cost/jensen_shannon" and output != "activation/softmax":
        return f"{C.name} takes rows that sum to one, those of {g.name} do not"
    if architecture.data == "diabetes" and cost in ("cost/bce", "cost/bce_logits"):
        return f"{C.name} needs targets in [0, 1], diabetes has real ones"
    low, high = (C.at(end) for end in C.domain)
    if g.at(g.range[0]) < low or g.at(g.range[1]) > high:
        return f"{C.name} takes outputs in ({C.domain[0]}, {C.domain[1]}), {g.name} gives ({g.range[0]}, {g.range[1]})"
    return ""


def configurations(only: str = "*", dtypes: Sequence[str] = DTYPES) -> Iterator[Configuration]:
    """Every configuration whose id, or one of whose formula ids, matches the pattern `only`."""
    for product in PRODUCTS:
        for name, dtype, *ids in itertools.product(product.architectures, dtypes, *product.families):
            hidden, output, cost, regularizer = ids
            if name not in ARCHITECTURES or excluded(ARCHITECTURES[name], output, cost):
                continue
            c = Configuration(name, dtype, hidden, output, cost, regularizer)
            if only == "*" or fnmatchcase(c.id, only) or any(fnmatchcase(id, only) for id in ids):
                yield c


def by_id(id: str) -> Configuration:
    """The configuration of that id."""
    architecture, dtype, *names = id.split("/")
    kinds = ("activation", "activation", "cost", "regularizer")
    return Configuration(architecture, dtype, *(f"{k}/{name}" for k, name in zip(kinds, names, strict=True)))


def exclusions() -> list[tuple[str, str, str, str]]:
    """(architecture, output, cost, reason) of everything left out."""
    return [
        (name, output, cost, reason)
        for product in PRODUCTS[:2]  # the third asks for nothing that the first does not
        for name, output, cost in itertools.product(product.architectures, *product.families[1:3])
        if name in ARCHITECTURES and (reason := excluded(ARCHITECTURES[name], output, cost))
    ]


@functools.cache
def dataset(name: str) -> tuple[Array, Array]:
    """Standardised features and targets of a scikit-learn data set bundled with it.

    digits: (1797, 64) and one-hot rows of 10; breast_cancer: (569, 30) and 0/1; diabetes: (442, 10) and the
    standardised target. A constant pixel of digits stays 0.
    """
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    spread = x.std(0)
    x = (x - x.mean(0)) / np.where(spread == 0, 1, spread)
    if name == "digits":
        return x, one_hot(y, 10)
    y = y[:, None].astype(float)
    return x, (y - y.mean()) / y.std() if name == "diabetes" else y


def _kinks(activation: Formula) -> list[float]:
    return [activation.at(k.at) for k in activation.kinks] or [0.0]


def _at_kinks(W: list[Array], b: list[Array], activations: Sequence[Formula], rng: np.random.Generator) -> None:
    """Put every other unit exactly at, or one float beside, a kink of its activation.

    A unit whose weights are zero has z = b exactly, in every implementation and summation order.
    """
    for w, c, g in zip(W, b, activations, strict=True):
        for unit in range(0, w.shape[-2], 2):
            at = c.dtype.type(rng.choice(_kinks(g)))
            step = rng.integers(-1, 2)
            w[unit] = 0
            c[unit] = at if step == 0 else np.nextafter(at, c.dtype.type(step * np.inf))


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
    if architecture.data:
        features, targets = dataset(architecture.data)
        rows = rng.integers(0, len(features), (S, n))
        y = endings.fit_targets(c.cost, targets[rows])
        return Cases(features[rows].astype(dtype), y.astype(dtype), W, b)
    x = rng.standard_normal((S, n, sizes[0])).astype(dtype)
    return Cases(x, _targets(c.cost, (S, n, sizes[-1]), rng).astype(dtype), W, b)


def _strain(c: Configuration, cases: Cases, rng: np.random.Generator) -> None:
    """Turn sane cases into those of `REGIMES`, in place."""
    hidden, output, cost, _ = c.formulas
    x, y, W, b = cases.x, cases.y, cases.W, cases.b
    for k, regime in enumerate(REGIMES):
        if regime == "saturated":
            for bias in b:
                bias[k] = rng.choice([-1, 1], bias[k].shape) * rng.uniform(15, 40, bias[k].shape)
        elif regime == "kink":
            _at_kinks([w[k] for w in W], [c[k] for c in b], [*[hidden] * (len(W) - 1), output], rng)
            if cost.id in RESIDUALS and output.id == "activation/identity":
                delta = PARAMETERS.get(cost.id, {}).get("delta" if "huber" in cost.id else "beta", 1)
                y[k, :, ::2] = b[-1][k, ::2] + y.dtype.type(delta * rng.integers(-1, 2))  # residual at 0 or ±δ
            elif cost.id in endings.MARGINS and output.id == "activation/identity":
                b[-1][k, ::2] = rng.integers(0, 2, b[-1][k, ::2].shape)  # scores that meet a margin of 1, or tie
        elif regime == "zero":
            x[k] = 0
            for bias in b:
                bias[k] = 0
        elif regime == "equal":
            for array in (x, *W, *b):
                array[k] = array[k].flat[0]


def _targets(cost: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Targets the cost is meant for: real numbers, 0/1 with some in between, or one-hot rows."""
    if cost in ("cost/bce", "cost/bce_logits"):
        return rng.choice([0.0, 0.0, 1.0, 1.0, 0.25], shape)
    if cost in ENDS:
        return endings.draw_targets(cost, shape, rng)
    if cost in CATEGORICAL:
        return one_hot(rng.integers(0, shape[-1], shape[:-1]), shape[-1])
    return rng.standard_normal(shape)
