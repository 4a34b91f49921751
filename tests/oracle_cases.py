"""What the oracles are tried on: small arguments for every formula, and how near two of them must come."""

import importlib
import inspect
from contextlib import contextmanager

import numpy as np

from oracles import finite_difference as fd

SIDES = {"torch": "oracles.torch_autograd", "jax": "oracles.jax_grad", "complex step": "oracles.finite_difference"}
# Definitions that other people compute: a few rounding errors, of results up to 6 in size.
TOLERANCE = {"float16": 2e-2, "bfloat16": 2e-1, "float32": 4e-6, "float64": 2e-13}
N, D = 3, 4

# Other parameters than the defaults; those of activations may be learned, and are then arguments.
LEARNED = {
    "activation/leaky_relu": {"negative_slope": 0.25},
    "activation/prelu": {"weight": 0.375},
    "activation/rrelu": {"lower": 0.25, "upper": 0.5},
    "activation/elu": {"alpha": 0.5},
    "activation/celu": {"alpha": 0.75},
    "activation/softplus": {"beta": 3.0},
    "activation/hardtanh": {"min_val": -0.5, "max_val": 2.0},
    "activation/hardshrink": {"lambd": 0.75},
    "activation/softshrink": {"lambd": 0.75},
    "activation/threshold": {"threshold": 0.5, "value": -1.0},
    "activation/squareplus": {"b": 2.0},
    "activation/huber": {"delta": 0.375},
    "activation/softmax": {"temperature": 0.5},
    "activation/softmin": {"temperature": 3.0},
    "activation/log_softmax": {"temperature": 2.0},
    "activation/logsumexp": {"temperature": 0.75},
}
GIVEN = {
    "activation/maxout": {"k": 4},
    "cost/huber_error": {"delta": 0.375},
    "cost/smooth_l1": {"beta": 0.375},
    "cost/quantile": {"tau": 0.75},
    "cost/poisson_nll": {"full": True},
    "cost/poisson_nll_rate": {"full": True, "eps": 2.0**-6},
    "cost/gaussian_nll": {"full": True},
    "cost/nll_labels": {"ignore_index": 1},
    "cost/sigmoid_focal": {"alpha": 0.5, "gamma": 1.5},
    "cost/cross_entropy_labels": {"ignore_index": 1, "label_smoothing": 0.125},
    "cost/cross_entropy_probabilities": {"label_smoothing": 0.125},
    "cost/softmax_focal": {"gamma": 1.5},
    "cost/poly_cross_entropy": {"epsilon": -0.5},
    "cost/hinge_embedding": {"margin": 0.5},
    "cost/margin_ranking": {"margin": 0.5},
    "cost/multi_margin": {"p": 2, "margin": 0.5},
    "cost/cosine_embedding": {"margin": 0.25},
    "cost/triplet_margin": {"margin": 2.0, "eps": 2.0**-10},
    "cost/nt_xent": {"temperature": 0.5},
    "cost/dice": {"smooth": 0.0},
    "cost/tversky": {"alpha": 0.25, "beta": 0.75, "smooth": 0.5},
    "cost/ctc": {"blank": 2},
    "regularizer/l2": {"lam": 0.125, "n": 4},
    "regularizer/elastic_net": {"lam": 0.125, "mix": 0.25},
    "regularizer/max_norm": {"lam": 0.125, "limit": 0.75},
    "regularizer/label_smoothing": {"eps": 0.25},
    "regularizer/inverted_dropout": {"rate": 0.25},
    "update/clip_by_value": {"max_value": 0.5},
    "update/clip_by_norm": {"max_norm": 9.0},
}
# What the arguments of the costs are, and of which costs they are the arguments.
KINDS = {
    "real": lambda rng: rng.standard_normal((N, D)),
    "positive": lambda rng: np.exp(rng.standard_normal((N, D))),
    "unit": lambda rng: rng.uniform(0, 1, (N, D)),
    "rows": lambda rng: rng.dirichlet(np.full(D, 4.0), N),
    "logs": lambda rng: np.log(rng.dirichlet(np.full(D, 4.0), N)),
    "signs": lambda rng: rng.choice([-1.0, 1.0], (N, D)),
    "switches": lambda rng: rng.choice([-1, 1], (N, D)),
    "switch": lambda rng: rng.choice([-1, 1], N),
    "sets": lambda rng: rng.integers(0, 2, (N, D)),
    "label": lambda rng: rng.permutation(D)[:N],
    "numbers": lambda rng: rng.standard_normal(N + 2),
    "pairs": lambda rng: rng.permutation([0, 0, 1, 1]),
    "of pairs": lambda rng: rng.standard_normal((4, 3)),
    "weights": lambda rng: rng.uniform(0.25, 4, (N, D)),
    "of classes": lambda rng: rng.uniform(0.25, 4, D),
}
COSTS = [
    ("smooth_l1 log_cosh quantile quadratic", {"a": "real", "y": "real"}),
    ("l1 squared_error huber_error", {"a": "real", "y": "real", "weight": "weights"}),
    ("poisson_nll", {"a": "real", "y": "positive"}),
    ("poisson_nll_rate", {"a": "positive", "y": "positive"}),
    ("gaussian_nll", {"a": "real", "y": "real", "v": "positive"}),
    ("kl_div nll", {"a": "logs", "y": "rows"}),
    ("kl_div_log_target", {"a": "logs", "y": "logs"}),
    ("jensen_shannon", {"p": "rows", "q": "rows"}),
    ("cross_entropy dice tversky", {"a": "rows", "y": "rows"}),
    ("binary_cross_entropy", {"a": "rows", "y": "unit", "weight": "weights"}),
    ("binary_cross_entropy_logits", {"z": "real", "y": "unit", "weight": "weights", "pos_weight": "of classes"}),
    ("sigmoid_focal", {"z": "real", "y": "unit"}),
    ("nll_labels", {"a": "logs", "labels": "label", "weight": "of classes"}),
    ("cross_entropy_labels softmax_focal multi_margin", {"z": "real", "labels": "label", "weight": "of classes"}),
    ("multiclass_hinge multiclass_perceptron", {"z": "real", "labels": "label"}),
    ("cross_entropy_probabilities", {"z": "real", "y": "rows", "weight": "of classes"}),
    ("poly_cross_entropy", {"z": "real", "y": "rows"}),
    ("hinge squared_hinge perceptron soft_margin", {"z": "real", "y": "signs"}),
    ("hinge_embedding", {"z": "real", "y": "switches"}),
    ("margin_ranking", {"a": "real", "b": "real", "y": "signs"}),
    ("multilabel_margin", {"z": "real", "y": "sets"}),
    ("multilabel_soft_margin", {"z": "real", "y": "unit", "weight": "of classes"}),
    ("wasserstein_critic", {"a": "real", "b": "numbers"}),
    ("cosine_distance", {"a": "real", "b": "real"}),
    ("cosine_embedding", {"a": "real", "b": "real", "y": "switch"}),
    ("triplet_margin", {"a": "real", "b": "real", "c": "real"}),
    ("nt_xent", {"z": "of pairs", "labels": "pairs"}),
]
ARGUMENTS = {name: kinds for names, kinds in COSTS for name in names.split()}
LAYERS = ("activation/tanh", "activation/softplus")


def load(side):
    """The oracle of that name; what needs it is skipped where its framework is not installed."""
    import pytest

    try:
        return importlib.import_module(SIDES[side])
    except ImportError as missing:
        return pytest.skip(str(missing))


@contextmanager
def where_there_is_one():
    """Skips what the installed version of a framework has no function or option for."""
    import pytest

    try:
        yield
    except LookupError as missing:
        if "not in this version" not in str(missing):
            raise
        pytest.skip(str(missing))


def signature(oracle, id):
    """The parameters of a definition with their defaults."""
    return {p.name: p.default for p in inspect.signature(oracle.DEFINITIONS[id]).parameters.values()}


def _activation(id, rng, odd):
    z = 2 * rng.standard_normal((2, N, 2 * D))
    learned = {name: np.array(x) for name, x in LEARNED.get(id, {}).items()} if odd else {}
    return {"z": z, **learned}


def _cost(name, rng, odd):
    """Arguments that a cost is meant for; weights in the odd case."""
    if name != "ctc":
        kinds = {key: kind for key, kind in ARGUMENTS[name].items() if odd or "weight" not in key}
        return {key: KINDS[kind](rng) for key, kind in kinds.items()}
    z = rng.standard_normal((2, 4, 3))  # four frames of three symbols
    logs = z - np.log(np.exp(z).sum(-1, keepdims=True))
    if not odd:
        return {"a": logs, "labels": np.array([[1, 2], [2, 1]])}
    lengths = {"input_lengths": np.array([3, 4]), "target_lengths": np.array([2, 1])}
    return {"a": logs, "labels": np.array([[0, 1], [1, 0]]), **lengths}


def _other(name, rng, odd):
    """Arguments of a regularizer, or of clipping."""
    if name in ("jacobian", "gradient_penalty"):
        outputs = 2 if name == "jacobian" else 1
        shapes = {"x": (3, 2), "W1": (3, 2), "b1": (3,), "W2": (outputs, 3), "b2": (outputs,)}
        return {key: rng.standard_normal(shape) for key, shape in shapes.items()}
    if name.startswith("clip"):
        return {"g1": rng.standard_normal((2, 3)), "g2": rng.standard_normal(4), "g3": np.array(rng.standard_normal())}
    x = rng.standard_normal((2, N, D))
    if name == "label_smoothing":
        return {"z": x, "y": rng.integers(0, D, (2, N))}
    if "dropout" in name:
        return {"a": x, "mask": rng.integers(0, 2, x.shape)}
    return {"z" if name == "entropy" else "a" if "activity" in name else "w": x}


def draw(id, seed=0, dtype="float64"):
    """(arguments, parameters) of a case, floats in `dtype`; every odd one has weights, and other parameters."""
    kind, name = id.split("/")
    rng = np.random.default_rng([len(id), *id.encode(), seed])
    odd = bool(seed % 2)
    given = {"activation": lambda: _activation(id, rng, odd), "cost": lambda: _cost(name, rng, odd)}
    arguments = given.get(kind, lambda: _other(name, rng, odd))()
    parameters = dict(GIVEN.get(id, {})) if odd else {}
    if name in ("jacobian", "gradient_penalty"):
        parameters["activations"] = LAYERS
    return {key: as_dtype(x, dtype) for key, x in arguments.items()}, parameters


def as_dtype(x, dtype):
    """Floats in a dtype by its name; other arrays as they are."""
    if x.dtype.kind != "f":
        return x
    if dtype == "bfloat16":
        import pytest

        return x.astype(pytest.importorskip("ml_dtypes").bfloat16)
    return x.astype(dtype)


def cotangents(outputs, seed=0):
    """Random cotangents of outputs, by their names and in their dtypes."""
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.standard_normal(x.shape)).astype(x.dtype) for name, x in outputs.items()}


def close(got, expected, tolerance=TOLERANCE["float64"]):
    """Arrays by name, all of them, within the tolerance of the largest entry."""
    assert got.keys() == expected.keys()
    for name, q in expected.items():
        p, q = np.asarray(got[name], np.float64), np.asarray(q, np.float64)
        assert p.shape == q.shape, name
        np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance * np.abs(q).max(initial=1), err_msg=name)


# ---------------------------------------------------------------- networks

# hidden, output, cost, its ends, regularizer
NETWORKS = [
    ("tanh", "sigmoid", "binary_cross_entropy", ("a", "y"), "l2"),
    ("gelu", "softmax", "cross_entropy", ("a", "y"), "none"),
    ("elu", "log_softmax", "nll_labels", ("a", "labels"), "l1"),
    ("softplus", "identity", "cross_entropy_probabilities", ("z", "y"), "elastic_net"),
    ("sigmoid", "identity", "softmax_focal", ("z", "labels"), "group_lasso"),
    ("silu", "softmax", "jensen_shannon", ("p", "q"), "orthogonality"),
    ("tanh", "identity", "wasserstein_critic", ("a", "b"), "spectral_norm"),
    ("tanh", "log_softmax", "kl_div", ("a", "y"), "nuclear_norm"),
    ("tanh", "identity", "multilabel_soft_margin", ("z", "y"), "max_norm"),
]
PARAMETERS = {
    **{id: given for id, given in GIVEN.items() if id.startswith("regularizer")},
    "activation/elu": {"alpha": 0.5},
    "cost/binary_cross_entropy": {"reduction": "batchmean"},
    "cost/softmax_focal": {"gamma": 1.5, "reduction": "sum"},
}


def network_ids(network):
    """What says to an oracle's `network` which it is, by keyword."""
    hidden, output, cost, ends, regularizer = network
    ids = {"hidden": f"activation/{hidden}", "output": f"activation/{output}", "cost": f"cost/{cost}"}
    return {**ids, "ends": ends, "regularizer": f"regularizer/{regularizer}", "parameters": PARAMETERS}


def small_network(lead=(), dtype="float64"):
    """x, y, W and b of a network of 3, 4, 4 and 2 units; rows of y are distributions."""
    rng = np.random.default_rng(3)
    W = [rng.standard_normal((*lead, o, i)).astype(dtype) for o, i in ((4, 3), (4, 4), (2, 4))]
    b = [rng.standard_normal((*lead, o)).astype(dtype) for o in (4, 4, 2)]
    y = rng.dirichlet(np.ones(2), (*lead, 5))
    return rng.standard_normal((*lead, 5, 3)).astype(dtype), y.astype(dtype), W, b


def flat(gradient):
    """(C, dW, db) by name."""
    C, dW, db = gradient
    layers = {f"{name}{k}": g for name, found in (("W", dW), ("b", db)) for k, g in enumerate(found, 1)}
    return {"C": C, **layers}


IDS = list(fd.DEFINITIONS)
