"""Small arguments for every formula of the catalogue, drawn from its record, and derivatives by differences.

A case is what `reference.vjp` takes. What an argument is, the record says: its `entries`, and the indices with which it
is printed. Nothing lies at a kink, and nothing has a value at which mistakes hide: no size of two axes is the same, no
parameter, weight or variance is 1, no cotangent is constant.
"""

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradproof import cases
from reference import CATALOGUE, vjp

N, D, M = 3, 4, 5
STEP = 2.0**-10  # of differences of fourth order, whose error is about STEP⁴/30
AS_AUDITED = (
    "cost/linear_cross_entropy", "cost/crf", "cost/transducer", "cost/grpo_clip",
    "cost/adaptive_log_softmax", "cost/generalized_dice",
)  # arrays that go together in a way of their own  # fmt: skip
NO_SLOPE = ("padding_idx", "scale_grad_by_freq")  # with them a gradient is by intent not that of the value
OF_ROWS = ("cost/z_loss", "cost/distillation", "cost/reverse_kl")  # a weight a row
LAYERS = ("activation/softplus", "activation/tanh", "activation/sigmoid")

# Parameters away from their defaults; those of costs and penalties are given with every second seed.
PARAMETERS: dict[str, dict[str, Any]] = {
    "activation/leaky_relu": {"negative_slope": 0.2}, "activation/prelu": {"weight": -0.5},
    "activation/rrelu": {"lower": 0.1, "upper": 0.7}, "activation/elu": {"alpha": 2.5},
    "activation/celu": {"alpha": 0.3}, "activation/softplus": {"beta": 3.7}, "activation/squareplus": {"b": 1.3},
    "activation/hardtanh": {"min_val": -0.1, "max_val": 0.7}, "activation/hardshrink": {"lambd": 0.1},
    "activation/softshrink": {"lambd": 0.05}, "activation/threshold": {"threshold": 0.1, "value": 20.0},
    "activation/softplus_threshold": {"beta": 2.0, "threshold": 0.5},
    "activation/huber": {"delta": 1.35}, "activation/softmax": {"temperature": 0.7},
    "activation/softmin": {"temperature": 3.0}, "activation/log_softmax": {"temperature": 0.7},
    "activation/logsumexp": {"temperature": 3.0}, "activation/maxout": {"k": 3},
    "cost/huber_error": {"delta": 0.3}, "cost/smooth_l1": {"beta": 0.3}, "cost/quantile": {"tau": 0.9},
    "cost/poisson_nll": {"full": True}, "cost/poisson_nll_rate": {"full": True, "eps": 0.01},
    "cost/gaussian_nll": {"full": True, "eps": 0.5}, "cost/nll_labels": {"ignore_index": 0},
    "cost/sigmoid_focal": {"alpha": 0.6, "gamma": 1.5}, "cost/softmax_focal": {"gamma": 1.5},
    "cost/cross_entropy_labels": {"ignore_index": 0, "label_smoothing": 0.2},
    "cost/cross_entropy_probabilities": {"label_smoothing": 0.2}, "cost/poly_cross_entropy": {"epsilon": -0.5},
    "cost/hinge_embedding": {"margin": 0.5}, "cost/margin_ranking": {"margin": 0.5},
    "cost/multi_margin": {"p": 2, "margin": 0.5}, "cost/cosine_embedding": {"margin": -0.25},
    "cost/triplet_margin": {"margin": 2.0, "eps": 1e-3}, "cost/nt_xent": {"temperature": 0.5},
    "cost/dpo": {"beta": 0.4, "label_smoothing": 0.2, "margin": 0.5}, "cost/ipo": {"beta": 0.4},
    "cost/kto": {"beta": 0.4}, "cost/ppo_clip": {"low": 0.3, "high": 0.4}, "cost/distillation": {"temperature": 0.7},
    "cost/cpo": {"beta": 0.4, "label_smoothing": 0.2, "alpha": 0.3}, "cost/reverse_kl": {"temperature": 0.7},
    "cost/simpo": {"beta": 0.4, "label_smoothing": 0.2, "margin": 0.5},
    "cost/jensen_shannon": {"beta": 0.3},
    "cost/dice": {"smooth": 0.25}, "cost/tversky": {"alpha": 0.3, "beta": 0.6, "smooth": 0.5},
    "cost/ctc": {"blank": 2},
    "regularizer/l2": {"lam": 0.3, "n": 7}, "regularizer/elastic_net": {"lam": 0.3, "mix": 0.2},
    "regularizer/max_norm": {"lam": 0.3, "limit": 0.75}, "regularizer/label_smoothing": {"eps": 0.3},
    "regularizer/alpha_dropout": {"rate": 0.2}, "regularizer/inverted_dropout": {"rate": 0.3},
    "regularizer/gradient_penalty": {"lam": 2.0, "target": 0.5},
    "update/clip_by_value": {"max_value": 0.7}, "update/clip_by_norm": {"max_norm": 0.8},
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One call of `reference.vjp`: the cotangent belongs to an output of the formula at its default reduction."""

    id: str
    arguments: dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    outputs: Any = frozenset({"value"})  # names of them

    @property
    def record(self):
        return CATALOGUE[self.id]

    def answer(self, cotangent=None, **changes):
        """Outputs and gradients, with some arguments or parameters replaced."""
        arguments = {name: changes.pop(name, x) for name, x in self.arguments.items()}
        return vjp(self.id, arguments, cotangent, **{**self.parameters, **changes})


def is_float(x):
    return np.asarray(x).dtype.kind == "f" or np.asarray(x).dtype.name == "bfloat16"


def _entries(kind, rng, shape):
    """Entries of that kind, inside their domain."""
    if kind == "probability":
        return rng.uniform(0.1, 0.9, shape)
    if kind in ("distribution", "log distribution"):
        p = rng.dirichlet(np.full(shape[-1] if shape else 1, 3.0), shape[:-1]) if shape else np.ones(())
        p = (p + 0.1) / (p + 0.1).sum(-1, keepdims=True)
        return np.log(p) if kind.startswith("log") else p
    if kind == "log probability":
        return np.log(rng.uniform(0.1, 0.9, shape))
    if kind == "indicator":
        return rng.choice([0.0, 1.0], shape)
    if kind == "sign":
        return rng.choice([-1.0, 1.0], shape)
    if kind in ("count", "rate", "variance", "variance or 0"):
        return rng.uniform(1.1, 4.0, shape)
    return 2 * rng.standard_normal(shape)


def array_names(record):
    """The arguments of a cost that are arrays."""
    parameters = inspect.signature(record.function).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def _ctc(rng, lead, blank):
    z = rng.standard_normal((*lead, 2, M, 3))
    return {
        "a": z - np.log(np.exp(z).sum(-1, keepdims=True)),
        "labels": (blank + 1 + rng.integers(0, 2, (*lead, 2, 2))) % 3,
        "input_lengths": np.full((*lead, 2), [M - 1, M]),
        "target_lengths": np.full((*lead, 2), [2, 1]),
    }


def _cost(id, rng, lead, shape, odd):
    """Arguments of a cost, by their names and the indices of its record."""
    record = CATALOGUE[id]
    rows, examples, d = (*lead, *shape), (*lead, *shape[:-1]), shape[-1]
    if id == "cost/ctc":
        return _ctc(rng, lead, 2 if odd else 0)
    if id == "cost/nt_xent":
        return {"z": rng.standard_normal((5, D)), "labels": np.array([0, 1, 0, 2, 1])}
    if id == "cost/wasserstein_critic":
        return {"a": rng.standard_normal((*lead, N)), "b": rng.standard_normal((*lead, M))}
    given = {}
    for name in array_names(record):
        if name == "labels":
            given[name] = rng.integers(0, d, examples)
        elif name.endswith("_lengths"):
            given[name] = rng.integers(1, 9, rows)
        elif name in ("weight", "pos_weight"):
            by_class = f"{name}[j]" in record.arguments or "labels" in given
            given[name] = rng.uniform(0.3, 3.0, d if by_class else examples if id in OF_ROWS else rows)
        else:
            of_rows = id == "cost/cosine_embedding" and name == "y"
            given[name] = _entries(record.entries.get(name, ""), rng, examples if of_rows else rows)
    return given


def _network(rng, lead, outputs):
    sizes = (2, 3, 2, outputs)
    given = {"x": rng.standard_normal((*lead, 4, sizes[0]))}
    for k in range(1, len(sizes)):
        given[f"W{k}"] = rng.standard_normal((*lead, sizes[k], sizes[k - 1]))
        given[f"b{k}"] = rng.standard_normal((*lead, sizes[k]))
    return given


def _off_corners(x, parameters):
    """x moved away from where pieces meet: small integers and what a parameter says."""
    corners = [0.0, 1.0, 3.0, 6.0, *(p for p in parameters.values() if isinstance(p, float))]
    close = [True]
    while np.any(close):
        close = np.min([np.abs(np.abs(x) - abs(c)) for c in corners], 0) < 0.02
        x = np.where(close, x + 0.05, x)
    return x


def _arguments(id, rng, lead, shape, parameters):
    kind, name = id.split("/")
    if id == "regularizer/label_smoothing":
        return {"z": rng.standard_normal((*lead, N, D)), "y": _entries("distribution", rng, (*lead, N, D))}
    if name in ("dropout", "inverted_dropout", "alpha_dropout"):
        return {"a": rng.standard_normal((*lead, N, D)), "mask": rng.integers(0, 2, (*lead, N, D))}
    if name in ("entropy", "activity_l1", "activity_l2"):
        return {"z" if name == "entropy" else "a": _off_corners(rng.standard_normal((*lead, N, D)), {})}
    if name in ("jacobian", "gradient_penalty"):
        return _network(rng, lead, 2 if name == "jacobian" else 1)
    if kind == "regularizer":
        return {"w": _off_corners(rng.standard_normal((*lead, N, D)), {})}
    if name.startswith("clip_by"):
        return {f"g{k}": _off_corners(rng.standard_normal(s), parameters) for k, s in enumerate(((N, D), (M,), ()), 1)}
    if kind == "activation":
        z = _off_corners(2 * rng.standard_normal((*lead, N, 6)), parameters)
        return {"z": z, **{p: np.array(0.8) for p in CATALOGUE[id].learnable}}
    return _cost(id, rng, lead, shape, bool(parameters))


def draw(id, seed=0, lead=(), shape=(N, D)):
    """A case of this formula. Parameters are off their defaults with odd seeds."""
    rng = np.random.default_rng([seed, sum(id.encode())])
    record = CATALOGUE[id]
    if record.kind == "layer" or id in AS_AUDITED:
        case = cases.draw(id, "float64", "plain", seed)
        parameters = {name: p for name, p in case.parameters.items() if name not in NO_SLOPE}
        return Case(id, dict(case.arguments), parameters, case.cotangent.keys())
    parameters = dict(PARAMETERS.get(id, {})) if seed % 2 else {}
    arguments = _arguments(id, rng, lead, shape, parameters)
    for name in record.learnable:  # is among the arguments
        parameters.pop(name, None)
    if record.name in ("jacobian", "gradient_penalty"):
        parameters["activations"] = LAYERS
    return Case(id, arguments, parameters)


def cotangents(outputs, seed=0):
    """A random cotangent for each output."""
    rng = np.random.default_rng([seed, 7])
    return {
        name: rng.uniform(0.5, 2, np.shape(x)) * rng.choice([-1.0, 1.0], np.shape(x)) for name, x in outputs.items()
    }


def path(case, name, rng):
    """A curve t ↦ x(t) inside the domain through the argument x(0), and its direction there.

    Rows that sum to one keep their sum. Raises LookupError where the entries of the argument cannot be moved.
    """
    x, kind = np.asarray(case.arguments[name]), case.record.entries.get(name, "")
    if kind in ("sign", "indicator"):
        raise LookupError(f"{name} is one of two numbers")
    D = rng.uniform(0.5, 1, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    if "distribution" in kind:
        D = (D - D.mean(-1, keepdims=True)) / 40
    if kind == "log distribution":
        return (lambda t: np.log(np.exp(x) + t * D)), D / np.exp(x)
    return (lambda t: x + t * D), D


def difference(function, step=STEP):
    """f'(0) with an error of fourth order."""
    far, near = ((function(s * step) - function(-s * step)) / (2 * s * step) for s in (2, 1))
    return (4 * near - far) / 3


def along(case, name, cotangent, **changes):
    """The gradient by one argument along a random direction: as `vjp` gives it, and by differences of the outputs.

    With the size of what is added on the way, to which rounding is relative.
    """
    move, D = path(case, name, np.random.default_rng(len(name)))

    def total(t):
        outputs = case.answer(None, **{name: move(t)}, **changes)[0]
        return sum(float((np.asarray(v) * outputs[key]).sum()) for key, v in cotangent.items())

    outputs, gradients = case.answer(cotangent, **changes)
    size = np.abs(gradients[name] * D).sum() + sum(np.abs(v * outputs[key]).sum() for key, v in cotangent.items())
    return float((gradients[name] * D).sum()), difference(total), float(size)


CLIPS = [id for id, f in CATALOGUE.items() if f.kind == "update" and not hasattr(f.function, "start")]
DIFFERENTIABLE = [id for id, f in CATALOGUE.items() if f.kind not in ("network", "update") or id in CLIPS]
