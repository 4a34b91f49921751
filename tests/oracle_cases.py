"""What the oracles are tried on: small arguments for every formula, and how near two of them must come."""

import importlib
import inspect
import math
from contextlib import contextmanager

import numpy as np

from gradproof import cases
from gradproof.cases.parameters import OTHERS
from oracles import finite_difference as fd
from reference import CATALOGUE

SIDES = {"torch": "oracles.torch_autograd", "jax": "oracles.jax_grad", "complex step": "oracles.finite_difference"}
# Definitions that other people compute: a few rounding errors, of results up to 6 in size.
TOLERANCE = {"float16": 2e-2, "bfloat16": 2e-1, "float32": 4e-6, "float64": 2e-13}
Z_SHAPE = (2, 3, 8)


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


def learned(id):
    """Parameters of an activation that may be arguments too: the real ones of its last setting, to a power of two.

    Of these the reciprocal is exact as well, of which torch keeps some in float32.
    """
    given = dict(*OTHERS.get(id, ())[-1:]) if id.startswith("activation/") else {}
    return {name: math.copysign(2.0 ** round(math.log2(abs(x))), x) if x else x
            for name, x in given.items() if isinstance(x, float)}  # fmt: skip


def inner(x, entries):
    """Probabilities away from their ends, where differences have no digits: halfway to the uniform ones."""
    if entries == "probability":
        return (x + 1 / 2) / 2
    if entries == "distribution":
        return (x + 1 / x.shape[-1]) / 2
    return np.log(inner(np.exp(x), "distribution")) if entries == "log distribution" else x


def draw(id, seed=0, dtype="float64"):
    """(arguments, parameters) of a case, floats in `dtype`: as the audit draws it, elementwise activations at any z.

    Every odd one has weights, and other parameters than the defaults; those of activations are then arguments.
    """
    odd = bool(seed % 2)
    if id.startswith("activation/"):
        rng = np.random.default_rng([len(id), *id.encode(), seed])
        z = 2 * rng.standard_normal(Z_SHAPE)
        arguments = {"z": z, **{name: np.array(x) for name, x in learned(id).items() if odd}}
        parameters = {"k": 4} if odd and "k" in CATALOGUE[id].parameters else {}
    else:
        case = cases.draw(id, "float64", "plain", seed)
        arguments = {name: inner(x, CATALOGUE[id].entries.get(name)) for name, x in case.arguments.items()}
        parameters = dict(case.parameters)
    return {name: as_dtype(x, dtype) for name, x in arguments.items()}, parameters


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
    **{id: given for id, (given, *_) in OTHERS.items() if id.startswith("regularizer")},
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
LEARNED = {id: learned(id) for id in IDS if learned(id)}
