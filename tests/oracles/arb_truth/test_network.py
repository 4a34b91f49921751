import itertools
import math

import numpy as np
import pytest

pytest.importorskip("flint")

from flint import arb, arb_series, ctx
from hypothesis import given
from hypothesis import strategies as st

from oracles.arb_truth import tape as arb_tape
from oracles.arb_truth.definition import ELEMENTWISE, working
from oracles.arb_truth.network import (
    COSTS,
    ENDINGS,
    REGULARIZERS,
    Undecided,
    Undefined,
    flatten,
    forward_mode,
    outwards,
    parameter_name,
    penalty_truth,
    program,
    reverse_mode,
    truth,
    unflatten,
)

ON_PROBABILITIES = {"cost/bce": "activation/sigmoid", "cost/cross_entropy": "activation/softmax"}


def network(sizes, n=1, seed=0, dtype=np.float64):
    """Gaussian inputs and parameters, one-hot targets."""
    rng = np.random.default_rng(seed)
    W = [rng.normal(0, 1 / np.sqrt(a), (c, a)).astype(dtype) for a, c in itertools.pairwise(sizes)]
    b = [rng.normal(0, 0.3, c).astype(dtype) for c in sizes[1:]]
    x = rng.normal(size=(n, sizes[0])).astype(dtype)
    y = np.eye(sizes[-1], dtype=dtype)[rng.integers(0, sizes[-1], n)]
    return x, y, W, b


def one_unit(z, y=0.0, width=1):
    """A 1-1-1 network whose hidden pre-activation is exactly z: its weight is zero and its bias is z."""
    one = np.ones((1, 1))
    return one, np.full((1, 1), y), [np.zeros((1, 1)), one], [np.array([float(z)]), np.zeros(1)]


def assert_overlap(f, W, b):
    with working(192, 2):
        tape = reverse_mode(f, W, b).gradient
        series = forward_mode(f, W, b)
    for k, (p, q) in enumerate(zip(tape, series, strict=True)):
        assert p.overlaps(q), f"{parameter_name(k, W)}: tape {p}, forward mode {q}"


COMBINATIONS = [(hidden, "cost/quadratic", "activation/identity") for hidden in ELEMENTWISE] + [
    ("activation/tanh", cost, ON_PROBABILITIES.get(cost, output))
    for cost in COSTS
    for output in ("activation/identity", "activation/log_softmax")
]


@pytest.mark.parametrize(("hidden", "cost", "output"), COMBINATIONS)
@pytest.mark.parametrize("regularizer", ["regularizer/none", "regularizer/elastic_net"])
def test_tape_overlaps_forward_mode(hidden, cost, output, regularizer):
    x, y, W, b = network((4, 5, 3), n=2, seed=len(hidden))
    assert_overlap(program(x, y, hidden, output, cost, regularizer, {}), W, b)


PROBABLE = ["jensen_shannon", "binary_cross_entropy", "dice", "tversky", "poisson_nll_rate"]


def targets(cost, y):
    """Rows with a 1 as the cost wants them: signs, distributions without 0, or as they are."""
    if cost.split("/")[1] in ("hinge", "squared_hinge", "perceptron", "soft_margin", "hinge_embedding"):
        return 2 * y - 1
    return (1 + 5 * y) / 8 if cost.split("/")[1] in ("kl_div", "jensen_shannon", "poly_cross_entropy") else y


@pytest.mark.parametrize("cost", ENDINGS)
def test_tape_overlaps_forward_mode_at_a_further_cost(cost):
    x, y, W, b = network((4, 5, 3), n=2, seed=3)
    output = "activation/softmax" if cost.split("/")[1] in PROBABLE else "activation/identity"
    f = program(x, targets(cost, y), "activation/tanh", output, cost, "regularizer/none", {})
    assert_overlap(f, W, b)


@pytest.mark.parametrize(
    ("cost", "z", "y", "low", "high"),
    [("l1", 0.5, 0.5, -1, 1), ("quantile", 0.5, 0.5, -0.5, 0.5), ("hinge", 1, 1, -1, 0), ("perceptron", 0, 1, -1, 0),
     ("hinge_embedding", 1, -1, -1, 0)],
)  # fmt: skip
def test_a_further_cost_at_its_kink_encloses_every_slope(cost, z, y, low, high):
    one, y, W, b = one_unit(0.0, float(y))
    b[1][:] = z
    got = truth(one, y, W, b, "activation/identity", "activation/identity", f"cost/{cost}")
    np.testing.assert_allclose([got.db[1].lower[0], got.db[1].upper[0]], [low, high], atol=1e-6)


@pytest.mark.parametrize(
    ("cost", "gap"), [("multiclass_perceptron", 0.0), ("multiclass_hinge", 1.0), ("multi_margin", 1.0)]
)
def test_scores_that_tie_enclose_every_choice(cost, gap):
    W, b = [np.zeros((3, 1))], [np.array([gap, 0.0, -4.0])]
    y = np.array([[1.0, 0.0, 0.0]])
    got = truth(np.ones((1, 1)), y, W, b, "activation/identity", "activation/identity", f"cost/{cost}")
    share = 1 / 3 if cost == "multi_margin" else 1
    np.testing.assert_allclose(got.db[0].lower[1], 0, atol=1e-6)
    np.testing.assert_allclose(got.db[0].upper[1], share, rtol=1e-6)
    assert got.db[0].lower[2] == got.db[0].upper[2] == 0


def test_overlap_notices_a_wrong_tape(monkeypatch):
    def wrong(self, other):
        return arb_tape.Node(self.value / other, (self,), (arb(1),))

    x, y, W, b = network((4, 5, 3))
    f = program(x, y, "activation/tanh", "activation/identity", "cost/quadratic", "regularizer/none", {})
    assert_overlap(f, W, b)
    monkeypatch.setattr(arb_tape.Node, "__truediv__", wrong)  # forgets the divisor
    with pytest.raises(AssertionError, match=r"W\[0\]\[0, 0\]"):
        assert_overlap(f, W, b)


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_difference_quotient_of_the_cost_agrees(cost, regularizer):
    """(C(p + h) − C(p − h))/2h in 600-bit balls with h = 2^-120: right to h², without any differentiation."""
    x, y, W, b = network((3, 4, 2), n=2)
    output = ON_PROBABILITIES.get(cost, "activation/identity")
    got = truth(x, y, W, b, "activation/silu", output, cost, regularizer)
    f = program(x, y, "activation/silu", output, cost, regularizer, {})
    with working(600, 2):
        flat = flatten(W, b)
        h = arb(2) ** -120
        slack = arb(0, arb(2) ** -200)
        for k, (low, high) in enumerate(zip(got.lower[1:], got.upper[1:], strict=True)):
            at = [
                f(*unflatten([arb_series([p + s * h if i == k else p]) for i, p in enumerate(flat)], W))[0]
                for s in (1, -1)
            ]
            quotient = (at[0] - at[1]) / (2 * h) + slack
            assert quotient.overlaps(arb(float(low)).union(arb(float(high)))), parameter_name(k, W)


def test_by_hand():
    """C = ½(w·x + b − y)² with x = 2, w = 3, b = 0, y = 1: C = 12.5, ∂C/∂w = 10, ∂C/∂b = 5, exactly."""
    g = truth(
        np.array([[2.0]]), np.array([[1.0]]), [np.array([[3.0]])], [np.zeros(1)],
        "activation/identity", "activation/identity", "cost/quadratic",
    )  # fmt: skip
    assert (g.cost.lower, g.cost.upper) == (12.5, 12.5)
    assert g.dW[0].lower.tolist() == g.dW[0].upper.tolist() == [[10.0]]
    assert g.db[0].lower.tolist() == g.db[0].upper.tolist() == [5.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_enclosures_are_within_two_floats(dtype):
    g = truth(*network((4, 5, 3), 7, dtype=dtype), "activation/gelu", "activation/softmax", "cost/cross_entropy")
    for low, high in [*g.dW, *g.db, g.cost]:
        assert (low <= high).all()
        assert (high <= np.nextafter(np.nextafter(low, np.inf), np.inf)).all()
        assert low.dtype == high.dtype == np.float64


def test_relu_kink_encloses_both_slopes():
    """z = 0 exactly: ∂C/∂w₁ = δ·s·x with s anywhere in [0, 1]; δ = a − y = −1 here."""
    g = truth(*one_unit(0.0, y=1.0), "activation/relu", "activation/identity", "cost/quadratic")
    assert g.kinks == 2
    assert g.dW[0].lower[0, 0] <= -1
    assert g.dW[0].upper[0, 0] >= 0
    excess = 16 * 2.0**-30  # a ball's radius has 30 bits and is rounded up in each operation, here fewer than 16
    assert g.dW[0].upper[0, 0] - g.dW[0].lower[0, 0] < 1 + excess
    assert g.dW[1].lower == g.dW[1].upper == 0


@pytest.mark.parametrize("z", [np.nextafter(0, 1), -np.nextafter(0, 1), 1e-300, -1e-300])
def test_next_to_the_kink_is_decided(z):
    g = truth(*one_unit(z, y=1.0), "activation/relu", "activation/identity", "cost/mse")
    assert g.kinks == 0
    truth_is = -2 if z > 0 else 0  # −2(1 − z), less than an ULP from −2
    assert g.dW[0].lower[0, 0] <= truth_is <= g.dW[0].upper[0, 0] <= truth_is + 5e-16


def test_breakpoint_with_equal_slopes_is_no_kink():
    g = truth(*one_unit(0.0, y=1.0), "activation/elu", "activation/identity", "cost/quadratic")
    assert g.kinks == 0
    assert g.dW[0].lower == g.dW[0].upper == -1


def test_absolute_values_at_zero():
    x, y, W, b = one_unit(0.0)
    g = truth(x, y, W, b, "activation/identity", "activation/identity", "cost/mae", "regularizer/l1",
              parameters={"regularizer/l1": {"lam": 0.5}})  # fmt: skip
    assert g.dW[0].lower <= -1.5 < 1.5 <= g.dW[0].upper  # a − y = 0 and w = 0
    assert g.db[1].lower <= -1 < 1 <= g.db[1].upper
    assert g.dW[1].lower == g.dW[1].upper == 0.5  # ∂/∂w₂ = ±a = 0, plus λ sign w₂


@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_penalty_alone_is_the_difference_it_makes(regularizer):
    case = (*network((4, 5, 3)), "activation/tanh", "activation/identity", "cost/mse")
    bare, full, penalty = truth(*case), truth(*case, regularizer), penalty_truth(case[2], regularizer)
    for got, without, with_it in zip(
        [penalty.cost, *penalty.dW, *penalty.db], [bare.cost, *bare.dW, *bare.db], [full.cost, *full.dW, *full.db],
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(got.lower, with_it.lower - without.lower, rtol=1e-13, atol=1e-15)
        assert (got.lower <= got.upper).all()
    assert all((b.lower == 0).all() and (b.upper == 0).all() for b in penalty.db)


def test_cancelling_sum_needs_more_bits():
    """Pre-activation 1 + 2^-900 − 1, a sum that 128 bits cannot tell from 0."""
    x = np.array([[1.0, 2.0**-900, 1.0]])
    W, b = [np.array([[1.0, 1.0, -1.0]])], [np.zeros(1)]
    g = truth(x, np.ones((1, 1)), W, b, "activation/identity", "activation/relu", "cost/quadratic")
    assert g.precision > 128
    assert (g.dW[0].lower[0, 0], g.dW[0].upper[0, 0]) == (-1, -1 + 2.0**-53)  # −(1 − 2^-900)
    assert g.dW[0].upper[0, 1] < 0


def test_saturated_units_keep_their_digits():
    """σ'(−800) = 3.7e-348 is below every float, σ'(−700) is not."""
    small = truth(*one_unit(-700.0, y=1.0), "activation/sigmoid", "activation/identity", "cost/quadratic")
    np.testing.assert_allclose(small.db[0].lower, -np.exp(-700.0), rtol=1e-12)
    tiny = truth(*one_unit(-800.0, y=1.0), "activation/sigmoid", "activation/identity", "cost/quadratic")
    assert (tiny.db[0].lower, tiny.db[0].upper) == (-np.nextafter(0, 1), 0)


def test_huge_logits_do_not_overflow():
    x, y, W, b = np.array([[1e300, -1e300, 1.0]]), np.array([[1.0, 0.0, 0.0]]), [np.eye(3)], [np.zeros(3)]
    g = truth(x, y, W, b, "activation/identity", "activation/identity", "cost/softmax_cross_entropy")
    least = np.nextafter(0, 1)
    for bounds in (g.cost, g.db[0]):
        assert (np.abs(bounds) <= least).all()


def test_many_equal_terms_and_zero_inputs():
    x, y, W, b = np.zeros((6, 4)), np.ones((6, 3)), [np.zeros((5, 4)), np.zeros((3, 5))], [np.zeros(5), np.zeros(3)]
    g = truth(x, y, W, b, "activation/tanh", "activation/identity", "cost/mse")
    assert g.cost.lower == g.cost.upper == 1
    assert (g.dW[0].lower == 0).all()
    assert (g.dW[0].upper == 0).all()
    third = g.db[1]
    assert (third.lower <= -2 / 3).all()
    assert (third.upper >= -2 / 3).all()


def test_all_zero_targets_leave_no_gradient():
    x, y, W, b = network((3, 2))
    g = truth(x, 0 * y, W, b, "activation/identity", "activation/softmax", "cost/cross_entropy")
    assert (g.dW[0].lower == 0).all()
    assert g.cost.upper == 0


def test_mathematical_zero_on_a_kink_is_undecided():
    """tanh 1 − tanh 1 is 0, but a ball around it never lies on the breakpoint of relu exactly."""
    x, y, W, b = (
        np.ones((1, 1)),
        np.ones((1, 1)),
        [np.ones((2, 1)), np.array([[1.0, -1.0]])],
        [np.zeros(2), np.zeros(1)],
    )
    with pytest.raises(Undecided, match=r"layer 2, example 0, unit 0.*1024 bits.*max_precision"):
        truth(x, y, W, b, "activation/tanh", "activation/relu", "cost/quadratic", max_precision=1024)


@pytest.mark.parametrize(("output", "cost"), [("relu", "cross_entropy"), ("relu", "bce"), ("tanh", "bce")])
def test_logarithm_of_what_is_not_positive_is_undefined(output, cost):
    x, y, W, b = np.ones((1, 1)), np.ones((1, 1)), [-np.ones((1, 1))], [np.zeros(1)]
    with pytest.raises(Undefined, match="logarithm of"):
        truth(x, y, W, b, "activation/identity", f"activation/{output}", f"cost/{cost}")


BAD = [
    ({"hidden": "activation/rleu"}, KeyError, "did you mean activation/relu"),
    ({"cost": "cost/cross-entropy"}, KeyError, "cost/cross_entropy"),
    ({"regularizer": "l2"}, KeyError, "regularizer/l2"),
    ({"parameters": {"activation/telu": {}}}, KeyError, "activation/relu"),
    ({"parameters": {"cost/huber": {"delta": -1.0}}, "cost": "cost/huber"}, ValueError, r"delta = -1\.0.*delta > 0"),
    ({"parameters": {"activation/tanh": {"alpha": 1.0}}}, TypeError, "no parameter 'alpha'"),
    ({"x": np.ones((1, 4), int)}, TypeError, "x is int64"),
    ({"x": np.full((1, 4), np.nan)}, ValueError, "x holds nan"),
    ({"x": np.ones((0, 4))}, ValueError, r"x has shape \(0, 4\)"),
    ({"x": np.ones((1, 5))}, ValueError, r"W\[0\] has shape \(5, 4\)"),
    ({"y": np.ones((2, 3))}, ValueError, r"y has shape \(2, 3\)"),
    ({"b": [np.ones(5)]}, ValueError, "2 weights and 1 biases"),
    ({"b": [np.ones(5), np.ones(4)]}, ValueError, r"b\[1\] has shape \(4,\)"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input_is_named(change, error, message):
    x, y, W, b = network((4, 5, 3))
    good = {"x": x, "y": y, "W": W, "b": b, "hidden": "activation/tanh", "output": "activation/identity",
            "cost": "cost/quadratic", "regularizer": "regularizer/none"}  # fmt: skip
    truth(**good)
    with pytest.raises(error, match=message):
        truth(**{**good, **change})


def test_global_precision_is_put_back():
    before = ctx.prec, ctx.cap
    truth(*network((4, 5, 3)), "activation/tanh", "activation/identity", "cost/quadratic")
    with pytest.raises(Undefined):
        truth(*one_unit(-1.0, y=1.0), "activation/identity", "activation/identity", "cost/cross_entropy")
    assert (ctx.prec, ctx.cap) == before


@given(st.integers(-(10**40), 10**40), st.integers(-1300, 1100))
def test_outwards_brackets_every_ball_tightly(mantissa, exponent):
    with working(128, 2):
        ball = arb(mantissa) * arb(2) ** exponent
        low, high = outwards(ball)
        assert not arb(low) > ball
        assert not arb(high) < ball
        assert high <= math.nextafter(math.nextafter(low, math.inf), math.inf)
        if arb(float(ball.mid())) == ball:
            assert low == high
