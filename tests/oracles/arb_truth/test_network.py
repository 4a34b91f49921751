import inspect
import itertools
import math

import numpy as np
import pytest

pytest.importorskip("flint")

from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

from oracles.arb_truth import tape as arb_tape
from oracles.arb_truth.activations import ELEMENTWISE
from oracles.arb_truth.costs import COSTS
from oracles.arb_truth.jets import Jet, variables
from oracles.arb_truth.network import (
    flatten,
    network,
    outwards,
    parameter_name,
    penalty,
    program,
    reverse_mode,
    unflatten,
)
from oracles.arb_truth.numbers import Undecided, Undefined, working

WEIGHTS = ("none", "l2", "l1", "elastic_net", "group_lasso", "max_norm", "orthogonality", "spectral_norm",
           "nuclear_norm")  # fmt: skip
GIVEN = {"regularizer/max_norm": {"limit": 1.25}, "cost/huber_error": {"delta": 0.5}}
SIGNED = ("hinge", "squared_hinge", "perceptron", "soft_margin", "hinge_embedding")


def arguments(cost):
    """Where a cost takes the outputs and the targets of a network."""
    first, second, *_ = inspect.signature(COSTS[cost].function).parameters
    return first, second


NOT_AT_AN_END = (
    "ctc", "cosine_distance", "cosine_embedding", "margin_ranking", "triplet_margin", "nt_xent", "gaussian_nll",
    "kl_div_log_target", "dpo", "ipo", "kto", "orpo", "ppo_clip", "kl_k3", "z_loss", "linear_cross_entropy",
    "crf", "transducer", "cpo", "simpo", "grpo_clip", "kl_k1", "generalized_dice", "adaptive_log_softmax",
)  # they take no outputs of a network, or more than outputs and targets  # fmt: skip
ENDS = {id: arguments(id) for id in COSTS if id.split("/")[1] not in NOT_AT_AN_END}
OUTPUTS = {  # where the identity gives what a cost does not take
    **dict.fromkeys(("binary_cross_entropy", "poisson_nll_rate", "dice", "tversky"), "activation/sigmoid"),
    **dict.fromkeys(("cross_entropy", "jensen_shannon"), "activation/softmax"),
}


def draw(sizes, n=1, seed=0, dtype=np.float64):
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


def targets(cost, y):
    """Rows with a 1 as the cost wants them: signs, or distributions without 0."""
    name = cost.split("/")[1]
    if name in SIGNED:
        return 2 * y - 1
    return (1 + 5 * y) / 8 if name in ("kl_div", "jensen_shannon", "poly_cross_entropy") else y


def assert_overlap(f, W, b):
    """The way back on the tape against jets, forward."""
    with working(192, 4):
        tape = reverse_mode(f, W, b).gradient
        cost = f(*unflatten(variables([p for array in (*W, *b) for p in array.ravel().tolist()]), W))
        jets = cost.slope.entries() if isinstance(cost, Jet) else [arb(0)] * len(tape)
    for k, (p, q) in enumerate(zip(tape, jets, strict=True)):
        assert p.overlaps(q), f"{parameter_name(k, W)}: tape {p}, jets {q}"


CASES = [(hidden, "activation/identity", "cost/quadratic", "l2") for hidden in ELEMENTWISE]
CASES += [("activation/tanh", OUTPUTS.get(cost.split("/")[1], "activation/identity"), cost, "none") for cost in ENDS]
CASES += [("activation/silu", "activation/log_softmax", "cost/squared_error", penalty) for penalty in WEIGHTS]


@pytest.mark.parametrize(("hidden", "output", "cost", "regularizer"), CASES)
def test_tape_overlaps_jets(hidden, output, cost, regularizer):
    x, y, W, b = draw((4, 5, 3), n=2, seed=len(hidden))
    f = program(x, targets(cost, y), hidden, output, cost, f"regularizer/{regularizer}", GIVEN, ENDS[cost])
    assert_overlap(f, W, b)


@pytest.mark.parametrize(("hidden", "output", "cost", "regularizer"), CASES[len(ELEMENTWISE) :])
def test_difference_quotient_of_the_cost_agrees(hidden, output, cost, regularizer):
    """(C(p + h) − C(p − h))/2h in 600-bit balls with h = 2^-120: right to h², without any differentiation."""
    x, y, W, b = draw((3, 4, 2), n=2)
    ends = (x, targets(cost, y)), (hidden, output, cost, f"regularizer/{regularizer}", GIVEN, ENDS[cost])
    got, f = network(*ends[0], W, b, *ends[1]), program(*ends[0], *ends[1])
    with working(600, 2):
        flat, h, slack = flatten(W, b), arb(2) ** -120, arb(0, arb(2) ** -200)
        for k, (low, high) in enumerate(zip(got.lower[1:], got.upper[1:], strict=True)):
            up, down = (f(*unflatten([p + s * h if i == k else p for i, p in enumerate(flat)], W)) for s in (1, -1))
            quotient = (up - down) / (2 * h) + slack
            assert quotient.overlaps(arb(float(low)).union(arb(float(high)))), parameter_name(k, W)


@pytest.mark.parametrize(
    ("cost", "z", "y", "low", "high"),
    [("l1", 0.5, 0.5, -1, 1), ("quantile", 0.5, 0.5, -0.5, 0.5), ("hinge", 1, 1, -1, 0), ("perceptron", 0, 1, -1, 0),
     ("hinge_embedding", 1, -1, -1, 0)],
)  # fmt: skip
def test_a_cost_at_its_kink_encloses_every_slope(cost, z, y, low, high):
    one, y, W, b = one_unit(0.0, float(y))
    b[1][:] = z
    got = network(one, y, W, b, "activation/identity", "activation/identity", f"cost/{cost}", ends=ENDS[f"cost/{cost}"])
    np.testing.assert_allclose([got.db[1].lower[0], got.db[1].upper[0]], [low, high], atol=1e-6)


@pytest.mark.parametrize(
    ("cost", "gap"), [("multiclass_perceptron", 0.0), ("multiclass_hinge", 1.0), ("multi_margin", 1.0)]
)
def test_scores_that_tie_enclose_every_choice(cost, gap):
    W, b = [np.zeros((3, 1))], [np.array([gap, 0.0, -4.0])]
    y = np.array([[1.0, 0.0, 0.0]])
    identity = "activation/identity"
    got = network(np.ones((1, 1)), y, W, b, identity, identity, f"cost/{cost}", ends=ENDS[f"cost/{cost}"])
    share = 1 / 3 if cost == "multi_margin" else 1
    np.testing.assert_allclose(got.db[0].lower[1], 0, atol=1e-6)
    np.testing.assert_allclose(got.db[0].upper[1], share, rtol=1e-6)
    assert got.db[0].lower[2] == got.db[0].upper[2] == 0


def test_overlap_notices_a_wrong_tape(monkeypatch):
    def wrong(self, other):
        return arb_tape.Node(self.value / other, (self,), (arb(1),))

    x, y, W, b = draw((4, 5, 3))
    f = program(x, y, "activation/tanh", "activation/identity", "cost/quadratic", "regularizer/none", {})
    assert_overlap(f, W, b)
    monkeypatch.setattr(arb_tape.Node, "__truediv__", wrong)  # forgets the divisor
    with pytest.raises(AssertionError, match=r"W\[0\]\[0, 0\]"):
        assert_overlap(f, W, b)


def test_by_hand():
    """C = ½(w·x + b − y)² with x = 2, w = 3, b = 0, y = 1: C = 12.5, ∂C/∂w = 10, ∂C/∂b = 5, exactly."""
    g = network(
        np.array([[2.0]]), np.array([[1.0]]), [np.array([[3.0]])], [np.zeros(1)],
        "activation/identity", "activation/identity", "cost/quadratic",
    )  # fmt: skip
    assert (g.cost.lower, g.cost.upper) == (12.5, 12.5)
    assert g.dW[0].lower.tolist() == g.dW[0].upper.tolist() == [[10.0]]
    assert g.db[0].lower.tolist() == g.db[0].upper.tolist() == [5.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_enclosures_are_within_two_floats(dtype):
    g = network(*draw((4, 5, 3), 7, dtype=dtype), "activation/gelu", "activation/softmax", "cost/cross_entropy")
    for low, high in [*g.dW, *g.db, g.cost]:
        assert (low <= high).all()
        assert (high <= np.nextafter(np.nextafter(low, np.inf), np.inf)).all()
        assert low.dtype == high.dtype == np.float64


def test_relu_kink_encloses_both_slopes():
    """z = 0 exactly: ∂C/∂w₁ = δ·s·x with s anywhere in [0, 1]; δ = a − y = −1 here."""
    g = network(*one_unit(0.0, y=1.0), "activation/relu", "activation/identity", "cost/quadratic")
    assert g.kinks == 2
    assert g.dW[0].lower[0, 0] <= -1
    assert g.dW[0].upper[0, 0] >= 0
    excess = 16 * 2.0**-30  # a ball's radius has 30 bits and is rounded up in each operation, here fewer than 16
    assert g.dW[0].upper[0, 0] - g.dW[0].lower[0, 0] < 1 + excess
    assert g.dW[1].lower == g.dW[1].upper == 0


@pytest.mark.parametrize("z", [np.nextafter(0, 1), -np.nextafter(0, 1), 1e-300, -1e-300])
def test_next_to_the_kink_is_decided(z):
    g = network(*one_unit(z, y=1.0), "activation/relu", "activation/identity", "cost/squared_error")
    assert g.kinks == 0
    truth_is = -2 if z > 0 else 0  # −2(1 − z), less than an ULP from −2
    assert g.dW[0].lower[0, 0] <= truth_is <= g.dW[0].upper[0, 0] <= truth_is + 5e-16


def test_breakpoint_with_equal_slopes_is_no_kink():
    g = network(*one_unit(0.0, y=1.0), "activation/elu", "activation/identity", "cost/quadratic")
    assert g.kinks == 0
    assert g.dW[0].lower == g.dW[0].upper == -1


def test_absolute_values_at_zero():
    x, y, W, b = one_unit(0.0)
    g = network(x, y, W, b, "activation/identity", "activation/identity", "cost/l1", "regularizer/l1",
              parameters={"regularizer/l1": {"lam": 0.5}})  # fmt: skip
    assert g.dW[0].lower <= -1.5 < 1.5 <= g.dW[0].upper  # a − y = 0 and w = 0
    assert g.db[1].lower <= -1 < 1 <= g.db[1].upper
    assert g.dW[1].lower == g.dW[1].upper == 0.5  # ∂/∂w₂ = ±a = 0, plus λ sign w₂


@pytest.mark.parametrize("regularizer", WEIGHTS)
def test_penalty_alone_is_the_difference_it_makes(regularizer):
    id = f"regularizer/{regularizer}"
    case = (*draw((4, 5, 3)), "activation/tanh", "activation/identity", "cost/squared_error")
    bare, full, alone = network(*case), network(*case, id, GIVEN), penalty(case[2], id, GIVEN)
    np.testing.assert_allclose(alone.lower, full.lower - bare.lower, rtol=1e-13, atol=1e-15)
    assert (alone.lower <= alone.upper).all()
    assert (alone.upper - alone.lower <= 4e-16 * np.maximum(np.abs(alone.lower), 1)).all()
    assert all((c.lower == 0).all() and (c.upper == 0).all() for c in alone.db)


@pytest.mark.parametrize("regularizer", ["group_lasso", "max_norm"])
def test_a_row_of_zeros_encloses_every_choice(regularizer):
    got = penalty([np.array([[0.0, 0.0], [3.0, 4.0]])], f"regularizer/{regularizer}")
    low, high = (q[0] for q in got.dW[0])
    slope = 0.1 * np.sqrt(2) if regularizer == "group_lasso" else 0
    np.testing.assert_allclose([low, high], [[-slope] * 2, [slope] * 2], rtol=1e-6)


@pytest.mark.parametrize(
    ("regularizer", "w", "defined"),
    [("spectral_norm", np.ones((3, 4)), True), ("nuclear_norm", np.ones((3, 4)), False),
     ("spectral_norm", np.zeros((2, 2)), False), ("nuclear_norm", np.array([[0.0, 0, 0], [1, 2, 3]]), False),
     ("nuclear_norm", np.diag([3.0, 2.0]), True), ("spectral_norm", np.diag([2.0, 2.0]), False)],
)  # fmt: skip
def test_a_norm_without_gradient_is_undefined(regularizer, w, defined):
    if defined:
        got = penalty([w], f"regularizer/{regularizer}")
        u, _, v = np.linalg.svd(w, full_matrices=False)
        expected = 0.1 * (np.outer(u[:, 0], v[0]) if regularizer == "spectral_norm" else u @ v)
        np.testing.assert_allclose(got.dW[0].lower, expected, rtol=0, atol=1e-15)
    else:
        with pytest.raises(Undefined, match=r"∂C/∂W\[0\]\[\d, \d\] does not exist"):
            penalty([w], f"regularizer/{regularizer}")


def test_reductions_and_labels():
    x, y, W, b = draw((3, 4, 3), n=2)
    case = (x, y, W, b, "activation/tanh", "activation/identity")
    sums = {
        reduction: network(*case, "cost/squared_error", parameters={"cost/squared_error": {"reduction": reduction}})
        for reduction in ("sum", "mean", "batchmean")
    }
    np.testing.assert_allclose(sums["sum"].lower, 6 * sums["mean"].lower, rtol=1e-14)
    np.testing.assert_allclose(sums["sum"].lower, 2 * sums["batchmean"].lower, rtol=1e-14)
    labelled = network(*case, "cost/cross_entropy_labels", ends=("z", "labels"))
    rows = network(*case, "cost/cross_entropy_probabilities", ends=("z", "y"))
    np.testing.assert_array_equal(labelled.lower, rows.lower)


def test_cancelling_sum_needs_more_bits():
    """Pre-activation 1 + 2^-900 − 1, a sum that 128 bits cannot tell from 0."""
    x = np.array([[1.0, 2.0**-900, 1.0]])
    W, b = [np.array([[1.0, 1.0, -1.0]])], [np.zeros(1)]
    g = network(x, np.ones((1, 1)), W, b, "activation/identity", "activation/relu", "cost/quadratic")
    assert g.precision > 128
    assert (g.dW[0].lower[0, 0], g.dW[0].upper[0, 0]) == (-1, -1 + 2.0**-53)  # −(1 − 2^-900)
    assert g.dW[0].upper[0, 1] < 0


def test_saturated_units_keep_their_digits():
    """σ'(−800) = 3.7e-348 is below every float, σ'(−700) is not."""
    small = network(*one_unit(-700.0, y=1.0), "activation/sigmoid", "activation/identity", "cost/quadratic")
    np.testing.assert_allclose(small.db[0].lower, -np.exp(-700.0), rtol=1e-12)
    tiny = network(*one_unit(-800.0, y=1.0), "activation/sigmoid", "activation/identity", "cost/quadratic")
    assert (tiny.db[0].lower, tiny.db[0].upper) == (-np.nextafter(0, 1), 0)


def test_huge_logits_do_not_overflow():
    x, y, W, b = np.array([[1e300, -1e300, 1.0]]), np.array([[1.0, 0.0, 0.0]]), [np.eye(3)], [np.zeros(3)]
    g = network(x, y, W, b, "activation/identity", "activation/identity", "cost/cross_entropy_probabilities",
                ends=("z", "y"))  # fmt: skip
    least = np.nextafter(0, 1)
    for bounds in (g.cost, g.db[0]):
        assert (np.abs(bounds) <= least).all()


def test_many_equal_terms_and_zero_inputs():
    x, y, W, b = np.zeros((6, 4)), np.ones((6, 3)), [np.zeros((5, 4)), np.zeros((3, 5))], [np.zeros(5), np.zeros(3)]
    g = network(x, y, W, b, "activation/tanh", "activation/identity", "cost/squared_error")
    assert g.cost.lower == g.cost.upper == 1
    assert (g.dW[0].lower == 0).all()
    assert (g.dW[0].upper == 0).all()
    third = g.db[1]
    assert (third.lower <= -2 / 3).all()
    assert (third.upper >= -2 / 3).all()


def test_all_zero_targets_leave_no_gradient():
    x, y, W, b = draw((3, 2))
    g = network(x, 0 * y, W, b, "activation/identity", "activation/softmax", "cost/cross_entropy")
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
        network(x, y, W, b, "activation/tanh", "activation/relu", "cost/quadratic", max_precision=1024)


@pytest.mark.parametrize(
    ("output", "cost"), [("relu", "cross_entropy"), ("relu", "binary_cross_entropy"), ("tanh", "binary_cross_entropy")]
)
def test_logarithm_of_what_is_not_positive_is_undefined(output, cost):
    x, y, W, b = np.ones((1, 1)), np.ones((1, 1)), [-np.ones((1, 1))], [np.zeros(1)]
    with pytest.raises(Undefined, match="logarithm of"):
        network(x, y, W, b, "activation/identity", f"activation/{output}", f"cost/{cost}")


BAD = [
    ({"hidden": "activation/rleu"}, KeyError, "did you mean activation/relu"),
    ({"cost": "cost/cross-entropy"}, KeyError, "cost/cross_entropy"),
    ({"cost": "cost/mse"}, KeyError, "no definition of 'cost/mse'"),
    ({"ends": ("z", "y")}, TypeError, "unexpected keyword argument 'z'"),
    ({"regularizer": "l2"}, KeyError, "regularizer/l2"),
    ({"parameters": {"activation/telu": {}}}, KeyError, "activation/relu"),
    (
        {"parameters": {"cost/huber_error": {"delta": -1.0}}, "cost": "cost/huber_error"},
        ValueError,
        r"delta = -1\.0.*delta > 0",
    ),
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
    x, y, W, b = draw((4, 5, 3))
    good = {"x": x, "y": y, "W": W, "b": b, "hidden": "activation/tanh", "output": "activation/identity",
            "cost": "cost/quadratic", "regularizer": "regularizer/none"}  # fmt: skip
    network(**good)
    with pytest.raises(error, match=message):
        network(**{**good, **change})


def test_global_precision_is_put_back():
    before = ctx.prec, ctx.cap
    network(*draw((4, 5, 3)), "activation/tanh", "activation/identity", "cost/quadratic")
    with pytest.raises(Undefined):
        network(*one_unit(-1.0, y=1.0), "activation/identity", "activation/identity", "cost/cross_entropy")
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
