"""The pencil networks through ours, PyTorch, JAX and balls: every gradient to the last bit."""

from functools import partial

import numpy as np
import pytest
from oracle_cases import load

from literature.worked import EXAMPLES, w11
from reference import activations, costs, find
from reference.network import backprop

EACH = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.id)
OVER_OUTPUTS = {"reduction": "batchmean"}  # of one example: the sum over its outputs


def floats(nested):
    return np.array(nested, dtype=np.float64)


def arrays(example):
    return floats([example.x]), floats([example.y]), list(map(floats, example.W)), list(map(floats, example.b))


def by_ours(example):
    g = [find(id).function for id in (example.hidden, example.output)]
    return backprop(*arrays(example), g, partial(find(example.cost).function, **OVER_OUTPUTS))


def by(oracle, example):
    given = {example.cost: OVER_OUTPUTS}
    return oracle.network(*arrays(example), example.hidden, example.output, example.cost, parameters=given)


def check(example, C, dW, db):
    for got, want in [*zip(dW, example.dW, strict=True), *zip(db, example.db, strict=True)]:
        np.testing.assert_array_equal(got, floats(want))
    if example.C is not None:
        assert float(C) == example.C


@EACH
def test_ours_gives_the_fractions(example):
    g = by_ours(example)
    check(example, g.cost, g.dW, g.db)
    for got, want in [*zip(g.z, example.z, strict=True), *zip(g.a[1:], example.a, strict=True),
                      *zip(g.delta, example.delta, strict=True)]:  # fmt: skip
        np.testing.assert_array_equal(got[0], floats(want))


@pytest.mark.parametrize("side", ["torch", "jax"])
@EACH
def test_a_framework_gives_the_fractions(example, side):
    check(example, *by(load(side), example))


@EACH
def test_balls_hold_the_fractions(example):
    pytest.importorskip("flint")
    from oracles import arb_truth

    truth = by(arb_truth, example)
    wanted = [*zip(truth.dW, example.dW, strict=True), *zip(truth.db, example.db, strict=True)]
    for ball, want in wanted:
        assert np.all(ball.lower <= floats(want))
        assert np.all(floats(want) <= ball.upper)
        np.testing.assert_allclose(ball.upper, ball.lower, rtol=1e-15, atol=1e-300)


def test_the_step_of_deriving_backprop_ends_in_fractions():
    (example,) = (e for e in EXAMPLES if e.id == "entropy-2-2-1")
    _, _, W, b = arrays(example)
    g = by_ours(example)
    alpha = 0.5
    assert [(w - alpha * d).tolist() for w, d in zip(W, g.dW, strict=True)] == [
        [[1.5, -1.75], [0.25, -1.125]],
        [[4.125, -1.875]],
    ]
    assert [(c - alpha * d).tolist() for c, d in zip(b, g.db, strict=True)] == [[0.25, -0.125], [-0.75]]


@pytest.mark.parametrize("seed", range(5))
def test_w11_written_out_agrees_with_ours_and_lies_in_the_ball(seed):
    pytest.importorskip("flint")
    from oracles import arb_truth

    rng = np.random.default_rng(seed)
    w, u, b1, b2 = (rng.standard_normal(s) for s in [(2, 3), (3, 2), 3, 2])
    x, t = rng.standard_normal(2), rng.uniform(size=2)
    printed = w11(x, t, w, u, b1, b2)
    case = (x[None], t[None], [w.T, u.T], [b1, b2])
    ours = backprop(*case, [activations.sigmoid] * 2, costs.quadratic).dW[0][0, 0]
    truth = arb_truth.network(*case, "activation/sigmoid", "activation/sigmoid", "cost/quadratic").dW[0]
    exact, scale = truth.lower[0, 0], np.abs(truth.lower).max()
    # About 40 operations on numbers of the size of the gradient: 40 half ULPs of the largest, the terms may cancel.
    assert abs(printed - exact) <= 40 * 2.0**-53 * max(scale, abs(exact))
    assert abs(ours - exact) <= 40 * 2.0**-53 * max(scale, abs(exact))


@EACH
def test_a_wrong_fraction_would_be_noticed(example):
    g = by_ours(example)
    with pytest.raises(AssertionError):
        check(example, g.cost, [2 * d for d in g.dW], g.db)
