"""Which networks are compared: cross products of architecture × dtype × activations × cost × regularizer."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from reference import CATALOGUE
from reference.formula import Formula


def _ids(kind: str, names: str) -> tuple[str, ...]:
    return tuple(f"{kind}/{name}" for name in names.split())


ELEMENTWISE = _ids("activation", "identity sigmoid tanh relu leaky_relu elu softplus silu gelu gelu_tanh huber")
OUTPUTS = (*ELEMENTWISE, *_ids("activation", "softmax log_softmax"))
COSTS = _ids(
    "cost",
    "quadratic squared_error l1 huber_error binary_cross_entropy binary_cross_entropy_logits cross_entropy nll"
    " cross_entropy_probabilities",
)
CATEGORICAL = _ids("cost", "cross_entropy nll")  # they take any probabilities, but mean those of exclusive classes
REGULARIZERS = _ids("regularizer", "none l2 l1 elastic_net")
FURTHER_COSTS = tuple(f.id for f in CATALOGUE.values() if f.prediction and f.id not in COSTS)
FURTHER_REGULARIZERS = _ids("regularizer", "group_lasso max_norm orthogonality spectral_norm nuclear_norm")

# Where the defaults hide something, others, exact in float32. The classic costs are sums over the outputs.
PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "cost/binary_cross_entropy": {"reduction": "batchmean"},
    "cost/binary_cross_entropy_logits": {"reduction": "batchmean"},
    "cost/kl_div": {"reduction": "batchmean"},
    "cost/smooth_l1": {"beta": 0.5},
    "cost/quantile": {"tau": 0.75},
    "cost/poisson_nll_rate": {"eps": 2.0**-10},  # a rate of 0, as of a dead unit, has a finite cost
    "cost/cross_entropy_labels": {"label_smoothing": 0.125},
    "cost/tversky": {"alpha": 0.25, "beta": 0.75},
    "regularizer/l2": {"lam": 0.125, "n": 4},
    "regularizer/l1": {"lam": 0.0625},
    "regularizer/elastic_net": {"lam": 0.125, "mix": 0.25},
    "regularizer/group_lasso": {"lam": 0.0625},
    "regularizer/max_norm": {"lam": 0.125, "limit": 0.75},
    "regularizer/orthogonality": {"lam": 0.0625},
    "regularizer/spectral_norm": {"lam": 0.0625},
    "regularizer/nuclear_norm": {"lam": 0.0625},
}

DEEP = ("activation/tanh", "activation/identity", "cost/quadratic")  # of the networks that scaling makes deeper
IDENTITY, NONE = "activation/identity", "regularizer/none"
ENDS = {f.id: (f.prediction, f.target) for f in CATALOGUE.values() if f.prediction}  # of a cost: outputs, targets
REGIMES = ("gaussian", "saturated", "kink", "zero", "equal")
SYMMETRIC = ("zero", "equal")  # equal units or examples make equal rounding errors
DTYPES = ("float32", "float64")


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
    Product("elementwise", tuple(ARCHITECTURES), (ELEMENTWISE, OUTPUTS, COSTS, REGULARIZERS)),
    Product("costs", ("4-5-3", "digits"), (FEW, OUTPUTS, FURTHER_COSTS, REGULARIZERS[:2])),
    Product(
        "penalties",
        ("4-5-3", "deep", "digits"),
        (FEW, _ids("activation", "identity sigmoid"),
         _ids("cost", "squared_error huber_error cross_entropy_probabilities"), FURTHER_REGULARIZERS),
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
        return "/".join((self.architecture, self.dtype, *(id.split("/")[1] for id in self.ids)))

    @property
    def ids(self) -> tuple[str, str, str, str]:
        """Of hidden activation, output activation, cost and regularizer."""
        return self.hidden, self.output, self.cost, self.regularizer

    @property
    def formulas(self) -> tuple[Formula, Formula, Formula, Formula]:
        """Their records."""
        return tuple(CATALOGUE[id] for id in self.ids)  # type: ignore[return-value]

    @property
    def ends(self) -> tuple[str, str]:
        """The arguments of the cost that take the outputs of the network, and the targets."""
        return ENDS[self.cost]

    @property
    def product(self) -> Product:
        """The cross product that it belongs to."""
        further = "costs" if self.cost in FURTHER_COSTS else "penalties"
        name = further if {self.cost, self.regularizer} & {*FURTHER_COSTS, *FURTHER_REGULARIZERS} else ""
        return next((p for p in PRODUCTS if p.name == name), PRODUCTS[0])


@functools.cache
def excluded(architecture: Architecture, output: str, cost: str) -> str:
    """Why this combination is left out: the mathematics it lacks. Empty if it stays in."""
    g, C = CATALOGUE[output], CATALOGUE[cost]
    if architecture.sizes[-1] == 1:
        if not g.elementwise:
            return f"{g.name} of a single output is constant: every gradient is zero"
        if C.targets == "distribution" or cost in CATEGORICAL:
            return f"{C.name} needs at least two classes, {architecture.name} has one output"
    if C.entries.get(C.prediction) == "distribution" and output != "activation/softmax":
        return f"{C.name} takes rows that sum to one, those of {g.name} do not"
    if architecture.data == "diabetes" and C.targets == "probability":
        return f"{C.name} needs targets in [0, 1], diabetes has real ones"
    if architecture.data and C.targets == "log distribution":
        return f"{C.name} takes logarithms of probabilities, {architecture.name} is certain of its classes"
    low, high = (C.at(end) for end in C.domain)
    if g.at(g.range[0]) < low or g.at(g.range[1]) > high:
        return f"{C.name} takes outputs in ({C.domain[0]}, {C.domain[1]}), {g.name} gives ({g.range[0]}, {g.range[1]})"
    return ""


def configurations(
    only: str = "*", dtypes: Sequence[str] = DTYPES, wanted: Callable[..., bool] = lambda *ids: True
) -> Iterator[Configuration]:
    """Every configuration whose id matches the pattern `only` and whose formula ids are `wanted`."""
    for product in PRODUCTS:
        for name, dtype, *ids in itertools.product(product.architectures, dtypes, *product.families):
            if name not in ARCHITECTURES or not wanted(*ids):
                continue
            hidden, output, cost, regularizer = ids
            if excluded(ARCHITECTURES[name], output, cost):
                continue
            c = Configuration(name, dtype, hidden, output, cost, regularizer)
            if only == "*" or fnmatchcase(c.id, only):
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
