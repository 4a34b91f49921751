"""What the oracles of networks are tried on, and how near the complex step they must come."""

import numpy as np

from gradproof.networks.draws import ELEMENTWISE, OUTPUTS, PARAMETERS

ROWWISE = [id for id in OUTPUTS if id not in ELEMENTWISE]
# Definitions that other people compute: a few rounding errors, of results up to 6 in size.
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
GIVEN = {
    "activation/leaky_relu": {"negative_slope": 0.25},
    "activation/elu": {"alpha": 0.5},
    "activation/softplus": {"beta": 3.0},
    "activation/huber": {"delta": 0.375},
    "cost/huber": {"delta": 0.375},
    **PARAMETERS,
}


def close(got, expected, dtype="float64"):
    for p, q in zip(got, expected, strict=True):
        assert p.dtype == dtype
        np.testing.assert_allclose(p, q, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


NETWORKS = [
    ("activation/tanh", "activation/sigmoid", "cost/bce", "regularizer/l2"),
    ("activation/gelu", "activation/softmax", "cost/cross_entropy", "regularizer/none"),
    ("activation/elu", "activation/log_softmax", "cost/nll", "regularizer/l1"),
    ("activation/softplus", "activation/identity", "cost/softmax_cross_entropy", "regularizer/elastic_net"),
]


def small_network(lead=(), dtype="float64"):
    rng = np.random.default_rng(3)
    W = [rng.standard_normal((*lead, o, i)).astype(dtype) for o, i in ((4, 3), (4, 4), (2, 4))]
    b = [rng.standard_normal((*lead, o)).astype(dtype) for o in (4, 4, 2)]
    return rng.standard_normal((*lead, 2, 3)).astype(dtype), rng.uniform(0, 1, (*lead, 2, 2)).astype(dtype), W, b


def flat(gradient):
    C, dW, db = gradient
    return [C, *dW, *db]


def check_blocks(oracle):
    """A regularizer for each block of the first axis gives what each block gives by itself."""
    x, y, W, b = small_network((4,))
    ids = ["regularizer/l2", "regularizer/l1"]
    given = *NETWORKS[0][:3], ids
    together = flat(oracle.network(x, y, W, b, *given, PARAMETERS))
    for k, id in enumerate(ids):
        here = slice(2 * k, 2 * k + 2)
        alone = flat(oracle.network(x[here], y[here], [w[here] for w in W], [c[here] for c in b],
                                    *given[:3], id, PARAMETERS))  # fmt: skip
        close([q[here] for q in together], alone)
